//! Where things are on pictures, what they are and which pixels are theirs (He et al. 2017).
//!
//!     cargo run --release --example detect -- predict scene.png --out seen.png
//!     cargo run --release --example detect -- train --data clevr/rendered --out runs/objects
//!     cargo run --release --example detect -- eval --data clevr/rendered --part held-out

mod eval;
mod features;
mod inspect;
mod model;
mod predict;
mod train;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Detection, classification and segmentation by Mask R-CNN.
#[derive(Parser)]
#[command(name = "detect", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: conv_cli::Common,
}

#[derive(Subcommand)]
enum Verb {
    /// Trains a detector on pictures with masks
    Train(Box<train::Options>),
    /// Finds things on pictures and draws them
    Predict(predict::Options),
    /// Keeps what is said of pictures in a file, for other networks
    Features(features::Options),
    /// Measures average precision on pictures whose objects are known
    Eval(eval::Options),
    /// Looks into a model folder, or draws pictures with their annotations, anchors and proposals
    Inspect(inspect::Options),
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let common = &arguments.common;
        let device = common.start()?;
        match arguments.verb {
            Verb::Train(options) => train::run(&options, common, &device),
            Verb::Predict(options) => predict::run(&options, common, &device),
            Verb::Features(options) => features::run(&options, common, &device),
            Verb::Eval(options) => eval::run(&options, common, &device),
            Verb::Inspect(options) => inspect::run(&options, common, &device),
        }
    })
}
