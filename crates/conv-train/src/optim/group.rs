//! Parameters that are trained at a rate or with a decay of their own.

use candle_core::backprop::GradStore;
use conv_hub::InvalidField;
use conv_nn::Parameters;
use serde::{Deserialize, Serialize};

/// A group of parameters, by how their names begin. Of several groups that a name belongs to, the
/// first counts.
///
/// In a configuration file, for a network of which one stage stays as it is:
/// `groups = [{ prefix = "layer1.", rate = 0.0 }, { prefix = "layer4.", rate = 0.1 }]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// How the parameters' full names begin.
    pub prefix: String,
    /// What the learning rate is multiplied by, at least 0; 0 freezes them. They then count neither
    /// in the gradient's norm nor in its clipping.
    #[serde(default = "one")]
    pub rate: f64,
    /// The optimiser's weight decay for them, in the place of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
}

fn one() -> f64 {
    1.0
}

impl Group {
    pub(crate) fn check(&self) -> Result<(), InvalidField> {
        let is_share = |value: f64| value.is_finite() && value >= 0.0;
        let check = InvalidField::unless;
        check(is_share(self.rate), "groups.rate", &self.rate, "at least 0 and finite")?;
        let decay = self.weight_decay.unwrap_or(0.0);
        check(is_share(decay), "groups.weight_decay", &decay, "at least 0 and finite")
    }

    /// The group of the parameter `name`.
    pub(crate) fn of<'a>(groups: &'a [Self], name: &str) -> Option<&'a Self> {
        groups.iter().find(|group| name.starts_with(&group.prefix))
    }

    /// Drops the gradients of what is frozen.
    pub(crate) fn freeze(groups: &[Self], parameters: &Parameters, gradients: &mut GradStore) {
        if groups.iter().all(|group| group.rate > 0.0) {
            return;
        }
        for (name, var) in parameters.vars() {
            if Self::of(groups, &name).is_some_and(|group| group.rate == 0.0) {
                gradients.remove(&var);
            }
        }
    }
}
