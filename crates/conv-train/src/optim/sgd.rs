//! Stochastic gradient descent with momentum, as PyTorch defines it (Sutskever et al. 2013 for the
//! Nesterov form).

use super::kernel::{Real, Rule};
use crate::{Error, Result};
use conv_hub::InvalidField;
use serde::{Deserialize, Serialize};

/// `g ← g + λθ; v ← μv + g; θ ← θ − ηv`, or with Nesterov's momentum `θ ← θ − η(g + μv)`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// μ, in `[0, 1)`; 0 keeps no state.
    pub momentum: f64,
    /// Looks ahead along the velocity; needs a momentum.
    pub nesterov: bool,
    /// λ, the weight of the L2 penalty's gradient.
    pub weight_decay: f64,
}

impl Sgd {
    pub(super) fn buffers(&self) -> usize {
        usize::from(self.momentum != 0.0)
    }

    pub(super) fn check(&self) -> Result<()> {
        super::check("optimizer.momentum", self.momentum, 0.0..1.0, "in [0, 1)")?;
        super::check(
            "optimizer.weight_decay",
            self.weight_decay,
            0.0..f64::INFINITY,
            "at least 0",
        )?;
        if self.nesterov && self.momentum == 0.0 {
            return Err(Error::from(InvalidField::new(
                "optimizer.nesterov",
                "true without a momentum",
                "a momentum above 0 with it",
            )));
        }
        Ok(())
    }

    pub(super) fn at(&self, rate: f64) -> impl Rule + use<> {
        SgdStep { config: self.clone(), rate }
    }
}

struct SgdStep {
    config: Sgd,
    rate: f64,
}

impl Rule for SgdStep {
    fn update<T: Real>(
        &self,
        parameter: &mut [T],
        gradient: &[T],
        velocity: &mut [T],
        _: &mut [T],
    ) {
        let rate = T::from_f64(self.rate);
        let momentum = T::from_f64(self.config.momentum);
        let decay = T::from_f64(self.config.weight_decay);
        if velocity.is_empty() {
            for (p, g) in parameter.iter_mut().zip(gradient) {
                *p -= rate * (*g + decay * *p);
            }
            return;
        }
        for ((p, g), v) in parameter.iter_mut().zip(gradient).zip(velocity) {
            let g = *g + decay * *p;
            *v = momentum * *v + g;
            *p -= rate * if self.config.nesterov { g + momentum * *v } else { *v };
        }
    }
}
