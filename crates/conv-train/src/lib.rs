//! Optimisers, schedules, a small training loop with exact resume, and offline run reports for candle.
#![deny(missing_docs)]

pub mod batch;
mod checkpoint;
pub mod clip;
mod error;
pub mod files;
mod fit;
mod log;
pub mod metrics;
pub mod optim;
mod progress;
mod schedule;
mod threads;

pub use checkpoint::Best;
pub use clip::MaxNorm;
pub use error::{Error, Result};
pub use fit::{End, Event, Every, FitConfig, Learner, Loss, Monitor, Outcome, Run, fit};
pub use log::{EvaluationRecord, Record, StepRecord, read_log};
pub use progress::Progress;
pub use schedule::{Course, Direction, Plateau, Schedule};
pub use threads::set_threads;
