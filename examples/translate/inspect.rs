//! `inspect`: what is in a model.

use crate::model::resolve;
use anyhow::Result;
use clap::Args;
use conv_translate::ModelInspection;

#[derive(Debug, Args)]
pub struct Options {
    /// A model folder, an id on the Hugging Face hub, or a checkpoint of fairseq's with its
    /// dictionaries beside it
    model: String,
}

pub fn run(options: &Options, common: &conv_cli::Common) -> Result<()> {
    conv_cli::print(common.json, &ModelInspection::open(&resolve(&options.model)?)?)
}
