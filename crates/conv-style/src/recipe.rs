//! The settings of a training run.

use crate::{LossConfig, Result};
use conv_hub::{InvalidField, ModelFolder, folder};
use conv_train::batch::{BatchSize, Batching};
use conv_train::{Decay, Direction, FitConfig, Interval, MonitoredMetric, Schedule};
use serde::{Deserialize, Serialize};

/// A training run's settings, as they stand in a configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Sides of the squares that are cut out of photographs, in pixels, 16 to 2,048.
    pub crop: usize,
    /// The longer side of the paintings in pixels, 16 to 4,096.
    pub style_size: usize,
    /// T: painting steps between two of the auto-encoder, at least 1 (section 3.3 of the paper,
    /// where it is 2).
    pub painting_steps: usize,
    /// The weight of the auto-encoder's loss, at least 0; with 0 every step paints. With one
    /// painting that is a single-style network, as that of Johnson et al. (2016).
    pub reconstruction_weight: f64,
    /// What a painted picture is to be like.
    pub losses: LossConfig,
    /// The loop's settings.
    pub fit: FitConfig,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            crop: 128,
            style_size: 256,
            painting_steps: 2,
            reconstruction_weight: 0.1,
            losses: LossConfig::default(),
            fit: FitConfig {
                epochs: 2,
                batching: Batching { size: BatchSize::Examples(1), window: 1 },
                learning_rate: 2e-3,
                schedule: Schedule {
                    warmup_steps: 20,
                    decay: Decay::Cosine { steps: None, floor: 0.0 },
                },
                evaluate_every: Interval::Steps(200),
                monitor: Some(MonitoredMetric {
                    metric: "loss".into(),
                    direction: Direction::Minimize,
                }),
                ..FitConfig::default()
            },
        }
    }
}

impl Recipe {
    /// The settings that a model was trained with, where its folder says so in a way that is
    /// understood.
    pub fn of_model(folder: &ModelFolder) -> Option<Self> {
        #[derive(Deserialize)]
        struct Told {
            recipe: Recipe,
        }
        let told = folder.path().join(folder::TRAINING).exists();
        let told = told.then(|| folder.training::<Told>().ok()).flatten()?;
        Some(told.recipe).filter(|recipe| recipe.check().is_ok())
    }

    /// The first field out of its range.
    ///
    /// # Errors
    /// It is named.
    pub fn check(&self) -> Result<()> {
        let check = InvalidField::unless;
        check((16..=2048).contains(&self.crop), "crop", &self.crop, "16 to 2048")?;
        let fits = (16..=4096).contains(&self.style_size);
        check(fits, "style_size", &self.style_size, "16 to 4096")?;
        let steps = &self.painting_steps;
        check((1..=1000).contains(steps), "painting_steps", steps, "1 to 1000")?;
        let weight = self.reconstruction_weight;
        let fits = weight.is_finite() && weight >= 0.0;
        check(fits, "reconstruction_weight", &weight, "a finite number of at least 0")?;
        self.losses.check()?;
        Ok(self.fit.check()?)
    }
}
