//! A training run's settings: plain data, as they stand in a configuration file.

use crate::batch::Batching;
use crate::clip::MaxNorm;
use crate::optim::{Adam, Group, OptimizerConfig};
use crate::schedule::{Decay, Direction, Schedule};
use crate::{Error, Result};
use conv_hub::InvalidField;
use serde::{Deserialize, Serialize};

/// How to train. Together with the learner's identity it fixes every bit of the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitConfig {
    /// The seed of batches and of randomness within a step. Initial values come from the parameter
    /// store's own seed.
    pub seed: u64,
    /// Passes over the training data, at least 1.
    pub epochs: usize,
    /// How examples are put into batches.
    pub batching: Batching,
    /// Batches whose gradients make one step, each weighted by its loss's weight: two of 25
    /// examples are as one of 50.
    pub accumulate: usize,
    /// The rule that turns gradients into steps.
    pub optimizer: OptimizerConfig,
    /// The learning rate at its full height.
    pub learning_rate: f64,
    /// How the learning rate goes.
    pub schedule: Schedule,
    /// The largest global norm of the gradients: larger ones are scaled down to it.
    pub clip_norm: Option<f64>,
    /// Bounds on the rows of parameters, kept after every step.
    pub max_norm: Vec<MaxNorm>,
    /// When to evaluate; at the end of training always.
    pub evaluate_every: Interval,
    /// The metric that says which weights are best. Without one the last are kept.
    pub monitor: Option<MonitoredMetric>,
    /// Training stops after so many evaluations in a row that do not improve the watched metric.
    pub patience: Option<u32>,
    /// Training ends with the mean of the weights after the last so many evaluations; 0 ends with
    /// the best or the last ones.
    pub average: usize,
    /// Steps between checkpoints, besides those after every evaluation.
    pub checkpoint_every_steps: Option<u64>,
    /// Steps between two step records in the log, which has the first step's too.
    pub log_every_steps: u64,
    /// Parameters that are trained at a rate or with a decay of their own, or stay as they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
}

/// An interval of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// So many epochs.
    Epochs(usize),
    /// So many optimiser steps.
    Steps(u64),
}

/// A metric to watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitoredMetric {
    /// Its name among those that evaluation gives.
    pub metric: String,
    /// Which way is better.
    pub direction: Direction,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            epochs: 10,
            batching: Batching::default(),
            accumulate: 1,
            optimizer: OptimizerConfig::Adam(Adam::default()),
            learning_rate: 1e-3,
            schedule: Schedule::default(),
            clip_norm: None,
            max_norm: Vec::new(),
            evaluate_every: Interval::Epochs(1),
            monitor: None,
            patience: None,
            average: 0,
            checkpoint_every_steps: None,
            log_every_steps: 1,
            groups: Vec::new(),
        }
    }
}

impl FitConfig {
    /// Refuses values that make no sense, naming the setting.
    ///
    /// # Errors
    /// [`Error::Field`].
    pub fn check(&self) -> Result<()> {
        self.batching.check()?;
        self.schedule.check()?;
        self.optimizer.check()?;
        self.groups.iter().try_for_each(Group::check)?;
        let (Interval::Epochs(0) | Interval::Steps(0)) = self.evaluate_every else {
            return self.check_numbers();
        };
        Err(setting("evaluate_every", 0, "at least 1"))
    }

    fn check_numbers(&self) -> Result<()> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if !positive(self.learning_rate) {
            return Err(setting("learning_rate", self.learning_rate, "above 0"));
        }
        if let Some(norm) = self.clip_norm.filter(|norm| !positive(*norm)) {
            return Err(setting("clip_norm", norm, "above 0"));
        }
        if let Some(rule) = self.max_norm.iter().find(|rule| !positive(rule.norm)) {
            return Err(setting("max_norm.norm", rule.norm, "above 0"));
        }
        for (field, value) in [
            ("epochs", self.epochs as u64),
            ("accumulate", self.accumulate as u64),
            ("patience", self.patience.map_or(1, u64::from)),
            ("checkpoint_every_steps", self.checkpoint_every_steps.unwrap_or(1)),
            ("log_every_steps", self.log_every_steps),
        ] {
            if value == 0 {
                return Err(setting(field, value, "at least 1"));
            }
        }
        let plateau = matches!(self.schedule.decay, Decay::Plateau { .. });
        for (field, set) in [("patience", self.patience.is_some()), ("schedule.decay", plateau)] {
            if set && self.monitor.is_none() {
                return Err(setting(field, "set without `monitor`", "a metric to watch with it"));
            }
        }
        Ok(())
    }
}

fn setting(field: &'static str, found: impl ToString, expected: &'static str) -> Error {
    let found = found.to_string();
    Error::from(InvalidField::new(field, found, expected))
}
