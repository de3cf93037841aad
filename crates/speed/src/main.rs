//! Times of operations, a line of JSON each: `tests/reference/peers/speed.py` puts them beside
//! PyTorch's.
#![allow(clippy::print_stdout)]

use anyhow::Result;
use clap::{Parser, ValueEnum};
use serde_json::json;
use speed::cases::{Arguments, CASES};
use speed::{candle, convoke};
use std::time::Instant;

/// Times operations forward, forward with their own backward pass, and through candle's graph.
#[derive(Parser)]
struct Options {
    /// Threads of every kind.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Whose operations.
    #[arg(long, default_value = "convoke")]
    of: Side,
    /// Only cases with this in their names.
    #[arg(long, default_value = "")]
    only: String,
    /// Seconds for each figure.
    #[arg(long, default_value_t = 0.5)]
    seconds: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Side {
    Convoke,
    Candle,
}

/// The median and the best of the times, in milliseconds, that `f` takes in so many seconds, and in
/// five calls at least.
fn time(seconds: f64, f: impl Fn() -> Result<()>) -> Result<serde_json::Value> {
    f()?;
    let mut times = Vec::new();
    let start = Instant::now();
    while times.len() < 5 || start.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        f()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(json!({ "median": times[times.len() / 2], "best": times[0] }))
}

fn main() -> Result<()> {
    let options = Options::parse();
    conv_core::cpu::keep_memory();
    conv_train::set_threads(options.threads)?;
    for case in CASES.iter().filter(|case| case.name.contains(&options.only)) {
        let tracked = Arguments::new(case)?;
        let plain = tracked.detached();
        let (forward, operation): (fn(&_, &_) -> _, fn(&_, &_, &_) -> _) = match options.of {
            Side::Convoke => (convoke::forward, convoke::forward_backward),
            Side::Candle => (candle::forward, candle::forward_backward),
        };
        let Ok(y) = forward(case, &plain) else { continue };
        let dy = y.ones_like()?;
        let figure = |f: &dyn Fn() -> Result<()>| time(options.seconds, f).unwrap_or_default();
        let line = json!({
            "case": case.name,
            "shape": y.dims(),
            "forward": figure(&|| forward(case, &plain).map(drop)),
            "both": figure(&|| operation(case, &tracked, &dy)),
            "graph": figure(&|| forward(case, &tracked)?.backward().map(drop).map_err(Into::into)),
        });
        println!("{line}");
    }
    Ok(())
}
