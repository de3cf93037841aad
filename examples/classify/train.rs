//! `train`: from pictures with their classes to a model folder and a report.

use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_cli::settings;
use conv_cli::train::{FitFlags, TrainFlags};
use conv_train::batch::BatchSize;
use conv_train::{Learner, Task};
use conv_vision::data::Examples;
use conv_vision::{Architecture, Limits, Recipe, Training, card};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    /// A folder with a folder of pictures for each class, or a .csv or .tsv of a path and a class a row
    #[arg(long)]
    data: PathBuf,
    /// The like, to choose the best weights by [default: a tenth of each class]
    #[arg(long)]
    dev: Option<PathBuf>,
    #[command(flatten)]
    fit: FitFlags,
    /// conv4, alexnet, squeezenet1_1, googlenet or vgg16, with values that are drawn [default: conv4]
    #[arg(long)]
    architecture: Option<Architecture>,
    /// Sides of the square that the network sees, in pixels; the shorter side of a picture becomes as long
    #[arg(long)]
    side: Option<usize>,
    /// Pictures a batch
    #[arg(long)]
    batch_size: Option<usize>,
    /// Mirror every second picture in training
    #[arg(long)]
    flip: bool,
    /// Cut out a random part in training, of at least this share of the area (0.08 in the papers on photographs)
    #[arg(long, value_name = "SHARE")]
    smallest_area: Option<f64>,
    /// Share of the target that is spread over all classes
    #[arg(long)]
    label_smoothing: Option<f64>,
    #[command(flatten)]
    train: TrainFlags,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    options.train.run_folder()?;
    let recipe = options.recipe(common)?;
    let limits = Limits::default();
    let read = |path: &Path, labels: Option<&[String]>| -> Result<Examples> {
        let found = Examples::read(path, labels, &limits)?;
        if !found.skipped.is_empty() {
            conv_cli::note(format_args!("left out: {}", found.skipped.len()));
            found.skipped.iter().for_each(|file| conv_cli::note(format_args!("  {file}")));
        }
        Ok(found)
    };
    let data = read(&options.data, None)?;
    let dev = options.dev.as_deref().map(|dev| read(dev, Some(&data.labels))).transpose()?;
    let name = options.data.file_stem().unwrap_or(options.data.as_os_str()).to_string_lossy();
    let labels = data.labels.clone();
    let training = Training::new(recipe, data, dev, limits, device)?;
    let network = training.config().architecture.name();
    let subtitle = format!("{network} on {name}, {} classes", labels.len());
    options.train.run(
        &training,
        &subtitle,
        || {
            let dev = training.evaluate()?;
            let named = |(name, value)| (format!("dev {name}"), value);
            Ok(dev.into_iter().map(named).collect::<BTreeMap<_, _>>())
        },
        |metrics| card(&name, &labels, metrics),
        common,
    )
}

impl Options {
    fn recipe(&self, common: &conv_cli::Common) -> Result<Recipe> {
        let base = self.architecture.map_or_else(Recipe::default, Recipe::new);
        let mut recipe = self.fit.over(&base, |recipe| &mut recipe.fit, common)?;
        settings::set(&mut recipe.architecture, self.architecture);
        settings::set(&mut recipe.preprocessing.size, self.side);
        settings::set(&mut recipe.preprocessing.crop, self.side);
        settings::set(&mut recipe.fit.batching.size, self.batch_size.map(BatchSize::Examples));
        settings::set(&mut recipe.label_smoothing, self.label_smoothing);
        recipe.augmentation.flip |= self.flip;
        if let Some(share) = self.smallest_area {
            recipe.augmentation.smallest_area = share;
            recipe.augmentation.aspect = recipe.augmentation.aspect.max(4.0 / 3.0);
        }
        Ok(recipe)
    }
}
