//! `train`: from photographs and paintings to a StyleBank and a report.

use crate::losses::{Losses, told};
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_cli::settings;
use conv_cli::train::{FitFlags, TrainFlags};
use conv_style::{Contents, LossConfig, LossNetwork, Recipe, Style, Training, card};
use conv_train::batch::BatchSize;
use conv_train::{Learner, Task};
use conv_vision::Limits;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A folder of photographs
    #[arg(long)]
    data: PathBuf,
    /// A painting; the style is called as the file. Again for each style
    #[arg(long, required = true)]
    style: Vec<PathBuf>,
    #[command(flatten)]
    fit: FitFlags,
    /// Sides of the squares that are cut out of photographs, in pixels
    #[arg(long)]
    crop: Option<usize>,
    /// The longer side of the paintings, in pixels
    #[arg(long)]
    style_size: Option<usize>,
    /// Pictures a batch
    #[arg(long)]
    batch_size: Option<usize>,
    /// How much the auto-encoder's loss counts
    #[arg(long)]
    reconstruction_weight: Option<f64>,
    #[command(flatten)]
    losses: Losses,
    #[command(flatten)]
    train: TrainFlags,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    options.train.run_folder()?;
    let limits = Limits::default();
    let model = options.losses.open(device)?;
    let base = Recipe { losses: LossConfig::of(model.architecture), ..Recipe::default() };
    let mut recipe = options.fit.over(&base, |recipe| &mut recipe.fit, common)?;
    settings::set(&mut recipe.crop, options.crop);
    settings::set(&mut recipe.style_size, options.style_size);
    settings::set(&mut recipe.fit.batching.size, options.batch_size.map(BatchSize::Examples));
    settings::set(&mut recipe.reconstruction_weight, options.reconstruction_weight);
    options.losses.over(&mut recipe.losses);
    let styles = options.style.iter().map(|path| Style::open(path, &limits));
    let styles: Vec<Style> = styles.collect::<conv_style::Result<_>>()?;
    let contents = Contents::read(&options.data, &limits)?;
    if !contents.skipped.is_empty() {
        conv_cli::note(format_args!("left out: {}", contents.skipped.len()));
        contents.skipped.iter().for_each(|file| conv_cli::note(format_args!("  {file}")));
    }
    let losses = LossNetwork::new(&model, recipe.losses.clone())?;
    let training = Training::new(recipe, losses, contents, styles, limits, device)?;
    let name = options.data.file_name().unwrap_or(options.data.as_os_str()).to_string_lossy();
    let styles = training.config().styles.clone();
    let subtitle = format!("Chen et al. (2017): {} on {name}. {}", styles.join(", "), told(&model));
    options.train.run(
        &training,
        &subtitle,
        || {
            let named = |(name, value)| (format!("dev {name}"), value);
            Ok(training.evaluate()?.into_iter().map(named).collect::<BTreeMap<_, _>>())
        },
        |metrics| card(&name, &styles, metrics),
        common,
    )
}
