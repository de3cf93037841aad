//! `train-head`: from questions and maps of their pictures to a head.

use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_clevr::QuestionFile;
use conv_clevr::heads::{Architecture, Maps, Recipe, Training, card};
use conv_cli::train::{FitFlags, TrainFlags};
use conv_train::Task;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// type, lstm, cnn-lstm, attention, relation, film or mac
    #[arg(long)]
    head: Architecture,
    /// A file of questions with answers
    #[arg(long)]
    questions: PathBuf,
    /// The maps of their pictures, as `features` writes them; a blind head needs none
    #[arg(long)]
    features: Option<PathBuf>,
    #[command(flatten)]
    fit: FitFlags,
    #[command(flatten)]
    train: TrainFlags,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let out = options.train.run_folder()?;
    let preset = Recipe::preset(options.head);
    let recipe = options.fit.over(&preset, |recipe| &mut recipe.fit, common)?;
    if recipe.architecture != options.head {
        let (asked, found) = (options.head, recipe.architecture);
        bail!("--head asks for {asked}, and the recipe is one of {found}");
    }
    let maps = match &options.features {
        Some(path) => Some(Maps::read(path)?),
        None if options.head.looks() => {
            bail!("--features names the maps of the pictures, which {} looks at", options.head)
        }
        None => None,
    };
    let questions = QuestionFile::read(&options.questions)?.questions;
    let training = Training::new(recipe, &questions, maps.as_ref(), device)?;
    if training.left_out() > 0 {
        let count = training.left_out();
        conv_cli::note(format_args!(
            "{count} questions are left out: without an answer, or about pictures without a map"
        ));
    }
    let figures = || -> Result<BTreeMap<String, f64>> {
        let named = |(name, value)| (format!("dev {name}"), value);
        Ok(training.measure()?.into_iter().map(named).collect())
    };
    let data = options.questions.display().to_string();
    let card = |metrics| card(training.config(), &data, metrics);
    // What is counted needs no loop.
    if options.head == Architecture::Type && !options.train.dry_run {
        let out = out.context("--out")?;
        let metrics = figures()?;
        let model = out.join("model");
        std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
        conv_train::task::save(&training, &model, &card(metrics.clone()), false)?;
        return conv_cli::print(common.json, &Counted { model, metrics });
    }
    let subtitle = format!("{} on {data}", options.head);
    options.train.run(&training, &subtitle, figures, card, common)
}

#[derive(Serialize)]
struct Counted {
    model: PathBuf,
    metrics: BTreeMap<String, f64>,
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.metrics {
            writeln!(f, "{name:<14} {value:.4}")?;
        }
        write!(f, "{:<14} {}", "model", self.model.display())
    }
}
