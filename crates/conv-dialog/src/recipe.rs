//! The settings of a ranker's run, as they stand in a configuration file.

use crate::data::ImageSource;
use crate::{Config, Decoder, Encoder, Result};
use conv_hub::InvalidField;
use conv_train::batch::{BatchSize, Batching};
use conv_train::optim::{Adam, OptimizerConfig};
use conv_train::{Decay, Direction, FitConfig, MonitoredMetric, Schedule};
use serde::{Deserialize, Serialize};

/// A training run's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Which encoder.
    pub encoder: Encoder,
    /// Which decoder. The generative one learns from true answers alone.
    pub decoder: Decoder,
    /// Numbers of a word's vector.
    pub dimension: usize,
    /// Units of each recurrent layer.
    pub units: usize,
    /// Words of caption and history that late fusion hears; of each fact, for the other encoders.
    pub history: usize,
    /// Units over what counting says.
    pub counting_units: usize,
    /// Times that a word must come in what is trained on to have a vector of its own.
    pub least: u64,
    /// Dropout of words' vectors and encodings.
    pub dropout: f64,
    /// Share of the dialogs that the best weights are chosen by, 0 for none.
    pub dev: f64,
    /// Parts of the training dialogs: what counting says of a part's rounds is counted in the
    /// others.
    pub folds: usize,
    /// Candidates of a round on which the dev part is measured, the true answer among them.
    pub candidates: usize,
    /// Wrong answers that a round is trained against, drawn of its candidates anew each epoch.
    pub negatives: usize,
    /// The loop's settings.
    pub fit: FitConfig,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            encoder: Encoder::default(),
            decoder: Decoder::default(),
            dimension: 64,
            units: 96,
            history: 60,
            counting_units: 32,
            least: 2,
            dropout: 0.4,
            dev: 0.15,
            folds: 5,
            candidates: 100,
            negatives: 50,
            fit: FitConfig {
                epochs: 4,
                batching: Batching { size: BatchSize::Examples(32), window: 20 },
                optimizer: OptimizerConfig::Adam(Adam::w()),
                learning_rate: 2e-3,
                schedule: Schedule {
                    warmup_steps: 50,
                    decay: Decay::Cosine { steps: None, floor: 0.0 },
                },
                clip_norm: Some(5.0),
                monitor: Some(MonitoredMetric {
                    metric: "mrr".into(),
                    direction: Direction::Maximize,
                }),
                ..FitConfig::default()
            },
        }
    }
}

impl Recipe {
    pub(crate) fn check(&self) -> Result<()> {
        let Self { dev, folds, candidates, negatives, .. } = self;
        InvalidField::unless((0.0..1.0).contains(dev), "dev", dev, "at least 0 and below 1")?;
        InvalidField::unless((2..=100).contains(folds), "folds", folds, "2 to 100")?;
        InvalidField::unless(
            (2..=1000).contains(candidates),
            "candidates",
            candidates,
            "2 to 1000",
        )?;
        let range = 1..*candidates;
        InvalidField::unless(
            range.contains(negatives),
            "negatives",
            negatives,
            "1 to the other candidates",
        )?;
        Ok(self.fit.check()?)
    }

    pub(crate) fn network(
        &self,
        image: Option<ImageSource>,
        vocabulary: usize,
        known: usize,
    ) -> Config {
        let Self { encoder, decoder, dimension, units, history, counting_units, dropout, .. } =
            *self;
        Config {
            encoder,
            decoder,
            image,
            vocabulary,
            known,
            dimension,
            units,
            history,
            counting_units,
            dropout,
        }
    }
}
