//! What a unit of a convolutional network responds to (Olah et al. 2017).
//!
//!     cargo run --release --example lens -- render inception_4c:64 --out unit.png --photos photos

mod render;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Feature visualisation: pictures that excite a unit, drawn by ascent from noise.
#[derive(Parser)]
#[command(name = "lens", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: conv_cli::Common,
}

#[derive(Subcommand)]
enum Verb {
    /// Climbs from noise to a picture that excites a unit, and compares it with photographs
    Render(Box<render::Options>),
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let common = &arguments.common;
        let device = common.start()?;
        match arguments.verb {
            Verb::Render(options) => render::run(&options, common, &device),
        }
    })
}
