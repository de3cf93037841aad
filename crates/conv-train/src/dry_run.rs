//! What a training run would be, without training: parameters and their shapes, batches, steps,
//! memory.

use crate::optim::OptimizerConfig;
use crate::{FitConfig, Learner, Result};
use conv_nn::Parameters;
use serde::Serialize;
use std::fmt;

/// A run's plan. Its `Display` is the page that `--dry-run` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DryRun {
    /// Every parameter, in name order.
    pub parameters: Vec<ParameterShape>,
    /// Training examples.
    pub examples: usize,
    /// Passes over them.
    pub epochs: usize,
    /// Optimiser steps in the first epoch.
    pub steps_per_epoch: usize,
    /// The first epoch's batch with the most tokens, padding included: examples and longest length.
    pub largest_batch: [usize; 2],
    /// The share of the first epoch's tokens that is padding, in [0, 1).
    pub padding: f64,
    /// What it needs.
    pub memory: Memory,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ParameterShape {
    /// Its full name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// An estimate of memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// The parameters.
    pub parameters: usize,
    /// Their gradients, of which every parameter is taken to have one.
    pub gradients: usize,
    /// What the optimiser remembers.
    pub optimizer: usize,
    /// What the largest batch keeps for its backward pass; only the model knows it.
    pub activations: usize,
}

impl DryRun {
    /// The plan of `fit(learner, config, …)`. `activations` gives the bytes that a batch of so many
    /// examples of such a length keeps for its backward pass.
    ///
    /// # Errors
    /// Those of [`Learner::lengths`].
    pub fn new(
        learner: &impl Learner,
        config: &FitConfig,
        activations: impl FnOnce([usize; 2]) -> usize,
    ) -> Result<Self> {
        let lengths = learner.lengths(0)?;
        let batches = config.batching.epoch(&lengths, config.seed, 0);
        let shape = |batch: Vec<usize>| {
            let longest = batch.iter().map(|index| lengths[*index]).max().unwrap_or(0);
            [batch.len(), longest]
        };
        let tokens = |[examples, longest]: &[usize; 2]| examples * longest;
        let padded: usize = batches.iter().map(|batch| tokens(&shape(batch))).sum();
        let real: usize = lengths.iter().sum();
        let largest_batch = batches.iter().map(shape).max_by_key(tokens).unwrap_or([0, 0]);
        let vars = learner.parameters().vars();
        let parameters =
            vars.into_iter().map(|(name, var)| ParameterShape { name, shape: var.dims().to_vec() });
        Ok(Self {
            parameters: parameters.collect(),
            examples: lengths.len(),
            epochs: config.epochs,
            steps_per_epoch: batches.len().div_ceil(config.accumulate.max(1)),
            largest_batch,
            padding: 1.0 - real as f64 / padded.max(1) as f64,
            memory: Memory {
                activations: activations(largest_batch),
                ..Memory::of(learner.parameters(), &config.optimizer)
            },
        })
    }

    /// How many numbers the parameters hold.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|p| p.shape.iter().product::<usize>()).sum()
    }

    /// Optimiser steps in all epochs. An estimate where batches are bounded by tokens.
    pub fn steps(&self) -> usize {
        self.steps_per_epoch * self.epochs
    }
}

impl Memory {
    fn of(parameters: &Parameters, optimizer: &OptimizerConfig) -> Self {
        let bytes =
            |(_, var): &(_, candle_core::Var)| var.elem_count() * var.dtype().size_in_bytes();
        let bytes: usize = parameters.vars().iter().map(bytes).sum();
        Self {
            parameters: bytes,
            gradients: bytes,
            optimizer: bytes * optimizer.buffers(),
            activations: 0,
        }
    }

    /// All of it.
    pub fn total(&self) -> usize {
        self.parameters + self.gradients + self.optimizer + self.activations
    }
}

impl fmt::Display for DryRun {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let width = self.parameters.iter().map(|p| p.name.len()).max().unwrap_or(0);
        for ParameterShape { name, shape } in &self.parameters {
            let count: usize = shape.iter().product();
            writeln!(f, "{name:width$}  {count:>12}  {shape:?}")?;
        }
        let [examples, longest] = self.largest_batch;
        let mib = |bytes: usize| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
        let memory = &self.memory;
        writeln!(f, "parameters     {}", self.parameter_count())?;
        writeln!(f, "examples       {}", self.examples)?;
        writeln!(
            f,
            "steps          {} ({} an epoch, {} epochs)",
            self.steps(),
            self.steps_per_epoch,
            self.epochs
        )?;
        writeln!(f, "largest batch  {examples} × {longest}")?;
        writeln!(f, "padding        {:.1} %", 100.0 * self.padding)?;
        write!(
            f,
            "memory         {} (parameters {}, gradients {}, optimiser {}, activations {})",
            mib(memory.total()),
            mib(memory.parameters),
            mib(memory.gradients),
            mib(memory.optimizer),
            mib(memory.activations)
        )
    }
}
