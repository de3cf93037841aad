//! A run of the table as it is kept.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One training run, and what came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    pub seed: u64,
    /// Epochs that the recipe's course was laid out for, and that were run.
    pub epochs: usize,
    pub parameters: usize,
    /// Optimiser steps.
    pub steps: u64,
    /// Seconds of training.
    pub seconds: f64,
    pub threads: usize,
    /// Pictures that were held out.
    pub pictures: usize,
    /// Objects on them.
    pub objects: usize,
    /// Of these the share that an instance of a score of 0.5 has an IoU of 0.5 with.
    pub recall: f64,
    /// `box AP`, `mask AP75`, `shape` and the others, as shares.
    pub figures: BTreeMap<String, f64>,
    pub version: String,
    /// The commit that ran it.
    pub commit: String,
}

impl crate::cells::Cell for Cell {
    type Run = (u64, usize);

    fn run(&self) -> Self::Run {
        (self.seed, self.epochs)
    }
}
