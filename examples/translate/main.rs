//! Translation (Gehring et al. 2017): trains, measures and uses convolutional translators.
//!
//!     cargo run --release --example translate -- translate --model runs/de-en/model "Ein Hund rennt."
//!     cargo run --release --example translate -- train --data corpus --pair de-en --out runs/de-en

mod data;
mod eval;
mod model;
mod search;
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
    /// Trains a translator on parallel text
    Train(Box<train::Options>),
    /// Translates a test set and scores it: BLEU and chrF
    Eval(eval::Options),
    /// Translates sentences from arguments, a file or standard input
    Translate(translate::Options),
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let common = &arguments.common;
        let device = common.start()?;
        match arguments.verb {
            Verb::Train(options) => train::run(&options, common, &device),
            Verb::Eval(options) => eval::run(&options, common, &device),
            Verb::Translate(options) => translate::run(&options, common, &device),
        }
    })
}
