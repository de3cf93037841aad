//! Training for models on candle: optimisers, schedules, a small loop with exact resume, metrics,
//! and offline reports.
//!
//! A model and its data become a [`Learner`]: it loads batches, gives their loss, and measures the
//! present parameters. [`fit`] does the rest as a [`FitConfig`] says, which is plain data.
//! Everything random is a function of the seed and a place in training, so a run that was killed at
//! any moment and goes on gives the same bits as one that was not; on the CPU they do not depend on
//! the number of threads either.
//!
//! Nothing here prints. A program may watch a run, or show a [`Progress`] bar; each run leaves a
//! log, and a [`report`] makes one HTML page of it. The pieces work without the loop as well:
//! [`fit`] shows a plain one.
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use conv_nn::{Init, Mode, Parameters};
//! use conv_train::{FitConfig, Learner, Loss, Result, Run, fit, read_log, report::Report};
//! use std::borrow::Cow;
//! use std::collections::BTreeMap;
//!
//! /// y = 2x, learned from eight points.
//! struct Line { parameters: Parameters, slope: Tensor, x: Tensor }
//!
//! impl Line {
//!     fn error(&self, x: &Tensor) -> Result<Tensor> {
//!         Ok((x.broadcast_mul(&self.slope)? - (x * 2.0)?)?.sqr()?.mean_all()?)
//!     }
//! }
//!
//! impl Learner for Line {
//!     type Batch = Tensor;
//!     fn parameters(&self) -> &Parameters { &self.parameters }
//!     fn lengths(&self, _: usize) -> Result<Cow<'_, [usize]>> { Ok(Cow::Borrowed(&[1; 8])) }
//!     fn identity(&self) -> serde_json::Value { serde_json::json!({ "data": "x = 0..8" }) }
//!     fn load(&self, _: Option<usize>, indexes: &[usize]) -> Result<Tensor> {
//!         let indexes: Vec<u32> = indexes.iter().map(|i| *i as u32).collect();
//!         Ok(self.x.index_select(&Tensor::new(indexes, &Device::Cpu)?, 0)?)
//!     }
//!     fn loss(&self, x: &Tensor, _: &mut Mode) -> Result<Loss> {
//!         Ok(Loss { value: self.error(x)?, weight: x.elem_count() as f64 })
//!     }
//!     fn evaluate(&self) -> Result<BTreeMap<String, f64>> {
//!         let loss = self.error(&self.x)?.to_scalar::<f32>()?;
//!         Ok(BTreeMap::from([("loss".into(), f64::from(loss))]))
//!     }
//! }
//!
//! let parameters = Parameters::new(1);
//! let slope = parameters.builder(DType::F32, &Device::Cpu).get_with_hints(1, "slope", Init::Const(0.0))?;
//! let x = Tensor::arange(0f32, 8.0, &Device::Cpu)?;
//! let line = Line { parameters, slope, x };
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let config = FitConfig { epochs: 100, learning_rate: 0.1, ..FitConfig::default() };
//! let outcome = fit(&line, &config, Run::new(folder))?;
//! assert_eq!(outcome.step, 100);
//! assert!((line.slope.to_vec1::<f32>()?[0] - 2.0).abs() < 1e-2);
//!
//! let records = read_log(&folder.join("metrics.jsonl"))?;
//! Report::new("A line", "y = 2x").curves(&records)?.write(&folder.join("report.html"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs)]

pub mod batch;
mod by_heart;
mod checkpoint;
pub mod clip;
mod dry_run;
mod error;
mod fit;
mod log;
pub mod metrics;
pub mod optim;
mod progress;
pub mod report;
mod schedule;
pub mod task;
mod threads;

pub use by_heart::{ByHeart, by_heart_config};
pub use checkpoint::Best;
pub use clip::MaxNorm;
pub use dry_run::{DryRun, Memory, ParameterShape};
pub use error::{Error, Result, short_number};
pub use fit::{End, Event, FitConfig, Interval, Learner, Loss, MonitoredMetric, Outcome, Run, fit};
pub use log::{EvaluationRecord, Record, StepRecord, read_log};
pub use progress::Progress;
pub use schedule::{Decay, Direction, Plateau, Schedule};
pub use task::Task;
pub use threads::set_threads;
