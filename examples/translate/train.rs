//! `train`: from parallel text to a model folder.

use crate::data::{files, first_part, languages};
use crate::model::resolve;
use crate::recipe::Flags;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_train::{End, Event, Learner, Outcome, Progress, Run, fit};
use conv_translate::{Error, SearchConfig, Stored, Training, Vocabularies, card};
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
    /// Held-out pairs: as --data, or a folder with files of `val`, `valid` or `dev`; where --data is such a folder, its own
    #[arg(long)]
    dev: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
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

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let init = match &options.flags.init {
        Some(model) => Some(Stored::open(&resolve(model)?)?),
        None => None,
    };
    let recipe = options.flags.recipe(init.as_ref(), common.seed)?;
    let pair = languages(&options.pair)?;
    let train = files(&options.data, "train", &pair)?;
    let held_out = match &options.dev {
        Some(dev) if !dev.is_dir() => files(dev, "val", &pair)?,
        folder => {
            let folder = folder.as_ref().unwrap_or(&options.data);
            first_part(folder, &["val", "valid", "dev"], &pair)?
        }
    };
    let out = &options.out;
    conv_hub::ModelParts::default().check_target(&out.join("model"))?;
    if !options.resume && out.join("last.safetensors").exists() {
        // Before anything in it is written.
        return Err(conv_train::Error::RunExists { path: out.clone() }.into());
    }
    let vocabularies = match (&init, options.flags.tokenizers()?) {
        (Some(model), _) => model.vocabularies.clone(),
        (None, Some(tokenizers)) => tokenizers,
        (None, None) => Vocabularies::train(&train, &recipe).with_context(|| train.to_string())?,
    };
    let dev = vocabularies.dev(&held_out, &recipe)?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let stored = vocabularies.store(&train, &recipe, &out.join("train.pairs"));
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
