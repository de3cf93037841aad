//! `inspect`: a network layer by layer.

use crate::model::Model;
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_vision::Inspection;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    model: Model,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    conv_cli::print(common.json, &Inspection::new(&options.model.open(device)?)?)
}
