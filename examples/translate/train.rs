//! `train`: from parallel text to a model folder.

use crate::data::{files, first_part, languages};
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_train::{End, Event, Learner, Outcome, Progress, Run, fit};
use conv_translate::tokenizer::TextForm;
use conv_translate::{Recipe, SearchConfig, Training, Vocabularies, card};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A folder with train and val files, what train.de and train.en have in common, or a table of source<TAB>target
    #[arg(long)]
    data: PathBuf,
    /// The languages, source first, as the files' names end
    #[arg(long, default_value = "de-en")]
    pair: String,
    /// Held-out pairs: as --data; from a folder `val`, `valid` or `dev`
    #[arg(long)]
    dev: Option<PathBuf>,
    /// A TOML file of the recipe's settings
    #[arg(long)]
    recipe: Option<PathBuf>,
    /// The text is tokens with blanks between them
    #[arg(long)]
    tokens: bool,
    /// Passes over the data
    #[arg(long)]
    epochs: Option<usize>,
    /// Translate the dev part at each evaluation, with so large a beam, for BLEU
    #[arg(long, value_name = "BEAM")]
    bleu: Option<usize>,
    /// Folder of the run: model/, metrics.jsonl, checkpoints
    #[arg(long)]
    out: PathBuf,
    /// Store the model in half precision
    #[arg(long)]
    half: bool,
    /// Go on from the checkpoint in --out
    #[arg(long)]
    resume: bool,
}

impl Options {
    fn recipe(&self, seed: u64) -> Result<Recipe> {
        let mut recipe = match &self.recipe {
            None => Recipe::small(),
            Some(path) => {
                let text = conv_hub::folder::text(path)?;
                toml::from_str(&text).with_context(|| path.display().to_string())?
            }
        };
        recipe.fit.seed = seed;
        if self.tokens {
            recipe.subwords.text = TextForm::Tokens;
        }
        if let Some(epochs) = self.epochs {
            recipe.fit.epochs = epochs;
        }
        if let Some(beam) = self.bleu {
            recipe.search = Some(SearchConfig { beam, ..SearchConfig::default() });
        }
        Ok(recipe)
    }
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let recipe = options.recipe(common.seed)?;
    let pair = languages(&options.pair)?;
    let train = files(&options.data, "train", &pair)?;
    let dev = match &options.dev {
        Some(dev) => files(dev, "val", &pair)?,
        None => first_part(&options.data, &["val", "valid", "dev"], &pair)?,
    };
    conv_hub::ModelParts::default().check_target(&options.out.join("model"))?;
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make {}", options.out.display()))?;
    let vocabularies = Vocabularies::train(&train, &recipe)?;
    let (store, cleaned) = vocabularies.store(&train, &recipe, &options.out.join("train.pairs"))?;
    conv_cli::note(&cleaned);
    let dev = vocabularies.dev(&dev, &recipe)?;
    let encoders = vocabularies.encoders();
    let training = Training::new(&recipe, &store, &dev, encoders, BTreeMap::new(), device)?;
    let mut progress = Progress::new();
    let mut observer = |event: &Event| progress.show(event);
    let stop = conv_cli::stop_on_ctrl_c()?;
    let outcome = fit(
        &training,
        training.fit(),
        Run {
            folder: &options.out,
            resume: options.resume,
            stop: Some(stop),
            observer: Some(&mut observer),
        },
    )?;
    if outcome.end == End::Interrupted {
        bail!(
            "stopped after step {}, which is saved: the same command with --resume goes on",
            outcome.step
        );
    }
    let mut metrics = training.evaluate()?;
    metrics.insert("bleu".into(), training.bleu(&SearchConfig::default())?.score);
    let model = options.out.join("model");
    let data = options.data.file_name().unwrap_or_default().to_string_lossy();
    training.save(
        &model,
        &options.pair,
        &card(&options.pair, &data, metrics.clone()),
        options.half,
    )?;
    let Outcome { step, epoch, seconds, .. } = outcome;
    let parameters = training.parameters().count();
    let trained = Trained { model, parameters, epochs: epoch, steps: step, seconds, metrics };
    conv_cli::print(common.json, &trained)
}

/// What training came to.
#[derive(Debug, Serialize)]
struct Trained {
    model: PathBuf,
    parameters: usize,
    epochs: usize,
    steps: u64,
    seconds: f64,
    /// Of the dev part; BLEU with a beam of 5.
    metrics: BTreeMap<String, f64>,
}

impl fmt::Display for Trained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.metrics {
            writeln!(f, "dev {name:<10} {value:.4}")?;
        }
        let Self { epochs, steps, seconds, .. } = self;
        writeln!(f, "{:<14} {epochs} epochs, {steps} steps, {seconds:.1} s", "training")?;
        write!(f, "{:<14} {} parameters in {}", "model", self.parameters, self.model.display())
    }
}
