//! `eval`: word and character error rates.

use crate::data::Sets;
use crate::model::Model;
use crate::surroundings::Elsewhere;
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_speech::data::{Part, Recordings};
use conv_speech::{SurroundingsConfig, evaluate};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    model: Model,
    /// A table with the columns path and text (.tsv), an object a line (.jsonl), a folder as for
    /// train, of which the test part is taken, or yesno, of which the second half is
    #[arg(long)]
    data: PathBuf,
    #[command(flatten)]
    sets: Sets,
    #[command(flatten)]
    surroundings: Elsewhere,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let recognizer = options.model.open(device)?;
    let manifest = options.sets.measured(&options.data, Part::Test)?;
    let recordings = Recordings::read(&manifest, Some(recognizer.config().rate))?;
    let mut config = SurroundingsConfig::default();
    options.surroundings.set(&mut config, 1.0);
    let seed = common.seed();
    let surroundings = options.surroundings.read(recordings.rate, seed)?;
    let recordings = recordings.within(&surroundings, &config, seed)?;
    let (evaluation, _) = evaluate(&recognizer, &recordings)?;
    conv_cli::print(common.json, &evaluation)
}
