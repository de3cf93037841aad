//! The verb `train`, the same for every task: its flags, and what is done with a task that is set
//! up.

use crate::{Common, note, print, settings, stop_on_signal};
use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use conv_hub::{Card, folder};
use conv_train::task::{self, Task};
use conv_train::{
    ByHeart, End, EvaluationRecord, Event, FitConfig, Learner, Outcome, Progress, Record, Run, fit,
    read_log, short_number,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use toml::Table;

/// The settings that every recipe has.
#[derive(Debug, Args)]
pub struct FitFlags {
    /// Settings as TOML over the recipe's; the flags below go over them
    #[arg(long, visible_alias = "recipe", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Passes over the training data at most
    #[arg(long)]
    epochs: Option<usize>,
    #[arg(long)]
    learning_rate: Option<f64>,
}

impl FitFlags {
    /// What the file says; nothing without one.
    ///
    /// # Errors
    /// A file that cannot be read, or is no TOML.
    pub fn file(&self) -> Result<Table> {
        let Some(path) = &self.config else { return Ok(Table::new()) };
        let text = folder::text(path)?;
        text.parse().with_context(|| path.display().to_string())
    }

    /// The seed: that of the command line, else the file's, else 1.
    ///
    /// # Errors
    /// As [`FitFlags::file`].
    pub fn seed(&self, common: &Common) -> Result<u64> {
        let file = self.file()?;
        let of_file = file.get("fit").and_then(|fit| fit.get("seed")?.as_integer());
        let of_file = of_file.and_then(|seed| seed.try_into().ok());
        Ok(common.seed.or(of_file).unwrap_or(1))
    }

    /// `base`, over it the file, and over that the flags. `fit` finds the loop's settings in a
    /// recipe.
    ///
    /// # Errors
    /// As [`FitFlags::file`]; a field that is not known, or of another kind.
    pub fn over<R>(
        &self,
        base: &R,
        fit: impl Fn(&mut R) -> &mut FitConfig,
        common: &Common,
    ) -> Result<R>
    where
        R: Serialize + DeserializeOwned,
    {
        let named =
            || self.config.as_ref().map_or(String::new(), |path| path.display().to_string());
        let mut recipe = settings::over(base, self.file()?).with_context(named)?;
        let settings = fit(&mut recipe);
        settings.seed = self.seed(common)?;
        settings::set(&mut settings.epochs, self.epochs);
        settings::set(&mut settings.learning_rate, self.learning_rate);
        Ok(recipe)
    }
}

/// What is to be done with a task that is set up.
#[derive(Debug, Args)]
pub struct TrainFlags {
    /// Folder of the run: model/, report.html, metrics.jsonl, checkpoints
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Go on from the checkpoint in --out
    #[arg(long)]
    pub resume: bool,
    /// Store the model in half precision
    #[arg(long)]
    pub half: bool,
    /// Learn N examples by heart, to check one's set-up, and keep no model
    #[arg(long, value_name = "N", conflicts_with_all = ["out", "resume", "half"],
          value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub overfit: Option<usize>,
    /// Print shapes, parameters, steps and memory, and train nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl TrainFlags {
    /// The folder of the run, if a run is going to be made in it: whether it may be written is
    /// known before the data is read.
    ///
    /// # Errors
    /// No --out, where one is needed; a folder that holds another run, or something else than a
    /// model.
    pub fn run_folder(&self) -> Result<Option<&Path>> {
        if self.dry_run || self.overfit.is_some() {
            return Ok(None);
        }
        let Some(out) = self.out.as_deref() else {
            bail!("--out names the folder of the run, which is missing");
        };
        folder::check_target(&out.join("model"))?;
        if !self.resume && out.join("last.safetensors").exists() {
            return Err(conv_train::Error::RunExists { path: out.into() }.into());
        }
        Ok(Some(out))
    }

    /// Plans, tries or trains `task`, and prints what came of it. `figures` measures the result;
    /// `card` describes the model that has them.
    ///
    /// # Errors
    /// Training that fails or is interrupted; files that cannot be written.
    pub fn run<T: Task>(
        &self,
        task: &T,
        subtitle: &str,
        figures: impl FnOnce() -> Result<BTreeMap<String, f64>>,
        card: impl FnOnce(BTreeMap<String, f64>) -> Card,
        common: &Common,
    ) -> Result<()> {
        if self.dry_run {
            return plan(task, common);
        }
        if let Some(count) = self.overfit {
            return print(common.json, &by_heart(task, count)?);
        }
        let out = self.run_folder()?.context("--out")?;
        let outcome = learn(task, task.fit(), out, self.resume, stop_on_signal()?)?;
        if outcome.end == End::Interrupted {
            let step = outcome.step;
            bail!(
                "stopped after step {step}, which is saved: the same command with --resume goes on"
            );
        }
        let metrics = figures()?;
        let model = out.join("model");
        let report = out.join("report.html");
        task::save(task, &model, &card(metrics.clone()), self.half)?;
        let log = read_log(&out.join("metrics.jsonl"))?;
        task::report(task, subtitle, &metrics, &log, &outcome)?.write(&report)?;
        let parameters = task.parameters().count();
        let Outcome { step, epoch, seconds, .. } = outcome;
        let trained =
            Trained { model, report, parameters, epochs: epoch, steps: step, seconds, metrics };
        print(common.json, &trained)
    }
}

/// Prints what a run would be.
///
/// # Errors
/// Those of [`task::dry_run`].
pub fn plan<T: Task>(task: &T, common: &Common) -> Result<()> {
    let plan = task::dry_run(task)?;
    if let Some(warning) = long_warm_up(task.fit(), plan.steps() as u64) {
        note(warning);
    }
    print(common.json, &plan)
}

/// Trains under a progress bar, and remarks on a run that begins anew though it was to go on, that
/// ends in its warm-up, whose metrics are no numbers, or that learns nothing.
///
/// # Errors
/// Those of [`fit`].
pub fn learn(
    learner: &impl Learner,
    config: &FitConfig,
    folder: &Path,
    resume: bool,
    stop: &AtomicBool,
) -> Result<Outcome> {
    let mut progress = Progress::new();
    let mut is_finite = true;
    let mut observer = |event: &Event| {
        match event {
            Event::Started { step, steps } => {
                if resume && *step == 0 {
                    let folder = folder.display();
                    note(format_args!(
                        "{folder} has no checkpoint: training begins at its first step"
                    ));
                }
                if let Some(warning) = long_warm_up(config, *steps) {
                    note(warning);
                }
            }
            Event::Evaluation(record) if is_finite => {
                if let Some(remark) = not_finite(config, record) {
                    is_finite = false;
                    note(remark);
                }
            }
            _ => {}
        }
        progress.show(event);
    };
    let stop = Some(stop);
    let run = Run { resume, stop, observer: Some(&mut observer), ..Run::new(folder) };
    let outcome = fit(learner, config, run)?;
    if outcome.end != End::Interrupted
        && let Some(remark) = nothing_learnt(config, &read_log(&folder.join("metrics.jsonl"))?)
    {
        note(remark);
    }
    Ok(outcome)
}

/// Of the first evaluation with a metric that is infinite or no number.
fn not_finite(config: &FitConfig, record: &EvaluationRecord) -> Option<String> {
    let (name, value) = record.metrics.iter().find(|(_, value)| !value.is_finite())?;
    let step = record.step;
    let rate = short_number(config.learning_rate);
    Some(format!("{name} is {value} after step {step}; does a learning rate of {rate} suit?"))
}

/// A warm-up that takes most of so many steps ends training where it should begin.
fn long_warm_up(config: &FitConfig, steps: u64) -> Option<String> {
    let warmup = config.schedule.warmup_steps;
    let share = 100 * steps.min(warmup) / warmup.max(1);
    (warmup * 2 > steps).then(|| {
        format!(
            "the warm-up has {warmup} steps and the run {steps}: the learning rate gets to {share} % of its height \
             (fewer schedule.warmup_steps, or more epochs)"
        )
    })
}

/// Of a run whose training loss ends no lower than it began.
fn nothing_learnt(config: &FitConfig, log: &[Record]) -> Option<String> {
    let step = |record: &Record| match record {
        Record::Step(step) => Some((step.step, step.loss)),
        Record::Evaluation(_) => None,
    };
    let losses: Vec<(u64, f64)> = log.iter().filter_map(step).collect();
    let (&(_, first), &(steps, _)) = (losses.first()?, losses.last()?);
    let last = &losses[losses.len() - losses.len().div_ceil(10)..];
    let mean = last.iter().map(|(_, loss)| loss).sum::<f64>() / last.len() as f64;
    // A few steps have nothing to show yet, unless they made it much worse.
    let most = if steps >= 10 { 0.99 } else { 1.5 };
    (losses.len() > 1 && mean > most * first).then(|| {
        format!(
            "nothing was learnt: the training loss is {} in the first step and {} at the end; \
             are {steps} steps enough, and does a learning rate of {} suit?",
            loss(first),
            loss(mean),
            short_number(config.learning_rate)
        )
    })
}

/// With four decimals, as everywhere, or an exponent where it has gone far.
fn loss(value: f64) -> String {
    if value.abs() < 1e6 { format!("{value:.4}") } else { format!("{value:.2e}") }
}

/// What a loss must fall to for examples to be learnt by heart, as a share of where it begins.
const BY_HEART: f64 = 0.01;

fn by_heart(task: &impl Task, count: usize) -> Result<Learnt> {
    let few = ByHeart::new(task, count)?;
    let config = conv_train::by_heart_config(task.fit());
    let first = few.mean_loss()?;
    let enough = BY_HEART * first.abs();
    let stop = stop_on_signal()?;
    let mut progress = Progress::new();
    let mut observer = |event: &Event| {
        progress.show(event);
        if let Event::Evaluation(record) = event
            && record.metrics["loss"] <= enough
        {
            stop.store(true, Ordering::SeqCst);
        }
    };
    let folder = tempfile::tempdir()?;
    let run = Run { stop: Some(stop), observer: Some(&mut observer), ..Run::new(folder.path()) };
    let epochs = fit(&few, &config, run)?.epoch;
    let loss = few.mean_loss()?;
    let learnt = Learnt { examples: few.len(), epochs, first_loss: first, loss };
    if loss > enough {
        bail!(
            "not learnt by heart: {learnt}; the same input under two answers, too small a network, \
             or a learning rate that does not suit?"
        );
    }
    Ok(learnt)
}

/// Examples that were learnt by heart.
#[derive(Debug, Serialize)]
struct Learnt {
    examples: usize,
    epochs: usize,
    first_loss: f64,
    loss: f64,
}

impl fmt::Display for Learnt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { examples, epochs, first_loss, loss } = self;
        write!(f, "{examples} examples in {epochs} epochs, loss {first_loss:.4} to {loss:.4}")
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

#[cfg(test)]
mod tests {
    use super::*;
    use conv_train::StepRecord;

    #[test]
    fn only_a_loss_that_does_not_fall_is_remarked_on() {
        let log = |losses: &[f64]| -> Vec<Record> {
            let record = |(step, &loss): (u64, &f64)| {
                let (epoch, gradient_norm, seconds) = (0, 1.0, 0.0);
                let learning_rate = 1.0;
                Record::Step(StepRecord {
                    step,
                    epoch,
                    loss,
                    learning_rate,
                    gradient_norm,
                    seconds,
                })
            };
            (1..).zip(losses).map(record).collect()
        };
        let config = FitConfig { learning_rate: 1000.0, ..FitConfig::default() };
        let mut losses = [0.69; 20];
        let text = nothing_learnt(&config, &log(&losses)).unwrap_or_default();
        assert!(
            text.contains("0.6900 in the first step") && text.ends_with("1000 suit?"),
            "{text}"
        );
        losses[1] = 900.0;
        assert!(nothing_learnt(&config, &log(&losses)).is_some());
        losses[18..].fill(0.5);
        assert_eq!(nothing_learnt(&config, &log(&losses)), None);
        assert_eq!(nothing_learnt(&config, &log(&[0.69; 3])), None);
        assert!(nothing_learnt(&config, &log(&[0.69, 900.0])).is_some());
        assert_eq!(nothing_learnt(&config, &log(&[0.69])), None);
        // A log of every fifth step.
        let every_fifth = |record: &Record| record.step() == 1 || record.step().is_multiple_of(5);
        let mut few = log(&[0.69; 12]);
        few.retain(every_fifth);
        assert!(few.len() < 10 && nothing_learnt(&config, &few).is_some());
    }

    #[test]
    fn a_metric_that_is_no_number_is_named_with_its_step_and_rate() {
        let record = |loss| EvaluationRecord {
            step: 7,
            epoch: 1,
            metrics: BTreeMap::from([("accuracy".into(), 0.5), ("loss".into(), loss)]),
            improved: false,
            seconds: 1.0,
        };
        let config = FitConfig { learning_rate: 1000.0, ..FitConfig::default() };
        assert_eq!(not_finite(&config, &record(0.7)), None);
        let text = not_finite(&config, &record(f64::NAN)).unwrap_or_default();
        assert_eq!(text, "loss is NaN after step 7; does a learning rate of 1000 suit?");
    }

    #[test]
    fn only_a_warm_up_of_most_of_the_run_is_remarked_on() {
        let mut config = FitConfig::default();
        assert_eq!(long_warm_up(&config, 10), None);
        config.schedule.warmup_steps = 1000;
        assert_eq!(long_warm_up(&config, 2000), None);
        let text = long_warm_up(&config, 100).unwrap_or_default();
        assert!(text.contains("1000 steps and the run 100") && text.contains("to 10 %"), "{text}");
    }
}
