//! `eval`: how often neighbours are of one category.

use crate::model::{Model, Taken};
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_vision::Limits;
use conv_vision::retrieval::{Metric, evaluate};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    model: Model,
    /// A tree of photographs in which each folder is a category
    #[arg(long)]
    data: PathBuf,
    /// cosine, or euclidean as in the paper
    #[arg(long, default_value = "cosine")]
    metric: Metric,
    #[command(flatten)]
    taken: Taken,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let describer = options.model.open(device)?;
    let metric = options.metric;
    let limits = Limits::default();
    let expansion = options.taken.expansion(metric)?;
    let evaluation = evaluate(&describer, &options.data, metric, expansion, &limits)?;
    conv_cli::print(common.json, &evaluation)?;
    crate::tell(&evaluation.skipped);
    Ok(())
}
