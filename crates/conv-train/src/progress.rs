//! A progress bar on standard error, for programs that want one.

use crate::Event;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;

/// Shows steps done, rate, time left, loss and the last metrics. Draws nothing where standard error is no terminal.
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
}

impl Progress {
    /// A bar that appears when training starts.
    pub fn new() -> Self {
        Self { bar: ProgressBar::hidden(), loss: String::new(), metrics: String::new() }
    }

    /// Takes in what happened.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::Started { step, steps } => {
                // Rate and time left count from where this run started, not from step 0.
                self.bar = ProgressBar::new(*steps).with_position(*step).with_style(style());
                self.bar.reset_eta();
            }
            Event::Step(record) => {
                self.loss = format!("loss {:.4}", record.loss);
                self.bar.set_position(record.step);
                self.describe();
            }
            Event::Evaluation(record) => {
                self.metrics = described(&record.metrics);
                self.describe();
            }
            _ => {}
        }
    }

    fn describe(&self) {
        self.bar.set_message(format!("{}{}", self.loss, self.metrics));
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
