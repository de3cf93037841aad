//! `export`: a network for torchvision.

use anyhow::{Context, Result};
use clap::Args;
use conv_vision::Weights;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A model folder as `train` leaves it, or weights with torchvision's names
    #[arg(long)]
    model: PathBuf,
    /// The file, .safetensors: torchvision's state dict, with the preprocessing and the classes in
    /// its metadata
    #[arg(long)]
    out: PathBuf,
}

pub fn run(options: &Options, common: &conv_cli::Common) -> Result<()> {
    let weights = Weights::open(&options.model)?;
    weights.export(&options.out)?;
    let torchvision = weights.architecture.torchvision().context("no twin in torchvision")?;
    let classes = weights.graph.classes().context("no classes")?;
    conv_cli::print(common.json, &Exported { torchvision, classes, out: &options.out })
}

#[derive(Serialize)]
struct Exported<'a> {
    torchvision: &'static str,
    classes: usize,
    out: &'a PathBuf,
}

impl fmt::Display for Exported<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { torchvision, classes, out } = self;
        write!(f, "torchvision.models.{torchvision}(num_classes={classes}): {}", out.display())
    }
}
