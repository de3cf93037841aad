//! How fast a program trains, and what memory it takes: what the twins in PyTorch print as well.

use anyhow::Result;
use conv_train::{Event, FitConfig, Interval, Learner, Run, fit};
use serde::Serialize;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Steps before the clock starts.
pub const WARM_UP: u64 = 5;

/// Resident memory of this process in KiB, where the system tells.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Memory {
    /// When it was first looked at.
    start_kib: Option<u64>,
    /// The most that it was.
    peak_kib: Option<u64>,
}

impl Memory {
    /// As it is now.
    pub fn now() -> Self {
        Self { start_kib: resident("VmRSS:"), peak_kib: None }
    }

    /// The most that it was when it was last looked at, in KiB.
    pub fn peak(&self) -> Option<u64> {
        self.peak_kib
    }

    /// Takes down the most that it was until now.
    pub fn look(&mut self) {
        self.peak_kib = resident("VmHWM:");
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |kib: Option<u64>| kib.map_or("?".into(), |kib| (kib / 1024).to_string());
        let Self { start_kib, peak_kib } = *self;
        write!(f, "{} MiB resident at start, {} at most", mib(start_kib), mib(peak_kib))
    }
}

/// A line of Linux's account of this process, in KiB, where there is one.
fn resident(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let number = status.lines().find_map(|l| l.strip_prefix(line))?.trim();
    number.strip_suffix("kB")?.trim().parse().ok()
}

/// Takes [`WARM_UP`] training steps and then `steps` as [`fit`] takes them, without an evaluation:
/// the seconds of the latter, and the loss of each of all.
pub fn train(
    learner: &impl Learner,
    config: &FitConfig,
    steps: u64,
    memory: &mut Memory,
) -> Result<(f64, Vec<f64>)> {
    let stop = AtomicBool::new(false);
    let mut began = Instant::now();
    let mut seconds = 0.0;
    let mut losses = Vec::new();
    let mut observe = |event: &Event| {
        let Event::Step(step) = event else { return };
        losses.push(step.loss);
        if step.step == WARM_UP {
            began = Instant::now();
        } else if step.step == WARM_UP + steps {
            seconds = began.elapsed().as_secs_f64();
            // Before the checkpoint that stopping writes, which the twins do not have.
            memory.look();
            stop.store(true, Ordering::SeqCst);
        }
    };
    let endless = FitConfig {
        epochs: usize::MAX,
        evaluate_every: Interval::Epochs(usize::MAX),
        monitor: None,
        patience: None,
        ..config.clone()
    };
    let folder = tempfile::tempdir()?;
    let run = Run { stop: Some(&stop), observer: Some(&mut observe), ..Run::new(folder.path()) };
    fit(learner, &endless, run)?;
    Ok((seconds, losses))
}

/// How fast something trains.
#[derive(Debug, Serialize)]
pub struct Speed {
    steps_per_second: f64,
    /// First looked at with data and network loaded.
    #[serde(flatten)]
    memory: Memory,
}

impl Speed {
    /// Of steps that were timed outside.
    pub fn new(steps: u64, seconds: f64, memory: Memory) -> Self {
        Self { steps_per_second: steps as f64 / seconds, memory }
    }

    /// Over so many steps, as [`train`] takes them.
    pub fn of(learner: &impl Learner, config: &FitConfig, steps: u64) -> Result<Self> {
        let mut memory = Memory::now();
        let (seconds, _) = train(learner, config, steps, &mut memory)?;
        Ok(Self::new(steps, seconds, memory))
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} steps/s; {}", self.steps_per_second, self.memory)
    }
}
