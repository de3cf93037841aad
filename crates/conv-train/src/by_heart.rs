//! A few examples to learn by heart: what checks a set-up.

use crate::batch::{PADDED_AT_MOST, by_length, evenly_spread};
use crate::{Direction, FitConfig, Interval, Learner, Loss, MonitoredMetric, Result};
use candle_core::DType;
use conv_nn::{Mode, Parameters};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Some examples of a learner, to be learnt by heart: as they are, without augmentation, dropout or
/// smoothing. A network that is set up well can do it.
#[derive(Debug)]
pub struct ByHeart<'a, L> {
    learner: &'a L,
    examples: Vec<usize>,
}

/// Examples in a batch of [`ByHeart::mean_loss`] at most.
const TOGETHER: usize = 16;

impl<'a, L: Learner> ByHeart<'a, L> {
    /// Up to `count` of the learner's examples, evenly spread over them: data that lie sorted by
    /// class still give every class.
    ///
    /// # Errors
    /// Those of [`Learner::lengths`].
    pub fn new(learner: &'a L, count: usize) -> Result<Self> {
        let examples = evenly_spread(count, learner.lengths(0)?.len());
        Ok(Self { learner, examples })
    }

    /// How many examples there are.
    pub fn len(&self) -> usize {
        self.examples.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.examples.is_empty()
    }

    /// The mean loss over all of them.
    ///
    /// # Errors
    /// Those of the learner.
    pub fn mean_loss(&self) -> Result<f64> {
        let (mut sum, mut weights) = (0.0, 0.0);
        for batch in by_length(&self.lengths(0)?, PADDED_AT_MOST) {
            for few in batch.chunks(TOGETHER) {
                let loss = self.loss(&self.load(None, few)?, &mut Mode::Eval)?;
                let value = loss.value.to_dtype(DType::F64)?.to_scalar::<f64>()?;
                sum += value * loss.weight;
                weights += loss.weight;
            }
        }
        Ok(sum / weights)
    }
}

/// `config` without what keeps a network from learning by heart: no early stopping, no bound on
/// norms.
pub fn by_heart_config(config: &FitConfig) -> FitConfig {
    let metric = "loss".into();
    FitConfig {
        // Few examples are one step an epoch.
        epochs: 1000,
        patience: None,
        max_norm: Vec::new(),
        average: 0,
        monitor: Some(MonitoredMetric { metric, direction: Direction::Minimize }),
        // An evaluation writes a checkpoint, which takes longer than an epoch of a few examples.
        evaluate_every: Interval::Epochs(20),
        ..config.clone()
    }
}

impl<L: Learner> Learner for ByHeart<'_, L> {
    type Batch = L::Batch;

    fn parameters(&self) -> &Parameters {
        self.learner.parameters()
    }

    fn lengths(&self, epoch: usize) -> Result<Cow<'_, [usize]>> {
        let all = self.learner.lengths(epoch)?;
        Ok(self.examples.iter().map(|&example| all[example]).collect())
    }

    fn identity(&self) -> Value {
        json!({ "by_heart": self.examples, "of": self.learner.identity() })
    }

    fn load(&self, _: Option<usize>, indexes: &[usize]) -> Result<L::Batch> {
        let examples: Vec<usize> = indexes.iter().map(|&index| self.examples[index]).collect();
        self.learner.load(None, &examples)
    }

    fn loss(&self, batch: &L::Batch, _: &mut Mode) -> Result<Loss> {
        self.learner.loss(batch, &mut Mode::Eval)
    }

    fn name_of(&self, example: usize) -> String {
        self.learner.name_of(self.examples[example])
    }

    fn evaluate(&self) -> Result<BTreeMap<String, f64>> {
        Ok(BTreeMap::from([("loss".into(), self.mean_loss()?)]))
    }
}
