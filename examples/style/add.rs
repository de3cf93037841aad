//! `add`: one more style for a bank, of which all else stays as it is.

use crate::losses::told;
use crate::train::{Learning, paintings};
use anyhow::{Result, bail};
use candle_core::Device;
use clap::Args;
use conv_hub::Card;
use conv_style::{Base, LossConfig, LossNetwork, Recipe, Training, card};
use conv_train::Task;
use conv_vision::Limits;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// The paintings; a style is called as its file
    #[arg(required = true)]
    paintings: Vec<PathBuf>,
    /// The bank that they are added to: a model folder as train leaves it. It stays as it is; the
    /// bank with more styles is in --out
    #[arg(long)]
    model: PathBuf,
    #[command(flatten)]
    learning: Learning,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let learning = &options.learning;
    learning.train.run_folder()?;
    let base = Base::open(&options.model)?;
    if learning.train.half && !base.fits_half()? {
        bail!(
            "--half: {} is stored in full precision, and rounding it would change the pictures of {}",
            options.model.display(),
            base.styles().join(", ")
        );
    }
    let model = learning.losses.open(device)?;
    // As the bank's other styles were trained, unless something else is asked for.
    let recipe = base.recipe.clone().unwrap_or_else(|| Recipe {
        losses: LossConfig::of(model.architecture),
        ..Recipe::default()
    });
    let recipe = learning.recipe(&recipe, common)?;
    let styles = paintings(&options.paintings)?;
    let contents = learning.contents()?;
    let losses = LossNetwork::new(&model, recipe.losses.clone())?;
    let limits = Limits::default();
    let training = Training::adding(&base, recipe, losses, contents, styles, limits, device)?;
    let name = learning.name();
    let before = base.styles().join(", ");
    let styles = training.config().styles.clone();
    let added = styles[base.styles().len()..].join(", ");
    let subtitle = format!(
        "Chen et al. (2017): {added} on {name}, added to a bank of {before}. {}",
        told(&model)
    );
    let data = format!(
        "Photographs: {name}. Paintings: {added}, added to a bank of {before} ({}), whose own card says what it learnt from.",
        base.path.display()
    );
    let card = |metrics| Card { data, ..card(&name, &styles, metrics) };
    learning.run(&training, &subtitle, card, common)
}
