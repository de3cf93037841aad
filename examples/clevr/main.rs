//! Questions about pictures of CLEVR, answered step by step (Johnson et al. 2016).
//!
//!     cargo run --release --example clevr -- answer --image x.png --question "How many cubes are left of the red ball?"
//!     cargo run --release --example clevr -- eval --images images --questions CLEVR_val_questions.json

mod answer;
mod ask;
mod eval;
mod eval_head;
mod features;
mod fit;
mod inspect;
mod model;
mod parse;
mod questions;
mod render;
mod scenes;
mod train;
mod train_head;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Reasoning about CLEVR's pictures: detector to scene graph, question to program, program to
/// answer.
#[derive(Parser)]
#[command(name = "clevr", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: conv_cli::Common,
}

#[derive(Subcommand)]
enum Verb {
    /// Answers a question about a picture, or a file of them, and shows what each step selected
    Answer(answer::Options),
    /// Answers questions about a picture as they are typed, a line each
    Ask(ask::Options),
    /// Counts how often answers are right, by type, and whose fault the errors are
    Eval(eval::Options),
    /// Shows the program of a question, or counts how often programs are right
    Parse(parse::Options),
    /// Trains the parser on questions that templates make
    Train(Box<train::Options>),
    /// Computes the maps of pictures that heads look at, and keeps them
    Features(features::Options),
    /// Trains a head: a network that answers from such maps, without program or scene graph
    TrainHead(Box<train_head::Options>),
    /// Fits where on the ground a box stands, on rendered scenes with masks
    Fit(fit::Options),
    /// Draws scenes by CLEVR's rules and renders them, with masks, in CLEVR's layout
    Scenes(scenes::Options),
    /// Renders given scenes
    Render(render::Options),
    /// Makes questions about scenes from templates
    Questions(questions::Options),
    /// Counts what a file of questions or scenes holds
    Inspect(inspect::Options),
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let common = &arguments.common;
        let device = common.start()?;
        match arguments.verb {
            Verb::Answer(options) => answer::run(&options, common, &device),
            Verb::Ask(options) => ask::run(&options, common, &device),
            Verb::Eval(options) => eval::run(&options, common, &device),
            Verb::Parse(options) => parse::run(&options, common, &device),
            Verb::Train(options) => train::run(&options, common, &device),
            Verb::Features(options) => features::run(&options, common, &device),
            Verb::TrainHead(options) => train_head::run(&options, common, &device),
            Verb::Fit(options) => fit::run(&options, common),
            Verb::Scenes(options) => scenes::run(&options, common),
            Verb::Render(options) => render::run(&options, common),
            Verb::Questions(options) => questions::run(&options, common),
            Verb::Inspect(options) => inspect::run(&options, common),
        }
    })
}
