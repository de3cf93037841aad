//! `train`: from photographs and paintings to a StyleBank and a report.

use crate::losses::{Losses, told};
use anyhow::{Result, bail};
use candle_core::Device;
use clap::Args;
use conv_cli::settings;
use conv_cli::train::{FitFlags, TrainFlags};
use conv_hub::Card;
use conv_style::{Contents, LossConfig, LossNetwork, Recipe, Style, Training, card};
use conv_train::batch::BatchSize;
use conv_train::{Learner, Task};
use conv_vision::Limits;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A painting; the style is called as the file. Again for each style
    #[arg(long, required = true)]
    style: Vec<PathBuf>,
    /// How much the auto-encoder's loss counts
    #[arg(long)]
    reconstruction_weight: Option<f64>,
    /// Train a network of one style, as that of Johnson et al. (2016): the same network, by
    /// painting steps alone
    #[arg(long, conflicts_with = "reconstruction_weight")]
    single: bool,
    #[command(flatten)]
    learning: Learning,
}

/// What `train` and `add` have in common.
#[derive(Debug, Args)]
pub struct Learning {
    /// A folder of photographs
    #[arg(long)]
    data: PathBuf,
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
    #[command(flatten)]
    pub losses: Losses,
    #[command(flatten)]
    pub train: TrainFlags,
}

impl Learning {
    /// `base`, over it the file of settings, and over that the flags.
    pub fn recipe(&self, base: &Recipe, common: &conv_cli::Common) -> Result<Recipe> {
        let mut recipe = self.fit.over(base, |recipe| &mut recipe.fit, common)?;
        settings::set(&mut recipe.crop, self.crop);
        settings::set(&mut recipe.style_size, self.style_size);
        settings::set(&mut recipe.fit.batching.size, self.batch_size.map(BatchSize::Examples));
        self.losses.over(&mut recipe.losses);
        Ok(recipe)
    }

    /// The photographs; those that cannot be read are told.
    pub fn contents(&self) -> Result<Contents> {
        let contents = Contents::read(&self.data, &Limits::default())?;
        if !contents.skipped.is_empty() {
            conv_cli::note(format_args!("left out: {}", contents.skipped.len()));
            contents.skipped.iter().for_each(|file| conv_cli::note(format_args!("  {file}")));
        }
        Ok(contents)
    }

    /// What the folder of photographs is called.
    pub fn name(&self) -> String {
        let name = self.data.file_name().unwrap_or(self.data.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// Trains, or whatever else the flags ask for.
    pub fn run(
        &self,
        training: &Training,
        subtitle: &str,
        card: impl FnOnce(BTreeMap<String, f64>) -> Card,
        common: &conv_cli::Common,
    ) -> Result<()> {
        let figures = || {
            let named = |(name, value)| (format!("dev {name}"), value);
            Ok(training.evaluate()?.into_iter().map(named).collect::<BTreeMap<_, _>>())
        };
        self.train.run(training, subtitle, figures, card, common)
    }
}

pub fn paintings(paths: &[PathBuf]) -> Result<Vec<Style>> {
    let open = |path: &PathBuf| Style::open(path, &Limits::default());
    Ok(paths.iter().map(open).collect::<conv_style::Result<_>>()?)
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let learning = &options.learning;
    if options.single && options.style.len() > 1 {
        let count = options.style.len();
        bail!(
            "--single takes one painting, and {count} are named; a network each, or a bank without --single"
        );
    }
    learning.train.run_folder()?;
    let model = learning.losses.open(device)?;
    let base = Recipe { losses: LossConfig::of(model.architecture), ..Recipe::default() };
    let mut recipe = learning.recipe(&base, common)?;
    settings::set(&mut recipe.reconstruction_weight, options.reconstruction_weight);
    if options.single {
        recipe.reconstruction_weight = 0.0;
    }
    let styles = paintings(&options.style)?;
    let contents = learning.contents()?;
    let losses = LossNetwork::new(&model, recipe.losses.clone())?;
    let training = Training::new(recipe, losses, contents, styles, Limits::default(), device)?;
    let name = learning.name();
    let styles = training.config().styles.clone();
    let paper = if options.single {
        "Johnson et al. (2016), with the encoder, one bank and the decoder of Chen et al. (2017)"
    } else {
        "Chen et al. (2017)"
    };
    let subtitle = format!("{paper}: {} on {name}. {}", styles.join(", "), told(&model));
    learning.run(&training, &subtitle, |metrics| card(&name, &styles, metrics), common)
}
