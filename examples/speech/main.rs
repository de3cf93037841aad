//! Speech recognition (Sainath et al. 2015, with CTC, a transducer or attention): trains and
//! measures recognisers, and writes down what is said.
//!
//!     cargo run --release --example speech -- transcribe data/samples/speech/*.wav
//!     cargo run --release --example speech -- train --data yesno --front-end raw --out runs/yesno

mod align;
mod data;
mod eval;
mod language;
mod model;
mod recipe;
mod surroundings;
mod train;
mod transcribe;

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand};
use conv_speech::ModelInspection;
use std::path::PathBuf;
use std::process::ExitCode;

/// Speech recognition after Sainath et al. (2015), trained with CTC, as a transducer or with
/// attention.
#[derive(Parser)]
#[command(name = "speech", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: conv_cli::Common,
}

#[derive(Subcommand)]
enum Verb {
    /// Trains a recogniser on your recordings or on the yes/no set
    Train(Box<train::Options>),
    /// Measures a recogniser on recordings whose words are known
    Eval(eval::Options),
    /// Puts a language model beside a recogniser
    Language(language::Options),
    /// Writes down what is said in recordings, or on standard input
    Transcribe(transcribe::Options),
    /// Says where the words of known texts are in their recordings
    Align(align::Options),
    /// Looks into a model folder
    Inspect(Inspect),
}

#[derive(Debug, Args)]
struct Inspect {
    /// A model folder, or an id on the hub
    model: PathBuf,
}

impl Inspect {
    fn run(&self, common: &conv_cli::Common) -> Result<()> {
        if self.model.is_file() {
            bail!("{} is a file, expected a model folder", self.model.display());
        }
        let model = conv_hub::resolve(&self.model.to_string_lossy())?;
        conv_cli::print(common.json, &ModelInspection::open(&model)?)
    }
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let common = &arguments.common;
        let device = common.start()?;
        match arguments.verb {
            Verb::Train(options) => train::run(&options, common, &device),
            Verb::Eval(options) => eval::run(&options, common, &device),
            Verb::Language(options) => options.run(common, &device),
            Verb::Transcribe(options) => options.run(common, &device),
            Verb::Align(options) => options.run(common, &device),
            Verb::Inspect(options) => options.run(common),
        }
    })
}
