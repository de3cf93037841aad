//! `eval`: word and character error rates.

use crate::data::Sets;
use crate::model::Model;
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_speech::data::Recordings;
use conv_speech::evaluate;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    model: Model,
    /// A table with the columns path and text, or yesno, of which the second half is taken
    #[arg(long)]
    data: PathBuf,
    #[command(flatten)]
    sets: Sets,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let recognizer = options.model.open(device)?;
    let manifest = options.sets.measured(&options.data)?;
    let recordings = Recordings::read(&manifest, Some(recognizer.config().rate))?;
    let (evaluation, _) = evaluate(&recognizer, &recordings)?;
    conv_cli::print(common.json, &evaluation)
}
