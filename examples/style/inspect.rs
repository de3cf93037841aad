//! `inspect`: what is in a StyleBank's folder.

use crate::apply::SHIPPED;
use anyhow::Result;
use clap::Args;
use conv_style::ModelInspection;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A model folder as train leaves it
    #[arg(long, default_value = SHIPPED)]
    model: PathBuf,
}

pub fn run(options: &Options, common: &conv_cli::Common) -> Result<()> {
    conv_cli::print(common.json, &ModelInspection::open(&options.model)?)
}
