//! `eval`: how often a network is right.

use crate::model::Named;
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_vision::{Limits, evaluate};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    model: Named,
    /// A folder of photographs called CLASS_anything, or in folders called as the classes
    #[arg(long)]
    data: PathBuf,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let classifier = options.model.open(device)?;
    let evaluation = evaluate(&classifier, &options.data, &Limits::default())?;
    conv_cli::print(common.json, &evaluation)?;
    evaluation.skipped.iter().for_each(|file| conv_cli::note(format_args!("  {file}")));
    Ok(())
}
