//! `train`: from labelled sentences to a model folder and a report.

use crate::data::{Loaded, Sources};
use crate::recipe::Flags;
use crate::{folds, overfit};
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use conv_text::data::Example;
use conv_text::{Classifier, Evaluation, Recipe, RunReport, Sentences, Table, Training, WarmStart};
use conv_train::{End, Event, FitConfig, Learner, Outcome, Progress, Run, fit, read_log};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    flags: Flags,
    /// Pre-trained word vectors: word2vec .bin or .txt, or GloVe .txt
    #[arg(long, conflicts_with = "warm_start")]
    vectors: Option<PathBuf>,
    /// Start from what another model has learnt: its words' vectors, its filters, its last layer if the labels are the same
    #[arg(long)]
    warm_start: Option<String>,
    /// Folder of the run: model/, report.html, metrics.jsonl, checkpoints
    #[arg(long)]
    out: Option<PathBuf>,
    /// Store the model in half precision
    #[arg(long)]
    half: bool,
    /// Go on from the checkpoint in --out
    #[arg(long)]
    resume: bool,
    /// Cross-validate with K folds and keep no model
    #[arg(long, value_name = "K", conflicts_with_all = ["dev", "test", "out", "resume", "half"],
          value_parser = RangedU64ValueParser::<usize>::new().range(2..=255))]
    folds: Option<usize>,
    /// Learn N examples by heart, to check one's set-up, and keep no model
    #[arg(long, value_name = "N", conflicts_with_all = ["folds", "out", "resume", "half"])]
    overfit: Option<usize>,
    /// Print shapes, parameters, steps and memory, and train nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let loaded = options.sources.load(common.seed)?;
    let learnt_vectors = options.vectors.is_some() || options.warm_start.is_some();
    let recipe = options.flags.recipe(loaded.set, learnt_vectors, common.seed)?;
    let sentences = Sentences::fit(&loaded.dataset.corpus, recipe.style, recipe.segmenter)?;
    let all = sentences.words.len();
    let empty = sentences.words.iter().filter(|words| words.is_empty()).count();
    if empty * 10 > all && empty < all {
        let style = serde_json::json!(recipe.style);
        conv_cli::note(format_args!(
            "{empty} of {all} sentences have no word in the style {style} (--style unicode keeps any script)"
        ));
    }
    let start = options.start(&recipe, &sentences)?;
    let task = Task { recipe, sentences, start, device };
    if let Some(n) = options.overfit {
        return overfit::run(&task, &loaded.dataset.split, n, options.dry_run, common);
    }
    if let Some(k) = options.folds {
        if let Some(set) = loaded.set {
            bail!(
                "--folds is for data of one's own; {set} has folds of its own (--round, or the program `repro`)"
            );
        }
        return folds::run(&task, k, options.dry_run, common);
    }
    let training = task.training(&task.recipe, &loaded.dataset.split)?;
    if options.dry_run {
        return conv_cli::print(common.json, &training.dry_run()?);
    }
    let out =
        options.out.as_deref().context("--out names the folder of the run, which is missing")?;
    conv_hub::ModelParts::default().check_target(&out.join("model"))?;
    let outcome =
        learn(&training, &task.recipe.fit, out, options.resume, conv_cli::stop_on_ctrl_c()?)?;
    if outcome.end == End::Interrupted {
        bail!(
            "stopped after step {}, which is saved: the same command with --resume goes on",
            outcome.step
        );
    }
    let result = options.finish(&training, &loaded, &outcome, out, device)?;
    conv_cli::print(common.json, &result)
}

/// What is trained, whatever it is split into.
pub struct Task<'a> {
    pub recipe: Recipe,
    pub sentences: Sentences,
    start: WarmStart,
    device: &'a Device,
}

impl Task<'_> {
    pub fn training<'t>(
        &'t self,
        recipe: &'t Recipe,
        split: &'t conv_text::data::Split,
    ) -> Result<Training<'t>> {
        let WarmStart { table, parameters } = &self.start;
        Ok(Training::new(recipe, &self.sentences, split, table, parameters.clone(), self.device)?)
    }
}

/// The last two parts of a model's path, or its id on the hub.
fn end_of(model: &str) -> String {
    let parts: Vec<_> = Path::new(model).iter().map(|part| part.to_string_lossy()).collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}

