//! What is in a model folder.

use std::fmt;
use std::path::Path;

use conv_hub::ModelFolder;
use serde::Serialize;
use serde_json::Value;

use crate::{Config, Result};

/// A model folder's contents; its `Display` is a table for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelInspection {
    /// The network's sizes.
    pub config: Config,
    /// The classes' names.
    pub labels: Vec<String>,
    /// Every parameter, in name order.
    pub parameters: Vec<Parameter>,
    /// How it was trained, as `training.json` has it.
    pub training: Value,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parameter {
    /// Its full name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// How its numbers are stored.
    pub stored_as: String,
}

impl ModelInspection {
    /// Looks into the folder at `path`.
    ///
    /// # Errors
    /// A missing or damaged file, or a folder of another task, by name.
    pub fn open(path: &Path) -> Result<Self> {
        let model = ModelFolder::open(path)?;
        model.expect_type(Config::MODEL_TYPE)?;
        let parameter = |(name, tensor): (String, candle_core::Tensor)| Parameter {
            name,
            shape: tensor.dims().to_vec(),
            stored_as: tensor.dtype().as_str().into(),
        };
        // Models of other makers need not say how they came about.
        let told = path.join(conv_hub::folder::TRAINING).exists();
        Ok(Self {
            config: model.config()?,
            labels: model.labels()?,
            parameters: model.tensors(None)?.into_iter().map(parameter).collect(),
            training: if told { model.training()? } else { Value::Null },
        })
    }
}

impl fmt::Display for ModelInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { variant, vocabulary, dimension, filters, dropout, .. } = &self.config;
        let filters: Vec<String> =
            filters.iter().map(|bank| format!("{}x{}", bank.width, bank.maps)).collect();
        writeln!(f, "variant     {variant}")?;
        writeln!(f, "words       {vocabulary} of {dimension} numbers")?;
        writeln!(f, "filters     {}", filters.join(", "))?;
        writeln!(f, "dropout     {dropout}")?;
        writeln!(f, "labels      {}", self.labels.join(", "))?;
        if let Some(fields) = self.training.as_object() {
            for (name, value) in fields.iter().filter(|(name, _)| *name != "recipe") {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                writeln!(f, "{name:<11} {value}")?;
            }
        }
        let width = self.parameters.iter().map(|parameter| parameter.name.len()).max().unwrap_or(0);
        let mut total = 0;
        for Parameter { name, shape, stored_as } in &self.parameters {
            let count: usize = shape.iter().product();
            total += count;
            writeln!(f, "{name:width$}  {count:>10}  {stored_as}  {shape:?}")?;
        }
        write!(f, "parameters  {total}")
    }
}
