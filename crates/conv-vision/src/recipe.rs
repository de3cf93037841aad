//! The settings of a training run.

use crate::network::{Architecture, Layer, Operation};
use crate::picture::Augmentation;
use crate::{Config, Preprocessing, Result, Weights};
use conv_hub::{InvalidField, ModelConfig};
use conv_train::batch::{BatchSize, Batching};
use conv_train::optim::{Group, OptimizerConfig, Sgd};
use conv_train::{Decay, Direction, FitConfig, MonitoredMetric, Schedule};
use serde::{Deserialize, Serialize};

/// A training run's settings, as they stand in a configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Which network.
    pub architecture: Architecture,
    /// The last layer that does not learn, if any: it and those below it keep their values, and
    /// their batch norms the statistics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<String>,
    /// The share of the target that is spread over all classes, at least 0 and below 1.
    pub label_smoothing: f64,
    /// How pictures become what the network sees.
    pub preprocessing: Preprocessing,
    /// How training pictures are changed each time.
    pub augmentation: Augmentation,
    /// The loop's settings.
    pub fit: FitConfig,
}

impl Default for Recipe {
    fn default() -> Self {
        Self::new(Architecture::Conv4)
    }
}

impl Recipe {
    /// Stochastic gradient descent with Nesterov's momentum 0.9 and weight decay 5e-4, in batches
    /// of 64, the learning rate down half a cosine from 0.05 (0.01 for a network without batch
    /// normalisation), the weights of the smallest loss on the dev part.
    pub fn new(architecture: Architecture) -> Self {
        let is_norm = |layer: &Layer| matches!(layer.operation, Operation::BatchNorm(_));
        let has_norm = architecture.graph().layers().iter().any(is_norm);
        let sgd = Sgd { momentum: 0.9, nesterov: true, weight_decay: 5e-4 };
        Self {
            architecture,
            freeze: None,
            label_smoothing: 0.0,
            preprocessing: architecture.preprocessing(),
            augmentation: Augmentation::default(),
            fit: FitConfig {
                epochs: 20,
                batching: Batching { size: BatchSize::Examples(64), window: 1 },
                optimizer: OptimizerConfig::Sgd(sgd),
                learning_rate: if has_norm { 0.05 } else { 0.01 },
                schedule: Schedule {
                    decay: Decay::Cosine { steps: None, floor: 0.0 },
                    ..Schedule::default()
                },
                monitor: Some(MonitoredMetric {
                    metric: "loss".into(),
                    direction: Direction::Minimize,
                }),
                ..FitConfig::default()
            },
        }
    }

    /// Goes on from weights, for so many classes, with their preprocessing: as [`Recipe::new`], at
    /// a learning rate of 10⁻³, and ten times that for the parameters that are drawn
    /// ([`Weights::drawn`]), as Caffe's examples of fine-tuning have it.
    ///
    /// # Errors
    /// A network that has no classifier.
    pub fn fine_tuning(weights: &Weights, classes: usize) -> Result<Self> {
        let mut recipe = Self::new(weights.architecture);
        recipe.preprocessing = weights.preprocessing.clone();
        recipe.fit.learning_rate = 1e-3;
        let drawn = weights.drawn(&recipe.config(classes)?)?.into_iter();
        let group = |prefix| Group { prefix, rate: 10.0, weight_decay: None };
        recipe.fit.groups = drawn.map(group).collect();
        Ok(recipe)
    }

    /// The network for so many classes.
    ///
    /// # Errors
    /// The first field out of its range.
    pub(crate) fn config(&self, classes: usize) -> Result<Config, InvalidField> {
        let fits = (0.0..1.0).contains(&self.label_smoothing);
        let expected = "at least 0 and below 1";
        InvalidField::unless(fits, "label_smoothing", &self.label_smoothing, expected)?;
        self.augmentation.check()?;
        let config = Config {
            architecture: self.architecture,
            classes,
            preprocessing: self.preprocessing.clone(),
        };
        config.check()?;
        Ok(config)
    }
}
