//! `train --folds K`: cross-validation on one's own data.

use crate::train::Setup;
use anyhow::{Result, bail};
use conv_cli::train::{learn, plan};
use conv_text::data::stratified_cross_validation;
use conv_train::End;
use serde::Serialize;
use std::fmt;

pub fn run(setup: &Setup, k: usize, dry_run: bool, common: &conv_cli::Common) -> Result<()> {
    let seed = setup.recipe.fit.seed;
    let split = |round| stratified_cross_validation(&setup.sentences.classes, k, round, seed);
    if dry_run {
        return plan(&setup.training(&split(0)?)?, common);
    }
    let stop = conv_cli::stop_on_signal()?;
    let mut folds = Vec::new();
    for round in 0..k {
        let split = split(round)?;
        // Of each fold's own words: what is held out may have others.
        let sentences = setup.sentences.clone().known_from(&split.train);
        let training = setup.training_of(&sentences, &split)?;
        let folder = tempfile::tempdir()?;
        let outcome = learn(&training, &setup.recipe.fit, folder.path(), false, stop)?;
        if outcome.end == End::Interrupted {
            bail!("stopped in fold {} of {k}; nothing is kept", round + 1);
        }
        let test = training.evaluation(&split.test, 1)?;
        let fold = Fold { fold: round + 1, accuracy: test.accuracy, macro_f1: test.macro_f1 };
        if !common.json {
            conv_cli::print(false, &fold)?;
        }
        folds.push(fold);
    }
    let accuracy = Spread::of(folds.iter().map(|fold| fold.accuracy));
    let macro_f1 = Spread::of(folds.iter().map(|fold| fold.macro_f1));
    conv_cli::print(common.json, &Folds { folds, accuracy, macro_f1 })
}

#[derive(Debug, Serialize)]
struct Fold {
    fold: usize,
    accuracy: f64,
    macro_f1: f64,
}

#[derive(Debug, Serialize)]
struct Folds {
    folds: Vec<Fold>,
    accuracy: Spread,
    macro_f1: Spread,
}

#[derive(Debug, Serialize)]
struct Spread {
    mean: f64,
    /// Of a sample: divided by n − 1.
    standard_deviation: f64,
}

impl Spread {
    fn of(values: impl ExactSizeIterator<Item = f64> + Clone) -> Self {
        let count = values.len() as f64;
        let mean = values.clone().sum::<f64>() / count;
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        Self { mean, standard_deviation: (squares / (count - 1.0)).sqrt() }
    }
}

impl fmt::Display for Fold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fold, accuracy, macro_f1 } = self;
        write!(f, "fold {fold:>3}  accuracy {accuracy:.4}  macro F1 {macro_f1:.4}")
    }
}

impl fmt::Display for Folds {
    /// The folds themselves were printed as they came.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (accuracy, macro_f1) = (&self.accuracy, &self.macro_f1);
        write!(
            f,
            "mean ± sd  accuracy {:.4} ± {:.4}  macro F1 {:.4} ± {:.4}",
            accuracy.mean, accuracy.standard_deviation, macro_f1.mean, macro_f1.standard_deviation
        )
    }
}
