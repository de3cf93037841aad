//! Whole training steps, a line of JSON: `tests/reference/peers/steps.py` puts them beside
//! PyTorch's.
#![allow(clippy::print_stdout)]

use anyhow::Result;
use clap::Parser;
use serde_json::json;
use speed::steps::{Network, Training, resident};
use std::time::Instant;

/// Times a network's training steps.
#[derive(Parser)]
struct Options {
    /// Threads of every kind.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Which one.
    #[arg(long)]
    network: Network,
    /// Seconds of steps, after three that warm up.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    conv_core::cpu::keep_memory();
    conv_train::set_threads(options.threads)?;
    let start_kib = resident("VmRSS:")?;
    let mut training = Training::new(options.network)?;
    let mut losses = (0..3).map(|_| training.step()).collect::<Result<Vec<_>>>()?;
    let mut times = Vec::new();
    let start = Instant::now();
    while times.len() < 5 || start.elapsed().as_secs_f64() < options.seconds {
        let start = Instant::now();
        losses.push(training.step()?);
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let line = json!({
        "steps_per_second": 1.0 / times[times.len() / 2],
        "best": 1.0 / times[0],
        "steps": losses.len(),
        "losses": [losses[0], losses[losses.len() - 1]],
        "parameters": training.trained()?,
        "start_kib": start_kib,
        "peak_kib": resident("VmHWM:")?,
    });
    println!("{line}");
    Ok(())
}
