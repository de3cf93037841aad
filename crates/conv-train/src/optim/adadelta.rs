//! Adadelta (Zeiler 2012, algorithm 1), which Kim (2014) trained with: ρ = 0.95, ε = 10⁻⁶, learning
//! rate 1.

use super::kernel::{Real, Rule};
use crate::Result;
use serde::{Deserialize, Serialize};

/// `E[g²] ← ρE[g²] + (1−ρ)g²; Δ = g √(E[Δ²] + ε) / √(E[g²] + ε); E[Δ²] ← ρE[Δ²] + (1−ρ)Δ²; θ ← θ − ηΔ`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adadelta {
    /// ρ, the decay of both running means, in `[0, 1)`. The paper and Kim have 0.95.
    pub rho: f64,
    /// ε, added under both roots. 10⁻⁶ in the paper.
    pub epsilon: f64,
    /// λ, the weight of the L2 penalty's gradient.
    pub weight_decay: f64,
}

impl Default for Adadelta {
    fn default() -> Self {
        Self { rho: 0.95, epsilon: 1e-6, weight_decay: 0.0 }
    }
}

impl Adadelta {
    pub(super) fn check(&self) -> Result<()> {
        super::check("optimizer.rho", self.rho, 0.0..1.0, "in [0, 1)")?;
        super::check_epsilon(self.epsilon)?;
        super::check("optimizer.weight_decay", self.weight_decay, 0.0..f64::INFINITY, "at least 0")
    }

    pub(super) fn at(&self, rate: f64) -> impl Rule + use<> {
        AdadeltaStep { config: self.clone(), rate }
    }
}

struct AdadeltaStep {
    config: Adadelta,
    rate: f64,
}

impl Rule for AdadeltaStep {
    fn update<T: Real>(
        &self,
        parameter: &mut [T],
        gradient: &[T],
        squares: &mut [T],
        deltas: &mut [T],
    ) {
        let rate = T::from_f64(self.rate);
        let rho = T::from_f64(self.config.rho);
        let rest = T::from_f64(1.0 - self.config.rho);
        let epsilon = T::from_f64(self.config.epsilon);
        let decay = T::from_f64(self.config.weight_decay);
        let state = squares.iter_mut().zip(deltas);
        for ((p, g), (square, delta)) in parameter.iter_mut().zip(gradient).zip(state) {
            let g = *g + decay * *p;
            *square = rho * *square + rest * g * g;
            // One root of the quotient costs half of a quotient of roots.
            let step = ((*delta + epsilon) / (*square + epsilon)).sqrt() * g;
            *delta = rho * *delta + rest * step * step;
            *p -= rate * step;
        }
    }
}
