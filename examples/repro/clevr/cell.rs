//! A run of the table as it is kept.

use conv_clevr::heads::Architecture;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One head of one seed, and what came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    pub head: Architecture,
    pub seed: u64,
    /// Pictures learnt from and watched by.
    pub pictures: usize,
    pub epochs: usize,
    /// Pictures that are asked about.
    pub test_pictures: usize,
    /// Questions about them.
    pub questions: usize,
    /// Of these the share that is answered rightly.
    pub accuracy: f64,
    /// Where it lies by 95 of 100 draws of as many pictures.
    pub interval: [f64; 2],
    /// What the most frequent answers of the test questions themselves would get, by function.
    pub most_frequent: f64,
    /// Shares by type of question.
    pub types: BTreeMap<String, f64>,
    /// Accuracy on the pictures that training was watched by.
    pub dev: f64,
    pub parameters: usize,
    /// Optimiser steps.
    pub steps: u64,
    /// Seconds of training.
    pub seconds: f64,
    pub threads: usize,
    pub version: String,
    /// The commit that ran it.
    pub commit: String,
}

impl crate::cells::Cell for Cell {
    type Run = (Architecture, u64, [usize; 3]);

    fn run(&self) -> Self::Run {
        (self.head, self.seed, [self.pictures, self.epochs, self.test_pictures])
    }
}
