//! `train`: from pictures with masks, and perhaps another detector, to a model folder and a report.

use crate::model::{data, place};
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_cli::settings;
use conv_cli::train::{FitFlags, TrainFlags};
use conv_detect::{Limits, Pretrained, Recipe, Stage, Training, card};
use conv_train::Task;
use conv_train::batch::BatchSize;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A folder in CLEVR's layout (scenes.json, images/, masks/), or of images/ and masks/ alone,
    /// or a file of COCO's annotations or its folder; the pictures whose number leaves 4 when
    /// divided by 5 are held out, and measured at the end
    #[arg(long)]
    data: PathBuf,
    /// Start from another detector: a model folder, an id on the hub, torchvision's weights (.pth,
    /// .safetensors), or those of one of its ResNet classifiers; heads for another number of
    /// classes begin anew
    #[arg(long, value_name = "MODEL")]
    from: Option<String>,
    /// Parts that stay as they come: stem, layer1, layer2, layer3, layer4, fpn, rpn
    #[arg(long, value_delimiter = ',', requires = "from")]
    freeze: Vec<Stage>,
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
    let pretrained = match &options.from {
        Some(from) => Some(Pretrained::open_start(&place(from)?)?),
        None => None,
    };
    let usual = pretrained.as_ref().map_or_else(Recipe::default, Recipe::starting_from);
    let mut recipe: Recipe =
        options.fit.over(&usual, |recipe: &mut Recipe| &mut recipe.fit, common)?;
    if !options.freeze.is_empty() {
        recipe.freeze.clone_from(&options.freeze);
    }
    settings::set(&mut recipe.fit.batching.size, options.batch_size.map(BatchSize::Examples));
    let limits = Limits::default();
    let data = data(&options.data, &limits)?;
    let training = match &pretrained {
        Some(pretrained) => Training::from(pretrained, recipe, &data, limits, device)?,
        None => Training::new(recipe, &data, limits, device)?,
    };
    let replaced = training.replaced().iter();
    replaced.for_each(|layer| conv_cli::note(format_args!("begins anew: {layer}")));
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
