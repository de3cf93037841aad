//! Translation (Gehring et al. 2017): trains, measures and uses convolutional translators.
//!
//!     cargo run --release --example translate -- translate --model runs/de-en/model "Ein Hund rennt."
//!     cargo run --release --example translate -- train --data corpus --pair de-en --out runs/de-en

mod data;
mod eval;
mod inspect;
mod model;
mod output;
mod recipe;
mod score;
mod search;
mod split;
mod train;
mod translate;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Convolutional translation (Gehring et al. 2017).
#[derive(Parser)]
#[command(name = "translate", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: conv_cli::Common,
}

#[derive(Subcommand)]
enum Verb {
    /// Parts a corpus into train, val and test that share no sentence
    Split(split::Options),
    /// Trains a translator on parallel text, or goes on training one
    Train(Box<train::Options>),
    /// Translates a test set and scores it: BLEU and chrF
    Eval(eval::Options),
    /// Translates sentences from arguments, a file or standard input
    Translate(translate::Options),
    /// Translates what is typed, a line at a time
    #[command(visible_alias = "chat")]
    Interactive(translate::Asked),
    /// Says how probable given translations are, a line a pair
    Score(score::Options),
    /// Looks into a model folder or a checkpoint of fairseq's
    Inspect(inspect::Options),
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let common = &arguments.common;
        let device = common.start()?;
        match arguments.verb {
            Verb::Split(options) => split::run(&options, common),
            Verb::Train(options) => train::run(&options, common, &device),
            Verb::Eval(options) => eval::run(&options, common, &device),
            Verb::Translate(options) => translate::run(&options, common, &device),
            Verb::Interactive(asked) => translate::interactive(&asked, common, &device),
            Verb::Score(options) => score::run(&options, common, &device),
            Verb::Inspect(options) => inspect::run(&options, common),
        }
    })
}
