//! A progress bar on standard error, for programs that want one.

use crate::Event;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Shows steps done, rate, time left, loss and the last metrics. Where standard error is no terminal it writes a
/// line every half minute instead.
///
/// ```no_run
/// # use conv_train::{Event, Progress, Run};
/// # let folder = std::path::Path::new("runs/1");
/// let mut progress = Progress::new();
/// let mut observer = |event: &Event| progress.show(event);
/// let run = Run { observer: Some(&mut observer), ..Run::new(folder) };
/// ```
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    loss: String,
    metrics: String,
    steps: u64,
    /// Where there is no terminal: when the last line was written.
    line: Option<Instant>,
}

/// Between two lines.
const LINE_EVERY: Duration = Duration::from_secs(30);

impl Progress {
    /// A bar that appears when training starts.
    pub fn new() -> Self {
        let line = (!io::stderr().is_terminal()).then(Instant::now);
        let (loss, metrics) = (String::new(), String::new());
        Self { bar: ProgressBar::hidden(), loss, metrics, steps: 0, line }
    }

    /// Takes in what happened.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::Started { step, steps } => {
                self.steps = *steps;
                // Rate and time left count from where this run started, not from step 0.
                self.bar = ProgressBar::new(*steps).with_position(*step).with_style(style());
                self.bar.reset_eta();
            }
            Event::Step(record) => {
                self.loss = format!("loss {:.4}", record.loss);
                self.bar.set_position(record.step);
                self.describe(record.step, record.seconds);
            }
            Event::Evaluation(record) => {
                self.metrics = described(&record.metrics);
                self.describe(record.step, record.seconds);
            }
            _ => {}
        }
    }

    fn describe(&mut self, step: u64, seconds: f64) {
        let Self { loss, metrics, steps, line, .. } = self;
        self.bar.set_message(format!("{loss}{metrics}"));
        if let Some(last) = line
            && last.elapsed() >= LINE_EVERY
        {
            *last = Instant::now();
            // Where standard error is closed there is nobody to tell.
            let _ =
                writeln!(io::stderr(), "step {step} of {steps}, {seconds:.0} s  {loss}{metrics}");
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Progress {
    /// Leaves the bar as it stands: an early stop is not 100 %.
    fn drop(&mut self) {
        self.bar.abandon();
    }
}

fn style() -> ProgressStyle {
    let template = "{bar:30} {pos}/{len} steps  {per_sec}  {eta} left  {msg}";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn described(metrics: &BTreeMap<String, f64>) -> String {
    metrics.iter().map(|(name, value)| format!("  {name} {value:.4}")).collect()
}
