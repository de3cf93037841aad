//! The state of a run on disk: one safetensors file with everything in it, replaced whole, so that
//! a kill at any moment leaves a checkpoint to go on from.
//!
//! The file holds `model/NAME`, `optimizer/…` and, as JSON in its metadata, the configuration, what
//! identifies model and data, and the counters. There is no generator in it: randomness at a step
//! is a function of the seed and the step.

use crate::optim::Optimizer;
use crate::schedule::Plateau;
use crate::{Error, FitConfig, Result};
use candle_core::{Device, Tensor};
use conv_hub::files::{in_file, write_described};
use conv_nn::Parameters;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The layout of the file; a change of it gets the next number.
const FORMAT: u64 = 2;
const KEY: &str = "checkpoint";
/// Under which weights by themselves name their step.
const STEP: &str = "step";

/// Settings that leave the steps already taken as they were, so that a run may go on with another
/// value.
const FREE: [&str; 4] = ["epochs", "patience", "checkpoint_every_steps", "log_every_steps"];

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// Optimiser steps taken.
    pub step: u64,
    /// Epochs finished.
    pub epoch: usize,
    /// Batches of the present epoch that are done.
    pub batch: usize,
    /// Optimiser steps taken before the latest evaluation; 0 if there was none.
    pub evaluated: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// The best evaluation.
    pub best: Option<Best>,
    /// Evaluations since.
    pub waited: u32,
    /// The schedule's memory.
    pub plateau: Plateau,
    /// The steps whose weights are kept for their mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<u64>,
}

/// The evaluation that was best in the watched metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Optimiser steps taken before it.
    pub step: u64,
    /// Epochs finished before it.
    pub epoch: usize,
    /// The watched metric.
    pub value: f64,
    /// All metrics that were finite.
    pub metrics: BTreeMap<String, f64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    pub format: u64,
    /// The version of this crate that wrote it, for the reader of a bug report.
    pub version: String,
    pub config: Value,
    pub identity: Value,
    pub state: State,
}

#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub header: Header,
    pub model: BTreeMap<String, Tensor>,
    pub optimizer: BTreeMap<String, Tensor>,
}

impl Header {
    pub fn new(config: Value, identity: Value, state: State) -> Self {
        Self { format: FORMAT, version: env!("CARGO_PKG_VERSION").into(), config, identity, state }
    }

    /// Refuses a checkpoint of another configuration, model or data, naming the first field that
    /// differs.
    pub fn check_same_run(&self, path: &Path, config: &Value, identity: &Value) -> Result<()> {
        // Without an evaluation no metric was watched yet: a misspelt one can be set right.
        let unwatched = self.state.evaluated == 0;
        let free = |name: &str| FREE.contains(&name) || (unwatched && name == "monitor");
        let fixed = |config: &Value| {
            let mut config = config.clone();
            if let Value::Object(fields) = &mut config {
                fields.retain(|name, _| !free(name));
            }
            config
        };
        // An older version's, whose fields may have had other names.
        let there = serde_json::from_value::<FitConfig>(self.config.clone());
        let there = there.and_then(serde_json::to_value).unwrap_or_else(|_| self.config.clone());
        let differs = difference("config", &fixed(&there), &fixed(config))
            .or_else(|| difference("identity", &self.identity, identity));
        match differs {
            None => Ok(()),
            Some((field, found, expected)) => {
                Err(Error::OtherRun { path: path.into(), field, found, expected })
            }
        }
    }
}

impl Checkpoint {
    /// Refuses a checkpoint of parameters in another precision: it would go on with rounded ones.
    pub fn check_same_precision(&self, path: &Path, parameters: &Parameters) -> Result<()> {
        for (name, var) in parameters.vars() {
            if let Some(tensor) = self.model.get(&name)
                && tensor.dtype() != var.dtype()
            {
                return Err(Error::OtherRun {
                    path: path.into(),
                    field: name,
                    found: format!("{:?}", tensor.dtype()),
                    expected: format!("{:?}", var.dtype()),
                });
            }
        }
        Ok(())
    }
}

