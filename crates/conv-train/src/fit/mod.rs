//! The loop: batches in, loss out, with evaluation, checkpoints and exact resume.

mod ahead;
mod average;
mod config;
mod folder;
mod step;
mod training;

pub use config::{FitConfig, Interval, MonitoredMetric};

use crate::Result;
use crate::checkpoint::Best;
use crate::log::{EvaluationRecord, StepRecord};
use candle_core::Tensor;
use conv_nn::{Mode, Parameters};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What the loop must know of a model and its data.
///
/// Loading a batch is apart from its loss, so that the loop loads the next batch on a second thread
/// while the present one is computed. A crate's own errors become [`Error`](crate::Error) by a
/// `From`, or by [`Error::learner`](crate::Error::learner).
pub trait Learner: Sync {
    /// A batch as [`Learner::loss`] takes it.
    type Batch: Send;

    /// The parameters that training changes. All of them exist before training begins.
    fn parameters(&self) -> &Parameters;

    /// The length of each training example, in tokens, frames or whatever padding is counted in; 1
    /// where all are alike. Examples that are made anew each epoch may differ in it, but there are
    /// always as many.
    ///
    /// # Errors
    /// As [`Learner::load`].
    fn lengths(&self, epoch: usize) -> Result<Cow<'_, [usize]>>;

    /// What makes this run another run than one with the same [`FitConfig`]: the model's
    /// configuration, and a fingerprint of the data. A run does not go on from a checkpoint in
    /// which it differs.
    fn identity(&self) -> serde_json::Value;

    /// The training examples `indexes`, which are places in [`Learner::lengths`], as they are in
    /// `epoch`; without an epoch as they are, not augmented.
    ///
    /// A function of (epoch, indexes) alone, which never reads parameters: it runs ahead, on a
    /// thread of its own. What is random about an example comes from
    /// `seeded(seed, "augment {epoch} {example}")` ([`conv_nn::rng::seeded`]), so that it does not
    /// depend on its neighbours.
    ///
    /// # Errors
    /// Whatever keeps it from being read. The loop reports it at the batch's own step.
    fn load(&self, epoch: Option<usize>, indexes: &[usize]) -> Result<Self::Batch>;

    /// The loss of a batch. In [`Mode::Eval`] without what only regularises: dropout, label
    /// smoothing.
    ///
    /// # Errors
    /// Whatever keeps it from being computed.
    fn loss(&self, batch: &Self::Batch, mode: &mut Mode) -> Result<Loss>;

    /// A training example as the user can look it up: a file, a line. Errors name the examples of a
    /// bad step.
    fn name_of(&self, example: usize) -> String {
        format!("example {example}")
    }

    /// Metrics of the present parameters on held-out data, by name.
    ///
    /// # Errors
    /// As [`Learner::loss`].
    fn evaluate(&self) -> Result<BTreeMap<String, f64>>;
}

/// A batch's loss.
#[derive(Debug, Clone)]
pub struct Loss {
    /// One number, which remembers how it came about.
    pub value: Tensor,
    /// What it is the mean over: examples, or tokens. Batches that share a step are weighted by it.
    pub weight: f64,
}

/// Where a run lives and what may interrupt or watch it.
///
/// ```no_run
/// # use conv_train::Run;
/// # let folder = std::path::Path::new("runs/1");
/// let run = Run { resume: true, ..Run::new(folder) };
/// ```
pub struct Run<'a> {
    /// The run's folder, made if it is not there: `last.safetensors` (the checkpoint),
    /// `best.safetensors` (weights), `after-STEP.safetensors` (weights for their mean),
    /// `metrics.jsonl` (the log), and the hidden `.convoke` (a lock, and files being written). One
    /// run at a time has it.
    pub folder: &'a Path,
    /// Goes on from the folder's checkpoint if there is one. Without it a folder that holds a run
    /// is refused.
    pub resume: bool,
    /// When it becomes true, training writes a checkpoint after the present step and returns.
    pub stop: Option<&'a AtomicBool>,
    /// Told of every step, evaluation and checkpoint.
    pub observer: Option<&'a mut dyn FnMut(&Event)>,
    /// A checkpoint is written after so long without one, also in the middle of an epoch. It does
    /// not change the bits.
    pub checkpoint_every: Duration,
}

