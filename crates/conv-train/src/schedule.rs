//! The learning rate as a function of the step: a linear warm-up in front of one of four decays.

use crate::{Error, Result};
use conv_hub::InvalidField;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How the learning rate goes. Steps are optimiser steps, counted from 0.
///
/// In a configuration file:
/// `schedule = { warmup_steps = 100, decay = { kind = "cosine", steps = 5000, floor = 0.0 } }`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Over the first so many steps the rate rises in equal parts to its full height; 0 is no
    /// warm-up.
    pub warmup_steps: u64,
    /// What follows the warm-up; its steps are counted from there.
    #[serde(alias = "course")]
    pub decay: Decay,
}

/// How the learning rate falls after the warm-up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Decay {
    /// It stays.
    #[default]
    Constant,
    /// It is multiplied by `factor` each `every` steps.
    Step {
        /// Steps between two changes.
        every: u64,
        /// In (0, 1].
        factor: f64,
    },
    /// Half a cosine from the full rate down to `floor` in `steps` steps, then `floor` (Loshchilov
    /// and Hutter 2017).
    Cosine {
        /// Steps from top to floor; left out, those that the run has after its warm-up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        steps: Option<u64>,
        /// The rate at the end.
        floor: f64,
    },
    /// It is multiplied by `factor` when the watched metric has not improved, by more than a part
    /// in 10⁴, for more than `patience` evaluations in a row, as PyTorch's `ReduceLROnPlateau`;
    /// like there, a rate that would change by no more than 10⁻⁸ (its `eps`) stays.
    Plateau {
        /// In (0, 1).
        factor: f64,
        /// Evaluations without improvement that are let pass.
        patience: u32,
        /// The rate does not fall below this.
        floor: f64,
    },
}

/// Whether a metric is better when larger or when smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Accuracy, F1, BLEU.
    Maximize,
    /// Loss, error rate, perplexity.
    Minimize,
}

impl Direction {
    /// Whether `value` improves on `best`. A value that is not finite improves on nothing.
    pub fn improves(self, value: f64, best: Option<f64>) -> bool {
        value.is_finite()
            && best.is_none_or(|best| match self {
                Direction::Maximize => value > best,
                Direction::Minimize => value < best,
            })
    }
}

/// What [`Decay::Plateau`] has seen so far; part of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plateau {
    /// What the rate is multiplied by at present.
    pub scale: f64,
    /// The best value so far.
    pub best: Option<f64>,
    /// Evaluations since.
    pub waited: u32,
}

impl Default for Plateau {
    fn default() -> Self {
        Self { scale: 1.0, best: None, waited: 0 }
    }
}

impl Schedule {
    /// The schedule of a run of so many steps: a cosine whose steps are left out is over all that
    /// follow the warm-up.
    pub(crate) fn over(&self, run: u64) -> Self {
        let mut schedule = self.clone();
        if let Decay::Cosine { steps: steps @ None, .. } = &mut schedule.decay {
            *steps = Some(run.saturating_sub(self.warmup_steps).max(1));
        }
        schedule
    }

    /// The learning rate of `step` (from 0), where `full` is its full height. A cosine without its
    /// steps, which only a run knows, stays at the top.
    pub fn rate(&self, full: f64, step: u64, plateau: &Plateau) -> f64 {
        if step < self.warmup_steps {
            return full * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let step = step - self.warmup_steps;
        match self.decay {
            Decay::Constant => full,
            Decay::Step { every, factor } => full * factor.powf((step / every.max(1)) as f64),
            Decay::Cosine { steps, floor } => {
                let part = steps.map_or(0.0, |steps| step as f64 / steps.max(1) as f64).min(1.0);
                floor + (full - floor) * (1.0 + (PI * part).cos()) / 2.0
            }
            Decay::Plateau { floor, .. } => plateau_rate(full, plateau.scale, floor),
        }
    }

    /// Tells a plateau the watched metric's new value; `full` is the rate's full height.
    pub fn observe(&self, full: f64, value: f64, direction: Direction, plateau: &mut Plateau) {
        let Decay::Plateau { factor, patience, floor } = self.decay else {
            return;
        };
        // PyTorch's relative threshold: for a best of 0.8 a gain must exceed 0.00008.
        let bar = plateau.best.map(|best| match direction {
            Direction::Maximize => best * (1.0 + 1e-4),
            Direction::Minimize => best * (1.0 - 1e-4),
        });
        if direction.improves(value, bar) {
            plateau.best = Some(value);
            plateau.waited = 0;
            return;
        }
        plateau.waited = plateau.waited.saturating_add(1);
        if plateau.waited > patience {
            let lower = plateau.scale * factor;
            let rate = |scale| plateau_rate(full, scale, floor);
            if rate(plateau.scale) - rate(lower) > 1e-8 {
                plateau.scale = lower;
            }
            plateau.waited = 0;
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let fail = |field, found: f64, expected| {
            let found = found.to_string();
            Err(Error::from(InvalidField::new(field, found, expected)))
        };
        let field = "schedule.decay.factor";
        match self.decay {
            Decay::Step { factor, .. } if !(factor > 0.0 && factor <= 1.0) => {
                fail(field, factor, "above 0, at most 1")
            }
            Decay::Plateau { factor, .. } if !(factor > 0.0 && factor < 1.0) => {
                fail(field, factor, "between 0 and 1")
            }
            Decay::Step { every: 0, .. } => fail("schedule.decay.every", 0.0, "at least 1"),
            Decay::Cosine { steps: Some(0), .. } => fail("schedule.decay.steps", 0.0, "at least 1"),
            Decay::Cosine { floor, .. } | Decay::Plateau { floor, .. }
                if !(floor.is_finite() && floor >= 0.0) =>
            {
                fail("schedule.decay.floor", floor, "at least 0 and finite")
            }
            _ => Ok(()),
        }
    }
}

fn plateau_rate(full: f64, scale: f64, floor: f64) -> f64 {
    (full * scale).max(floor.min(full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plateau_makes_no_change_of_a_hundred_millionth_or_less() {
        let decay = Decay::Plateau { factor: 0.5, patience: 0, floor: 0.0 };
        let schedule = Schedule { warmup_steps: 0, decay };
        let mut plateau = Plateau::default();
        let mut rates = [0.0; 5];
        for rate in &mut rates {
            schedule.observe(5e-8, 1.0, Direction::Minimize, &mut plateau);
            *rate = schedule.rate(5e-8, 0, &plateau);
        }
        // torch 2: lr.ReduceLROnPlateau(SGD(…, lr=5e-8), factor=0.5, patience=0) on a metric of 1.
        assert_eq!(rates, [5e-8, 2.5e-8, 1.25e-8, 1.25e-8, 1.25e-8]);
    }
}
