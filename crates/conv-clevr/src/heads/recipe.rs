//! The settings of a head's run, as they stand in a configuration file.

use super::{Architecture, Config, MapsOf, Vocabulary};
use conv_hub::InvalidField;
use conv_train::batch::{BatchSize, Batching};
use conv_train::optim::{Adam, OptimizerConfig};
use conv_train::{Decay, Direction, FitConfig, MonitoredMetric, Schedule};
use serde::{Deserialize, Serialize};

/// A training run's settings. What the fields of a network mean is said at [`Config`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Which head.
    pub architecture: Architecture,
    /// Numbers of a word's vector.
    pub embedding: usize,
    /// Units over the question.
    pub units: usize,
    /// Channels of what the head makes of the map.
    pub channels: usize,
    /// Places of the map from one to the next.
    pub stride: usize,
    /// Rows and columns of a relation network's objects.
    pub objects: [usize; 2],
    /// Glimpses, blocks, cells, or layers over a pair.
    pub steps: usize,
    /// Whether places say where they are.
    pub coordinates: bool,
    /// Units before the answers.
    pub hidden: usize,
    /// Dropout before the answers.
    pub dropout: f64,
    /// Share of the pictures that the best weights are chosen by; no question about them is learnt
    /// from.
    pub dev: f64,
    /// The loop's settings. A batch's examples are pictures, each with all its questions.
    pub fit: FitConfig,
}

impl Default for Recipe {
    fn default() -> Self {
        Self::preset(Architecture::Film)
    }
}

impl Recipe {
    /// The settings of a head.
    pub fn preset(architecture: Architecture) -> Self {
        use Architecture::{Attention, CnnLstm, Film, Lstm, Mac, Relation, Type};
        let (steps, epochs) = match architecture {
            Type => (1, 1),
            Lstm | CnnLstm => (1, 10),
            Attention => (2, 16),
            Relation => (3, 24),
            Film => (3, 24),
            Mac => (4, 24),
        };
        let warmup_steps = if architecture == Relation { 1000 } else { 200 };
        Self {
            architecture,
            embedding: 64,
            units: if architecture == Mac { 64 } else { 96 },
            channels: 64,
            stride: 2,
            objects: [4, 4],
            steps,
            coordinates: architecture == Mac,
            hidden: 128,
            dropout: 0.0,
            dev: 0.03,
            fit: FitConfig {
                epochs,
                batching: Batching { size: BatchSize::Examples(6), window: 1 },
                optimizer: OptimizerConfig::Adam(Adam::default()),
                learning_rate: 7e-4,
                schedule: Schedule {
                    warmup_steps,
                    decay: Decay::Cosine { steps: None, floor: 0.0 },
                },
                clip_norm: Some(5.0),
                monitor: Some(MonitoredMetric {
                    metric: "accuracy".into(),
                    direction: Direction::Maximize,
                }),
                log_every_steps: 20,
                ..FitConfig::default()
            },
        }
    }

    pub(super) fn check(&self) -> crate::Result<()> {
        let is_share = (0.0..1.0).contains(&self.dev);
        InvalidField::unless(is_share, "dev", &self.dev, "at least 0 and below 1")?;
        Ok(self.fit.check()?)
    }

    /// The network for these words, answers and maps.
    pub(super) fn network(&self, vocabulary: &Vocabulary, maps: Option<MapsOf>) -> Config {
        Config {
            architecture: self.architecture,
            words: vocabulary.words(),
            answers: vocabulary.answers().len(),
            maps,
            embedding: self.embedding,
            units: self.units,
            channels: self.channels,
            stride: self.stride,
            objects: self.objects,
            steps: self.steps,
            coordinates: self.coordinates,
            hidden: self.hidden,
            dropout: self.dropout,
        }
    }
}
