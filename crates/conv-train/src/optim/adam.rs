//! Adam (Kingma and Ba 2015, algorithm 1) and AdamW (Loshchilov and Hutter 2019, algorithm 2).

use super::kernel::{Real, Rule};
use crate::Result;
use serde::{Deserialize, Serialize};

/// `m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; θ ← θ − η m̂ / (√v̂ + ε)`, where `m̂ = m/(1−β₁ᵗ)` and
/// `v̂ = v/(1−β₂ᵗ)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// β₁, the decay of the mean gradient, in `[0, 1)`.
    pub beta1: f64,
    /// β₂, the decay of the mean squared gradient, in `[0, 1)`.
    pub beta2: f64,
    /// ε, added to the root.
    pub epsilon: f64,
    /// λ: the weight of the L2 penalty's gradient, or of the decay itself when `decoupled`.
    pub weight_decay: f64,
    /// AdamW: weights shrink by ηλ beside the step, and not through the gradient.
    pub decoupled: bool,
}

impl Default for Adam {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0, decoupled: false }
    }
}

impl Adam {
    /// AdamW with PyTorch's weight decay of 0.01.
    pub fn w() -> Self {
        Self { weight_decay: 0.01, decoupled: true, ..Self::default() }
    }

    pub(super) fn check(&self) -> Result<()> {
        super::check("optimizer.beta1", self.beta1, 0.0..1.0, "in [0, 1)")?;
        super::check("optimizer.beta2", self.beta2, 0.0..1.0, "in [0, 1)")?;
        super::check_epsilon(self.epsilon)?;
        super::check("optimizer.weight_decay", self.weight_decay, 0.0..f64::INFINITY, "at least 0")
    }

    /// The rule at the parameter's own `step`, from 1.
    pub(super) fn at(&self, rate: f64, step: u64) -> impl Rule + use<> {
        let step = step as f64;
        AdamStep {
            config: self.clone(),
            rate,
            rate_over_correction: rate / (1.0 - self.beta1.powf(step)),
            correction_root: (1.0 - self.beta2.powf(step)).sqrt(),
        }
    }
}

struct AdamStep {
    config: Adam,
    rate: f64,
    rate_over_correction: f64,
    correction_root: f64,
}

impl Rule for AdamStep {
    fn update<T: Real>(
        &self,
        parameter: &mut [T],
        gradient: &[T],
        means: &mut [T],
        squares: &mut [T],
    ) {
        let Adam { beta1, beta2, epsilon, weight_decay, decoupled } = self.config;
        let (shrink, penalty) = if decoupled {
            (T::from_f64(1.0 - self.rate * weight_decay), T::from_f64(0.0))
        } else {
            (T::from_f64(1.0), T::from_f64(weight_decay))
        };
        let mean_rest = T::from_f64(1.0 - beta1);
        let (beta2, square_rest) = (T::from_f64(beta2), T::from_f64(1.0 - beta2));
        let epsilon = T::from_f64(epsilon);
        let rate = T::from_f64(self.rate_over_correction);
        let root = T::from_f64(self.correction_root);
        let state = means.iter_mut().zip(squares);
        for ((p, g), (mean, square)) in parameter.iter_mut().zip(gradient).zip(state) {
            let g = *g + penalty * *p;
            *p *= shrink;
            *mean += mean_rest * (g - *mean);
            *square = beta2 * *square + square_rest * g * g;
            *p -= rate * *mean / (square.sqrt() / root + epsilon);
        }
    }
}
