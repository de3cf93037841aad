//! What a unit of a convolutional network responds to (Olah et al. 2017).
//!
//!     cargo run --release --example lens -- render inception_4c:64 --out unit.png --photos photos

mod atlas;
mod attribute;
mod eval;
mod examples;
mod find;
mod flags;
mod folder;
mod gaps;
mod grid;
mod page;
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
    /// The parts of photographs that excite a unit most and least, as large as the unit sees
    Examples(Box<examples::Options>),
    /// Which places of a photograph, and which channels of a layer, an answer was carried by
    Attribute(Box<attribute::Options>),
    /// A photograph as a layer sees it: a picture a place
    Grid(Box<grid::Options>),
    /// The units of a layer that give most to a class, rendered beside its photographs
    Find(Box<find::Options>),
    /// One page of many units, a section a layer
    Atlas(Box<atlas::Options>),
    /// Renders random units of all layers, and says how many pictures excite them more than every
    /// photograph
    Eval(Box<eval::Options>),
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let common = &arguments.common;
        let device = common.start()?;
        match arguments.verb {
            Verb::Render(options) => render::run(&options, common, &device),
            Verb::Examples(options) => examples::run(&options, common, &device),
            Verb::Attribute(options) => attribute::run(&options, common, &device),
            Verb::Grid(options) => grid::run(&options, common, &device),
            Verb::Find(options) => find::run(&options, common, &device),
            Verb::Atlas(options) => atlas::run(&options, common, &device),
            Verb::Eval(options) => eval::run(&options, common, &device),
        }
    })
}
