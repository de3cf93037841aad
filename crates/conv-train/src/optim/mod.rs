//! Optimisers: one pass over each parameter's memory, in name order, with a state that goes into
//! the checkpoint.

mod adadelta;
mod adam;
mod composed;
mod group;
mod kernel;
mod lbfgs;
mod line_search;
mod optimizer;
mod sgd;

pub use adadelta::Adadelta;
pub use adam::Adam;
pub use group::Group;
pub use lbfgs::{Descent, Lbfgs, LbfgsConfig, Stall};
pub use optimizer::Optimizer;
pub use sgd::Sgd;

use crate::Result;
use conv_hub::InvalidField;
use serde::{Deserialize, Serialize};

/// Which rule turns gradients into steps. The learning rate is given at each step, since a schedule
/// changes it.
///
/// In a configuration file: `optimizer = { kind = "adadelta", rho = 0.95 }`; what is left out has
/// its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OptimizerConfig {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Adadelta (Zeiler 2012).
    Adadelta(Adadelta),
    /// Adam and AdamW.
    Adam(Adam),
}

impl OptimizerConfig {
    /// How many numbers the rule keeps for each number of a parameter: 0, 1 or 2.
    pub fn buffers(&self) -> usize {
        match self {
            Self::Sgd(rule) => rule.buffers(),
            Self::Adadelta(_) | Self::Adam(_) => 2,
        }
    }

    /// The same rule with another weight decay.
    pub(crate) fn with_weight_decay(mut self, decay: f64) -> Self {
        match &mut self {
            Self::Sgd(rule) => rule.weight_decay = decay,
            Self::Adadelta(rule) => rule.weight_decay = decay,
            Self::Adam(rule) => rule.weight_decay = decay,
        }
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Sgd(rule) => rule.check(),
            Self::Adadelta(rule) => rule.check(),
            Self::Adam(rule) => rule.check(),
        }
    }
}

/// Refuses a setting outside `range`, which `expected` puts in words.
fn check(
    field: &'static str,
    value: f64,
    range: impl std::ops::RangeBounds<f64>,
    expected: &'static str,
) -> Result<()> {
    Ok(InvalidField::unless(range.contains(&value), field, &value, expected)?)
}

/// A smaller ε would be 0 beside f32 parameters, and 0/0 where a gradient is 0.
fn check_epsilon(epsilon: f64) -> Result<()> {
    let range = f64::from(f32::MIN_POSITIVE)..1.0;
    check("optimizer.epsilon", epsilon, range, "at least 1.2e-38 (f32's smallest) and below 1")
}
