//! A learner that can be shipped. [`fit`](crate::fit()) needs only [`Learner`]; the functions here
//! are plain, and what they need to know of a task is [`Task`]. The page `docs/adding-a-task.md`
//! shows the smallest one.

use crate::report::{Environment, Report};
use crate::{DryRun, FitConfig, Learner, Outcome, Record, Result};
use conv_hub::{Card, ModelConfig, ModelParts};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// What a task says of itself beyond [`Learner`], so that a run of it can be planned, saved and
/// reported. A method stands here only where two tasks need it.
pub trait Task: Learner {
    /// The network's configuration.
    type Config: ModelConfig;
    /// The network in words, for its card: "A convolutional network of Kim (2014)".
    const NETWORK: &'static str;

    /// The network's sizes.
    fn config(&self) -> &Self::Config;

    /// The loop's settings.
    fn fit(&self) -> &FitConfig;

    /// The whole recipe, for `training.json` and the report.
    fn recipe(&self) -> Value;

    /// How many examples each part has: `{"train": 8544, "dev": 1101}`.
    fn examples(&self) -> BTreeMap<&'static str, usize>;

    /// Further files of the model folder by name, such as `tokenizer.json`.
    ///
    /// # Errors
    /// One that cannot be written.
    fn files(&self) -> Result<Vec<(&'static str, Vec<u8>)>> {
        Ok(Vec::new())
    }

    /// The names of the classes, in the order of the network's outputs, where there are some.
    fn labels(&self) -> &[String] {
        &[]
    }

    /// Where the first values came from; null where all were drawn.
    fn start(&self) -> Value {
        Value::Null
    }

    /// Bytes that a batch keeps for its backward pass, as far as the task knows: so many examples
    /// of such a length.
    fn activations(&self, _: [usize; 2]) -> usize {
        0
    }

    /// Adds the task's own sections to the report of a run.
    ///
    /// # Errors
    /// Whatever keeps them from being made.
    fn sections(&self, report: Report) -> Result<Report> {
        Ok(report)
    }
}

/// Writes the present parameters as a model folder; `half` stores them in half precision.
///
/// # Errors
/// A folder that cannot be written, or holds anything but a model.
pub fn save<T: Task>(task: &T, folder: &Path, card: &Card, half: bool) -> Result<()> {
    let files = task.files()?;
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
    let Value::Object(config) = json!(task.config()) else { unreachable!("a struct is an object") };
    let parts = ModelParts {
        model_type: T::Config::MODEL_TYPE,
        config,
        tensors: &task.parameters().tensors(),
        half,
        labels: task.labels(),
        training: json!({
            "data": card.data,
            "examples": task.examples(),
            "seed": task.fit().seed,
            "start": task.start(),
            "metrics": card.metrics,
            "version": env!("CARGO_PKG_VERSION"),
            "half": half,
            "recipe": task.recipe(),
        }),
        card: &card.markdown(T::NETWORK),
        files: &files,
    };
    Ok(parts.write(folder)?)
}

/// The run as one page: final figures, curves, the task's own sections, configuration, environment.
///
/// # Errors
/// The drawing library fails, or the task does.
pub fn report<T: Task>(
    task: &T,
    subtitle: &str,
    figures: &BTreeMap<String, f64>,
    log: &[Record],
    outcome: &Outcome,
) -> Result<Report> {
    let report = Report::new(T::NETWORK, subtitle)
        .metrics(figures.iter().map(|(name, value)| (name, *value)))
        .curves(log)?;
    let settings = json!({ "network": task.config(), "recipe": task.recipe() });
    let environment = Environment::collect(outcome.seconds);
    Ok(task.sections(report)?.configuration(&settings).environment(&environment))
}

/// What a run would be: shapes, steps, memory.
///
/// # Errors
/// Those of [`DryRun::new`].
pub fn dry_run<T: Task>(task: &T) -> Result<DryRun> {
    DryRun::new(task, task.fit(), |largest| task.activations(largest))
}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/adding-a-task.md")]
struct AddingATask;
