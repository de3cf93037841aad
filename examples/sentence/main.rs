//! Sentence classification (Kim 2014): trains, measures, explains and uses classifiers of
//! sentences.
//!
//!     cargo run --release --example sentence -- predict "A warm, funny and wonderful film."
//!     cargo run --release --example sentence -- train --data reviews.csv --out runs/reviews

mod data;
mod eval;
mod features;
mod folds;
mod input;
mod inspect;
mod model;
mod predict;
mod recipe;
mod train;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Convolutional sentence classification (Kim 2014).
#[derive(Parser)]
#[command(name = "sentence", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: conv_cli::Common,
}

#[derive(Subcommand)]
enum Verb {
    /// Trains a classifier on your data or on one of Kim's sets
    Train(Box<train::Options>),
    /// Measures a classifier on labelled sentences
    Eval(eval::Options),
    /// Classifies sentences, and says why
    Predict(predict::Options),
    /// Looks into data files, one of Kim's sets, or a model folder
    Inspect(inspect::Options),
    /// Sentence vectors: the penultimate layer, a line a sentence
    Vectors(features::Vectors),
    /// Each feature map's strongest window in each sentence, as JSON lines
    Features(features::Features),
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let common = &arguments.common;
        let device = common.start()?;
        match arguments.verb {
            Verb::Train(options) => train::run(&options, common, &device),
            Verb::Eval(options) => eval::run(&options, common, &device),
            Verb::Predict(options) => predict::run(&options, common, &device),
            Verb::Inspect(options) => inspect::run(&options, common),
            Verb::Vectors(options) => options.run(common, &device),
            Verb::Features(options) => options.run(&device),
        }
    })
}