fn difference(field: &str, there: &Value, here: &Value) -> Option<(String, String, String)> {
    let (Value::Object(old), Value::Object(new)) = (there, here) else {
        return (there != here).then(|| (field.into(), there.to_string(), here.to_string()));
    };
    let added = new.keys().filter(|name| !old.contains_key(*name));
    old.keys().chain(added).find_map(|name| {
        let value = |fields: &serde_json::Map<_, _>| fields.get(name).cloned().unwrap_or_default();
        difference(&format!("{field}.{name}"), &value(old), &value(new))
    })
}

pub(crate) fn write(
    path: &Path,
    unfinished: &Path,
    header: &Header,
    parameters: &Parameters,
    optimizer: &Optimizer,
) -> Result<()> {
    let model =
        parameters.tensors().into_iter().map(|(name, value)| (format!("model/{name}"), value));
    let memory =
        optimizer.state()?.into_iter().map(|(name, value)| (format!("optimizer/{name}"), value));
    let header = serde_json::to_string(header).map_err(std::io::Error::other)?;
    let metadata = HashMap::from([(KEY.to_string(), header)]);
    Ok(write_described(path, unfinished, &model.chain(memory).collect(), Some(metadata))?)
}

/// Writes the parameters after `step`.
pub(crate) fn write_weights(
    path: &Path,
    unfinished: &Path,
    step: u64,
    parameters: &Parameters,
) -> Result<()> {
    let metadata = HashMap::from([(STEP.to_string(), step.to_string())]);
    Ok(write_described(path, unfinished, &parameters.tensors(), Some(metadata))?)
}

/// Reads parameters, which must be those after `step`: a kill between the two files, and going on
/// with fewer epochs, can leave newer ones.
pub(crate) fn read_weights(path: &Path, step: u64) -> Result<BTreeMap<String, Tensor>> {
    let (weights, metadata) = read_safetensors(path)?;
    let found = metadata.get(STEP).map_or("?", String::as_str);
    if found != step.to_string() {
        let reason = format!(
            "its weights are of step {found}, expected step {step} as last.safetensors says"
        );
        return Err(damaged(path, reason));
    }
    Ok(weights)
}

pub(crate) fn read(path: &Path) -> Result<Checkpoint> {
    let (tensors, metadata) = read_safetensors(path)?;
    let header = metadata.get(KEY).ok_or_else(|| damaged(path, "it carries no training state"))?;
    let value: Value = serde_json::from_str(header).map_err(|e| damaged(path, e))?;
    // Before the rest, whose shape may be another in another format.
    if value["format"].as_u64() != Some(FORMAT) {
        let found = &value["format"];
        return Err(damaged(path, format!("its format is {found}, expected {FORMAT}")));
    }
    let header = serde_json::from_value(value).map_err(|e| damaged(path, e))?;
    let mut model = BTreeMap::new();
    let mut optimizer = BTreeMap::new();
    for (name, tensor) in tensors {
        match name.split_once('/') {
            Some(("model", name)) => model.insert(name.into(), tensor),
            Some(("optimizer", name)) => optimizer.insert(name.into(), tensor),
            _ => {
                return Err(damaged(path, format!("it holds `{name}`, which is no part of one")));
            }
        };
    }
    Ok(Checkpoint { header, model, optimizer })
}

/// The tensors and the metadata of a file. What it claims is held against its length before
/// anything is allocated.
fn read_safetensors(path: &Path) -> Result<(BTreeMap<String, Tensor>, HashMap<String, String>)> {
    let bytes = std::fs::read(path).map_err(in_file("read", path))?;
    let (_, header) =
        safetensors::SafeTensors::read_metadata(&bytes).map_err(|e| damaged(path, e))?;
    let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
        .map_err(|e| damaged(path, e))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    Ok((tensors.into_iter().collect(), metadata))
}

pub(crate) fn damaged(path: &Path, reason: impl ToString) -> Error {
    Error::Checkpoint { path: path.into(), reason: reason.to_string() }
}
