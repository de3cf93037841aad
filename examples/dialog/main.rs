//! Visual dialog (Das et al. 2017): trains and measures rankers of answers, and shows agents that
//! learn to cooperate.
//!
//!     cargo run --release --example dialog -- toy
//!     cargo run --release --example dialog -- eval --data visdial_1.0_val.json
//!     cargo run --release --features serve --example dialog -- serve

mod answer;
mod eval;
mod images;
mod inspect;
mod play;
#[cfg(feature = "serve")]
mod serve;
mod submit;
mod toy;
mod train;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Visual dialog after Das et al. (2017): answers ranked, and agents that cooperate.
#[derive(Parser)]
#[command(name = "dialog", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: conv_cli::Common,
}

#[derive(Subcommand)]
enum Verb {
    /// Trains two agents on a world of 64 objects, in seconds, and prints the language that they
    /// invent
    Toy(toy::Options),
    /// Trains a ranker of answers on dialogs as text
    Train(Box<train::Options>),
    /// Measures a ranker on a VisDial file
    Eval(eval::Options),
    /// Ranks the answers of a VisDial file and writes the ranks as the challenge takes them
    Submit(submit::Options),
    /// Answers a question in a model's own words, by beam search
    Answer(answer::Options),
    /// Plays one guessing game and prints what is said and how the ranking changes
    Play(play::Options),
    /// Plays it in a browser, where a person may ask in Q-Bot's place
    #[cfg(feature = "serve")]
    Serve(serve::Options),
    /// Trains the two agents of the guessing game
    TrainBots(Box<play::TrainOptions>),
    /// Looks into a model folder, or prints a VisDial file as text
    Inspect(inspect::Options),
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| -> Result<()> {
        let common = &arguments.common;
        let device = common.start()?;
        match arguments.verb {
            Verb::Toy(options) => options.run(common),
            Verb::Train(options) => train::run(&options, common, &device),
            Verb::Eval(options) => options.run(common, &device),
            Verb::Submit(options) => options.run(common, &device),
            Verb::Answer(options) => options.run(common, &device),
            Verb::Play(options) => options.run(common, &device),
            #[cfg(feature = "serve")]
            Verb::Serve(options) => options.run(common, &device),
            Verb::TrainBots(options) => play::train(&options, common, &device),
            Verb::Inspect(options) => options.run(common),
        }
    })
}
