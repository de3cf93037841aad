//! A run of the table as it is kept.

use serde::{Deserialize, Serialize};

/// One training run, and what came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// As `classify train --architecture` has it.
    pub network: String,
    pub seed: u64,
    /// Epochs that the recipe's course was laid out for, and that were run.
    pub epochs: usize,
    pub parameters: usize,
    /// Products and sums for one picture.
    pub multiply_adds: u64,
    /// Optimiser steps.
    pub steps: u64,
    /// Seconds of training.
    pub seconds: f64,
    pub threads: usize,
    /// Pictures that were trained on, and those that chose the weights.
    pub trained: [usize; 2],
    /// Test pictures, and those that were named right.
    pub pictures: usize,
    pub right: usize,
    pub version: String,
    /// The commit that ran it.
    pub commit: String,
}

impl crate::cells::Cell for Cell {
    type Run = (String, u64, usize);

    fn run(&self) -> Self::Run {
        (self.network.clone(), self.seed, self.epochs)
    }
}
