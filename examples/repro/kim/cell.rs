//! A run of Table 2 as it is kept.

use serde::{Deserialize, Serialize};

/// One training run of the table, and what came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Row of the table, e.g. the data set.
    pub set: String,
    /// Column of the table, e.g. the model's variant.
    pub variant: String,
    /// The recipe by name: a changed recipe is another cell.
    pub recipe: String,
    /// Fold, or 0 where the data comes split.
    pub round: usize,
    /// Seed of the run; splits have a fixed seed of their own.
    pub seed: u64,
    /// Result on the dev part, which chose the epoch.
    pub dev: f64,
    /// Result on the test part.
    pub test: f64,
    /// Epochs run.
    pub epochs: usize,
    /// Seconds of training.
    pub seconds: f64,
    /// The commit that ran it.
    pub commit: String,
}

impl crate::cells::Cell for Cell {
    type Run = (String, String, String, usize, u64);

    fn run(&self) -> Self::Run {
        let Self { set, variant, recipe, round, seed, .. } = self;
        (set.clone(), variant.clone(), recipe.clone(), *round, *seed)
    }
}
