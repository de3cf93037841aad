//! Photographs in the manner of paintings (Gatys et al. 2016, Chen et al. 2017).
//!
//!     cargo run --release --example style -- paint photo.jpg --style painting.jpg --out painted.png
//!     cargo run --release --example style -- train --data photos --style wave.jpg --style night.jpg --out runs/bank
//!     cargo run --release --example style -- add scream.jpg --model runs/bank/model --data photos --out runs/more
//!     cargo run --release --example style -- apply photo.jpg --model runs/bank/model --mix wave=0.5,night=0.5 --out painted.png

mod add;
mod apply;
mod eval;
mod inspect;
mod losses;
mod page;
mod paint;
mod show;
mod train;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Neural style: by descent on the pixels, and in one pass by a StyleBank.
#[derive(Parser)]
#[command(name = "style", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: conv_cli::Common,
}

#[derive(Subcommand)]
enum Verb {
    /// Paints a photograph in the manner of a painting, by descent on its pixels (Gatys et al.)
    Paint(Box<paint::Options>),
    /// Trains a StyleBank on photographs and paintings
    Train(Box<train::Options>),
    /// Adds a style to a StyleBank, of which all else stays as it is
    Add(Box<add::Options>),
    /// Paints a photograph in a style of a StyleBank, or a mixture of them
    Apply(Box<apply::Options>),
    /// Puts photographs in every style of a StyleBank on a page, with a slider between two styles
    /// and regions
    Show(show::Options),
    /// Compares a StyleBank with the descent of Gatys et al. on the same photographs and paintings
    Eval(Box<eval::Options>),
    /// Shows what is in a StyleBank's folder
    Inspect(inspect::Options),
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let common = &arguments.common;
        let device = common.start()?;
        match arguments.verb {
            Verb::Paint(options) => paint::run(&options, common, &device),
            Verb::Train(options) => train::run(&options, common, &device),
            Verb::Add(options) => add::run(&options, common, &device),
            Verb::Apply(options) => apply::run(&options, common, &device),
            Verb::Show(options) => show::run(&options, common, &device),
            Verb::Eval(options) => eval::run(&options, common, &device),
            Verb::Inspect(options) => inspect::run(&options, common),
        }
    })
}
