//! `train`: from parallel text to a model folder.

use crate::data::{files, first_part, languages};
use crate::model::resolve;
use crate::recipe::Flags;
use anyhow::{Context, Result};
use candle_core::Device;
use clap::Args;
use conv_cli::train::TrainFlags;
use conv_train::Learner;
use conv_translate::{Error, SearchConfig, Stored, Training, Vocabularies, card};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A folder with train and val files, what train.de and train.en have in common, or a table of
    /// source<TAB>target
    #[arg(long)]
    data: PathBuf,
    /// The languages, source first, as the files' names end
    #[arg(long, default_value = "de-en")]
    pair: String,
    /// Held-out pairs: as --data, or a folder with files of `val`, `valid` or `dev`; where --data
    /// is such a folder, its own
    #[arg(long)]
    dev: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    train: TrainFlags,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let init = match &options.flags.init {
        Some(model) => Some(Stored::open(&resolve(model)?)?),
        None => None,
    };
    let out = options.train.run_folder()?;
    let recipe = options.flags.recipe(init.as_ref(), common)?;
    let pair = languages(&options.pair)?;
    let train = files(&options.data, "train", &pair)?;
    let held_out = match &options.dev {
        Some(dev) if !dev.is_dir() => files(dev, "val", &pair)?,
        folder => {
            let folder = folder.as_ref().unwrap_or(&options.data);
            first_part(folder, &["val", "valid", "dev"], &pair)?
        }
    };
    let vocabularies = match (&init, options.flags.tokenizers()?) {
        (Some(model), _) => model.vocabularies.clone(),
        (None, Some(tokenizers)) => tokenizers,
        (None, None) => Vocabularies::train(&train, &recipe).with_context(|| train.to_string())?,
    };
    let dev = vocabularies.dev(&held_out, &recipe)?;
    // Without a run, its encoded pairs are no longer needed either.
    let temporary = tempfile::tempdir()?;
    let folder = out.unwrap_or(temporary.path());
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let stored = vocabularies.store(&train, &recipe, &folder.join("train.pairs"));
    let (store, cleaned) = stored.map_err(|error| match error {
        // The reader's own errors name their file.
        Error::NoPairs { .. } => anyhow::Error::from(error).context(train.to_string()),
        error => error.into(),
    })?;
    conv_cli::note(format_args!("{train}: {cleaned}"));
    let encoders = vocabularies.encoders();
    let training = match &init {
        Some(model) => Training::go_on(&recipe, &store, &dev, encoders, model, device),
        None => Training::new(&recipe, &store, &dev, encoders, BTreeMap::new(), device),
    };
    let training = training.map_err(|error| match error {
        // The dev part's, by its line.
        Error::TooLongSentence { .. } => anyhow::Error::from(error).context(held_out.to_string()),
        error => error.into(),
    })?;
    let data = options.data.file_name().unwrap_or_default().to_string_lossy();
    options.train.run(
        &training,
        &format!("ConvS2S, {} from {data}", options.pair),
        || figures(&training),
        |metrics| card(&options.pair, &data, metrics),
        common,
    )
}

/// Of the dev part; BLEU and chrF with a beam of 5.
fn figures(training: &Training) -> Result<BTreeMap<String, f64>> {
    let mut figures = BTreeMap::new();
    for (name, value) in training.evaluate()? {
        figures.insert(format!("dev {name}"), value);
    }
    figures.extend(
        training
            .scores(&SearchConfig::default())?
            .map(|(name, value)| (format!("dev {name}"), value)),
    );
    Ok(figures)
}
