//! A progress bar on standard error, for programs that want one.

use crate::Event;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Shows steps done, rate, time left, loss and the last metrics. Where standard error is no
/// terminal it writes a line every half minute instead, also while a step or an evaluation takes
/// longer.
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
    /// Where there is no terminal.
    lines: Option<Lines>,
    loss: String,
    metrics: String,
    steps: u64,
}

/// Between two lines.
const LINE_EVERY: Duration = Duration::from_secs(30);

impl Progress {
    /// A bar that appears when training starts.
    pub fn new() -> Self {
        let lines =
            (!io::stderr().is_terminal()).then(|| Lines::begin(LINE_EVERY, Box::new(io::stderr())));
        Self::with(lines)
    }

    fn with(lines: Option<Lines>) -> Self {
        let loss = String::new();
        let metrics = String::new();
        Self { bar: ProgressBar::hidden(), lines, loss, metrics, steps: 0 }
    }

    /// Takes in what happened.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::Started { step, steps } => {
                self.steps = *steps;
                // Rate and time left count from where this run started, not from step 0.
                self.bar = ProgressBar::new(*steps).with_position(*step).with_style(style());
                self.bar.reset_eta();
                self.describe(*step, 0.0);
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
        let Self { loss, metrics, steps, lines, .. } = self;
        let message = format!("{loss}{metrics}");
        if let Some(lines) = lines {
            let steps = *steps;
            let message = message.clone();
            lines.tell(Standing { step, steps, seconds, at: Instant::now(), message });
        }
        self.bar.set_message(message);
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

/// Where training stood when it was last heard of.
#[derive(Debug)]
struct Standing {
    step: u64,
    steps: u64,
    seconds: f64,
    at: Instant,
    message: String,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { step, steps, message, .. } = self;
        let seconds = self.seconds + self.at.elapsed().as_secs_f64();
        write!(f, "step {step} of {steps}, {seconds:.0} s  {message}")
    }
}

/// Lines from a thread of their own, which do not wait for a step to end. They end when this is
/// dropped.
#[derive(Debug)]
struct Lines {
    standing: Arc<Mutex<Option<Standing>>>,
    _end: Sender<()>,
}

impl Lines {
    fn begin(every: Duration, mut out: Box<dyn Write + Send>) -> Self {
        let standing = Arc::new(Mutex::new(None::<Standing>));
        let (end, ended) = channel::<()>();
        let told = Arc::clone(&standing);
        thread::spawn(move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                if let Some(standing) = &*told.lock().unwrap_or_else(PoisonError::into_inner) {
                    // Where standard error is closed there is nobody to tell.
                    let _ = writeln!(out, "{standing}");
                }
            }
        });
        Self { standing, _end: end }
    }

    fn tell(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
    }
}

fn style() -> ProgressStyle {
    let template = "{bar:30} {pos}/{len} steps  {per_sec}  {eta} left  {msg}";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn described(metrics: &BTreeMap<String, f64>) -> String {
    metrics.iter().map(|(name, value)| format!("  {name} {value:.4}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::Receiver;

    struct Written(Sender<u8>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            bytes.iter().for_each(|byte| self.0.send(*byte).unwrap_or_default());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(bytes: &Receiver<u8>) -> String {
        let bytes: Vec<u8> = bytes.iter().take_while(|byte| *byte != b'\n').collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[test]
    fn lines_come_while_a_step_takes_long_and_end_with_the_run() {
        let (sender, bytes) = channel();
        let every = Duration::from_millis(20);
        let mut progress = Progress::with(Some(Lines::begin(every, Box::new(Written(sender)))));
        progress.show(&Event::Started { step: 3, steps: 40 });
        // No step ends.
        for _ in 0..3 {
            let line = line(&bytes);
            assert!(line.starts_with("step 3 of 40, 0 s"), "{line}");
        }
        drop(progress);
        // The thread lets go of its writer, so that this comes to an end.
        bytes.iter().for_each(drop);
    }
}
