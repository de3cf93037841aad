//! `train`: from pictures with their classes to a model folder and a report.

use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_cli::settings;
use conv_cli::train::{FitFlags, TrainFlags};
use conv_train::batch::BatchSize;
use conv_train::{Learner, Task};
use conv_vision::data::Examples;
use conv_vision::{Architecture, Limits, Recipe, Training, Weights, card};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    /// A folder with a folder of pictures for each class, or a .csv or .tsv of a path and a class a
    /// row
    #[arg(long)]
    data: PathBuf,
    /// The like, to choose the best weights by [default: a tenth of each class]
    #[arg(long)]
    dev: Option<PathBuf>,
    #[command(flatten)]
    fit: FitFlags,
    /// conv4, alexnet, squeezenet1_1, googlenet, resnet18, …, with values that are drawn [default:
    /// conv4]
    #[arg(long, conflicts_with = "from")]
    architecture: Option<Architecture>,
    /// Go on from weights: a model folder, or a file with the names of Caffe or torchvision; what
    /// does not fit is drawn, such as the classifier of other classes
    #[arg(long, value_name = "WEIGHTS")]
    from: Option<PathBuf>,
    /// The last layer that does not learn, such as inception_4e or layer3; those below it do not
    /// either
    #[arg(long, value_name = "LAYER")]
    freeze: Option<String>,
    /// Sides of the square that the network sees, in pixels; the shorter side of a picture becomes
    /// as long
    #[arg(long)]
    side: Option<usize>,
    /// Pictures a batch
    #[arg(long)]
    batch_size: Option<usize>,
    /// Mirror every second picture in training
    #[arg(long)]
    flip: bool,
    /// Cut out a random part in training, of at least this share of the area (0.08 in the papers on
    /// photographs)
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
    let weights = options.from.as_deref().map(Weights::open).transpose()?;
    let recipe = options.recipe(weights.as_ref(), labels.len(), common)?;
    let training = match &weights {
        None => Training::new(recipe, data, dev, limits, device)?,
        Some(weights) => {
            let training = Training::from_weights(recipe, weights, data, dev, limits, device)?;
            let drawn = weights.drawn(training.config())?.join(", ");
            let drawn = if drawn.is_empty() { "nothing" } else { &drawn };
            conv_cli::note(format_args!("drawn anew: {drawn}"));
            training
        }
    };
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
    fn recipe(
        &self,
        weights: Option<&Weights>,
        classes: usize,
        common: &conv_cli::Common,
    ) -> Result<Recipe> {
        let base = match weights {
            Some(weights) => Recipe::fine_tuning(weights, classes)?,
            None => self.architecture.map_or_else(Recipe::default, Recipe::new),
        };
        let mut recipe = self.fit.over(&base, |recipe| &mut recipe.fit, common)?;
        settings::set(&mut recipe.architecture, self.architecture);
        recipe.freeze = self.freeze.clone().or(recipe.freeze);
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
