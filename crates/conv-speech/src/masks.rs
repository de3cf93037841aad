//! Masks over features in training: SpecAugment (Park et al. 2019).

use crate::Result;
use candle_core::Tensor;
use conv_hub::InvalidField;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Bands of frequency and stretches of time that are set to the mean of the training set, drawn
/// anew for each utterance and step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Masks {
    /// Bands of each utterance.
    pub frequency: usize,
    /// F: the most features of a band; each has 0 to so many.
    pub frequency_width: usize,
    /// Stretches of each utterance.
    pub time: usize,
    /// T: the most frames of a stretch, and never more than a fifth of the utterance.
    pub time_width: usize,
}

impl Masks {
    pub(crate) fn check(&self) -> Result<()> {
        for (field, count) in [("masks.frequency", self.frequency), ("masks.time", self.time)] {
            InvalidField::unless(count <= 64, field, &count, "at most 64")?;
        }
        Ok(())
    }

    /// Features `[B, F, T]` with such masks, each utterance having its own number of frames.
    pub(crate) fn apply(&self, x: &Tensor, frames: &[usize], rng: &mut impl Rng) -> Result<Tensor> {
        if self.frequency * self.frequency_width + self.time * self.time_width == 0 {
            return Ok(x.clone());
        }
        let (batch, features, longest) = x.dims3()?;
        let mut mask = vec![1f32; batch * features * longest];
        for (mask, &own) in mask.chunks_mut((features * longest).max(1)).zip(frames) {
            for _ in 0..self.frequency {
                let width = rng.random_range(0..=self.frequency_width.min(features));
                let first = rng.random_range(0..=features - width);
                mask[first * longest..][..width * longest].fill(0.0);
            }
            for _ in 0..self.time {
                let width = rng.random_range(0..=self.time_width.min(own / 5));
                let first = rng.random_range(0..=own - width);
                for row in mask.chunks_mut(longest) {
                    row[first..][..width].fill(0.0);
                }
            }
        }
        Ok((x * Tensor::from_vec(mask, x.shape(), x.device())?)?)
    }
}