impl<'a> Run<'a> {
    /// A new run in `folder`, uninterrupted and unwatched.
    pub fn new(folder: &'a Path) -> Self {
        let checkpoint_every = Duration::from_secs(600);
        Self { folder, resume: false, stop: None, observer: None, checkpoint_every }
    }
}

/// Something that happened in training.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Training begins, or goes on.
    Started {
        /// Steps taken before.
        step: u64,
        /// Steps in all, if it is not stopped early. An estimate where batches are bounded by
        /// tokens.
        steps: u64,
    },
    /// A step was taken.
    Step(&'a StepRecord),
    /// The parameters were evaluated.
    Evaluation(&'a EvaluationRecord),
    /// A checkpoint is on disk.
    Saved {
        /// Steps taken before it.
        step: u64,
    },
}

/// How training ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Why.
    pub end: End,
    /// Optimiser steps taken.
    pub step: u64,
    /// Epochs finished.
    pub epoch: usize,
    /// The best evaluation, if a metric was watched.
    pub best: Option<Best>,
    /// Seconds of training, those before an interruption included.
    pub seconds: f64,
}

/// Why training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All epochs are done.
    Completed,
    /// The watched metric did not improve for as long as patience allows.
    EarlyStopped,
    /// It was asked to stop. The checkpoint is written; the parameters are those of the last step.
    Interrupted,
}

/// Trains `learner`, and leaves in its parameters the mean of the weights that were kept for it, or
/// else the best ones in the watched metric (the last ones without such a metric, or when
/// interrupted).
///
/// The same learner, configuration and seed give the same bits, however often the run was killed
/// and resumed.
///
/// # The loop by itself
/// There is no more to it than this, which one may as well write out where `fit` does not suit:
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use conv_nn::{Init, Parameters};
/// use conv_train::{batch::{BatchSize, Batching}, clip, optim::{Adam, Optimizer, OptimizerConfig}};
///
/// // y = 3x − 1
/// let x = Tensor::arange(0f32, 64.0, &Device::Cpu)?.affine(1.0 / 32.0, -1.0)?;
/// let y = x.affine(3.0, -1.0)?;
///
/// let parameters = Parameters::new(1);
/// let vb = parameters.builder(DType::F32, &Device::Cpu);
/// let slope = vb.get_with_hints(1, "slope", Init::Const(0.0))?;
/// let offset = vb.get_with_hints(1, "offset", Init::Const(0.0))?;
///
/// let mut optimizer = Optimizer::new(OptimizerConfig::Adam(Adam::default()))?;
/// let batching = Batching { size: BatchSize::Examples(8), window: 1 };
/// for epoch in 0..40 {
///     for batch in batching.epoch(&[1; 64], 1, epoch).iter() {
///         let index: Vec<u32> = batch.iter().map(|i| *i as u32).collect();
///         let index = Tensor::new(index, &Device::Cpu)?;
///         let (x, y) = (x.index_select(&index, 0)?, y.index_select(&index, 0)?);
///         let error = (x.broadcast_mul(&slope)?.broadcast_add(&offset)? - y)?;
///         let mut gradients = error.sqr()?.mean_all()?.backward()?;
///         clip::clip_global_norm(&parameters, &mut gradients, 5.0)?;
///         optimizer.step(&parameters, &gradients, 0.05)?;
///     }
/// }
/// assert!((slope.to_vec1::<f32>()?[0] - 3.0).abs() < 1e-2);
/// # Ok::<(), conv_train::Error>(())
/// ```
///
/// # Errors
/// Settings that make no sense; a folder that holds another run or is in use; a damaged checkpoint;
/// a loss, gradient or parameter that is not finite, which leaves the last checkpoint as it was;
/// and whatever the learner reports.
pub fn fit(learner: &impl Learner, config: &FitConfig, run: Run) -> Result<Outcome> {
    training::Training::open(learner, config, run)?.run()
}
