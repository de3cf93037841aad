//! Photographs like another (Krizhevsky et al. 2012, section 6.1): the nearest in what the last
//! hidden layer makes of them.
//!
//!     cargo run --release --example retrieve -- index photos --model googlenet.safetensors --out photos.index
//!     cargo run --release --example retrieve -- search photos.index photo.jpg

mod change;
mod eval;
mod index;
mod model;
mod search;

use clap::{Parser, Subcommand};
use conv_vision::data::Skipped;
use std::process::ExitCode;

/// Image retrieval by the layers of a network.
#[derive(Parser)]
#[command(name = "retrieve", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: conv_cli::Common,
}

#[derive(Subcommand)]
enum Verb {
    /// Describes all photographs of a folder and keeps that in one file
    Index(index::Options),
    /// Adds photographs to an index, and describes again those that have changed
    Add(change::Add),
    /// Removes photographs from an index
    Remove(change::Remove),
    /// Finds the photographs of an index that are most like others
    Search(search::Options),
    /// Measures over a tree in which each folder is a category how often neighbours are of one
    Eval(eval::Options),
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let common = &arguments.common;
        let device = common.start()?;
        match arguments.verb {
            Verb::Index(options) => index::run(&options, common, &device),
            Verb::Add(options) => change::add(&options, common, &device),
            Verb::Remove(options) => change::remove(&options, common),
            Verb::Search(options) => search::run(&options, common, &device),
            Verb::Eval(options) => eval::run(&options, common, &device),
        }
    })
}

/// Names what was left out, and why.
fn tell(skipped: &[Skipped]) {
    if !skipped.is_empty() {
        conv_cli::note(format_args!("left out: {}", skipped.len()));
    }
    skipped.iter().for_each(|file| conv_cli::note(format_args!("  {file}")));
}