/// Trains under a progress bar.
pub fn learn(
    training: &Training,
    config: &FitConfig,
    folder: &Path,
    resume: bool,
    stop: &AtomicBool,
) -> Result<Outcome> {
    let mut progress = Progress::new();
    let mut observer = |event: &Event| progress.show(event);
    let run = Run { folder, resume, stop: Some(stop), observer: Some(&mut observer) };
    Ok(fit(training, config, run).map_err(|error| training.locate(error))?)
}

impl Options {
    /// How the network starts: from vectors, another model, or nothing.
    fn start(&self, recipe: &Recipe, sentences: &Sentences) -> Result<WarmStart> {
        if let Some(model) = &self.warm_start {
            let mut start =
                WarmStart::open(&conv_hub::resolve(model)?, &recipe.filters, sentences)?;
            start.table.source = Some(format!("the model {}", end_of(model)));
            return Ok(start);
        }
        let table = match (&self.vectors, recipe.variant.needs_vectors()) {
            (Some(path), true) => {
                let table = Table::read(path, sentences)?;
                if let Some(coverage) = table.coverage {
                    conv_cli::note(format_args!("{}: {coverage}", path.display()));
                }
                table
            }
            (None, false) => Table::random(recipe.dimension)?,
            (None, true) => bail!(
                "the variant {} starts from word vectors: --vectors or --warm-start",
                recipe.variant
            ),
            (Some(_), false) => {
                bail!("the variant {} draws its word vectors: leave out --vectors", recipe.variant)
            }
        };
        Ok(WarmStart { table, parameters: BTreeMap::new() })
    }

    fn finish(
        &self,
        training: &Training,
        loaded: &Loaded,
        outcome: &Outcome,
        out: &Path,
        device: &Device,
    ) -> Result<Trained> {
        let split = &loaded.dataset.split;
        let dev = training.evaluation(&split.dev, 1)?;
        let test =
            (!split.test.is_empty()).then(|| training.evaluation(&split.test, 1)).transpose()?;
        let figures = |part: &str, evaluation: &Evaluation| {
            let Evaluation { accuracy, macro_f1, .. } = *evaluation;
            [(format!("{part} accuracy"), accuracy), (format!("{part} macro F1"), macro_f1)]
        };
        let mut metrics = BTreeMap::from(figures("dev", &dev));
        metrics.extend(test.iter().flat_map(|test| figures("test", test)));
        let labels = loaded.dataset.corpus.labels();
        let model = out.join("model");
        training.save(
            &model,
            &conv_text::card(&loaded.name, labels, metrics.clone()),
            self.half,
        )?;

        let (held_out, evaluation) = match &test {
            Some(test) => (&split.test, test),
            None => (&split.dev, &dev),
        };
        let all = loaded.dataset.corpus.examples();
        let examples: Vec<Example> =
            held_out.iter().map(|&index| all[index as usize].clone()).collect();
        let config = training.model().config();
        let report = out.join("report.html");
        RunReport {
            subtitle: &format!(
                "CNN-{} on {}, {} classes",
                config.variant, loaded.name, config.classes
            ),
            log: &read_log(&out.join("metrics.jsonl"))?,
            recipe: training.recipe(),
            classifier: &Classifier::open(&model, device)?,
            evaluation,
            examples: &examples,
            seconds: outcome.seconds,
        }
        .page()?
        .write(&report)?;
        let Outcome { step, epoch, seconds, .. } = *outcome;
        let parameters = training.parameters().count();
        Ok(Trained { model, report, parameters, epochs: epoch, steps: step, seconds, metrics })
    }
}

/// What training came to.
#[derive(Debug, Serialize)]
struct Trained {
    model: PathBuf,
    report: PathBuf,
    parameters: usize,
    epochs: usize,
    steps: u64,
    seconds: f64,
    metrics: BTreeMap<String, f64>,
}

impl fmt::Display for Trained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.metrics {
            writeln!(f, "{name:<14} {value:.4}")?;
        }
        let Self { epochs, steps, seconds, .. } = self;
        writeln!(f, "{:<14} {epochs} epochs, {steps} steps, {seconds:.1} s", "training")?;
        writeln!(f, "{:<14} {} parameters in {}", "model", self.parameters, self.model.display())?;
        write!(f, "{:<14} {}", "report", self.report.display())
    }
}
