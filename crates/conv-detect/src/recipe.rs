//! The settings of a run, as they stand in a configuration file.

use crate::{Config, Dataset, Result, Stage};
use conv_hub::{InvalidField, ModelConfig};
use conv_train::batch::{BatchSize, Batching};
use conv_train::optim::{Adam, OptimizerConfig};
use conv_train::{Decay, FitConfig, Interval, Schedule};
use serde::{Deserialize, Serialize};

/// A training run's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// The network's sizes; its classes, attributes and measures are those of the data.
    pub network: Config,
    /// Whether every second picture is mirrored in training.
    pub flip: bool,
    /// The range from which each training picture's size is drawn, as multiples of what
    /// `network.input` says: 0.25 to 4. Two equal numbers draw nothing.
    pub scale: [f64; 2],
    /// Parts of the network that stay as they come, where training starts from another detector.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<Stage>,
    /// The loop's settings.
    pub fit: FitConfig,
}

impl Default for Recipe {
    /// AdamW in batches of two pictures, the learning rate up over 100 steps and down half a cosine
    /// from 10⁻³, the gradients' norm at most 10: about ten minutes a thread for 600 pictures of
    /// 320 × 240.
    fn default() -> Self {
        Self {
            network: Config::default(),
            flip: true,
            scale: [1.0, 1.0],
            freeze: Vec::new(),
            fit: FitConfig {
                epochs: 5,
                batching: Batching { size: BatchSize::Examples(2), window: 1 },
                optimizer: OptimizerConfig::Adam(Adam { weight_decay: 0.05, ..Adam::w() }),
                learning_rate: 1e-3,
                schedule: Schedule {
                    warmup_steps: 100,
                    decay: Decay::Cosine { steps: None, floor: 0.0 },
                },
                clip_norm: Some(10.0),
                evaluate_every: Interval::Epochs(1),
                log_every_steps: 10,
                ..FitConfig::default()
            },
        }
    }
}

impl Recipe {
    /// The network for the data.
    ///
    /// # Errors
    /// The first field out of its range.
    pub(crate) fn config(&self, data: &Dataset) -> Result<Config> {
        self.fit.check()?;
        let [least, most] = self.scale;
        let found = format!("{least} to {most}");
        let is_range = 0.25 <= least && least <= most && most <= 4.0;
        InvalidField::unless(is_range, "scale", &found, "a range within 0.25 to 4")?;
        let config = Config {
            classes: data.labels.len(),
            categories: data.categories.clone(),
            attributes: data.attributes.clone(),
            measures: data.measures.clone(),
            ..self.network.clone()
        };
        config.check()?;
        Ok(config)
    }
}
