//! What photographs show (Krizhevsky et al. 2012 and its successors): five names with bars.
//!
//!     cargo run --release --example classify -- predict photo.jpg --model googlenet.safetensors
//!     cargo run --release --example classify -- eval --data photos --model googlenet.safetensors
//!     cargo run --release --example classify -- train --data photos --out runs/photos

mod eval;
mod export;
mod features;
mod inspect;
mod model;
mod predict;
mod train;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Image classification by AlexNet and its successors.
#[derive(Parser)]
#[command(name = "classify", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: conv_cli::Common,
}

#[derive(Subcommand)]
enum Verb {
    /// Trains a classifier on a tree of folders, or a table of paths and classes
    Train(Box<train::Options>),
    /// Names what photographs show
    Predict(predict::Options),
    /// Counts how often a network is right
    Eval(eval::Options),
    /// Keeps layers of a network for photographs in a file
    Features(features::Options),
    /// Writes a network as torchvision's state dict
    Export(export::Options),
    /// Lists a network's layers with their shapes, receptive fields and costs, and what its weights
    /// want done to a picture
    Inspect(inspect::Options),
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let common = &arguments.common;
        let device = common.start()?;
        match arguments.verb {
            Verb::Train(options) => train::run(&options, common, &device),
            Verb::Predict(options) => predict::run(&options, common, &device),
            Verb::Eval(options) => eval::run(&options, common, &device),
            Verb::Features(options) => features::run(&options, common, &device),
            Verb::Export(options) => export::run(&options, common),
            Verb::Inspect(options) => inspect::run(&options, common, &device),
        }
    })
}
