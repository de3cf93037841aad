//! `train`: from pictures with masks to a model folder and a report.

use crate::model::data;
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_cli::settings;
use conv_cli::train::{FitFlags, TrainFlags};
use conv_detect::{Limits, Recipe, Training, card};
use conv_train::Task;
use conv_train::batch::BatchSize;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A folder in CLEVR's layout (scenes.json, images/, masks/), or a file of COCO's annotations or its folder; the pictures whose number leaves 4 when divided by 5 are held out, and measured at the
    /// end
    #[arg(long)]
    data: PathBuf,
    #[command(flatten)]
    fit: FitFlags,
    /// Pictures a batch
    #[arg(long)]
    batch_size: Option<usize>,
    #[command(flatten)]
    train: TrainFlags,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    options.train.run_folder()?;
    let mut recipe: Recipe =
        options.fit.over(&Recipe::default(), |recipe: &mut Recipe| &mut recipe.fit, common)?;
    settings::set(&mut recipe.fit.batching.size, options.batch_size.map(BatchSize::Examples));
    let limits = Limits::default();
    let data = data(&options.data, &limits)?;
    let training = Training::new(recipe, &data, limits, device)?;
    match training.too_small() {
        0 => {}
        count => conv_cli::note(format_args!("objects of less than a pixel, not learnt: {count}")),
    }
    let count = training.examples()["train"];
    let subtitle = format!("Masks of {} from {count} pictures", data.name);
    let figures = || {
        let found = training.held_out()?;
        let figures = found.map(|found| found.figures()).unwrap_or_default();
        let named = figures.into_iter().map(|(name, value)| (format!("held out {name}"), value));
        Ok(named.collect::<BTreeMap<_, _>>())
    };
    let card = |metrics| card(&data.name, &data.labels, metrics);
    options.train.run(&training, &subtitle, figures, card, common)
}
