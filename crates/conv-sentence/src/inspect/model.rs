//! What is in a model folder.

use crate::{Config, Result};
use conv_hub::{Inspection, ModelConfig, ModelFolder};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// What a classifier says of itself beside its parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelInspection {
    /// The network's sizes.
    pub config: Config,
    /// The classes' names.
    pub labels: Vec<String>,
}

impl ModelInspection {
    /// Looks into the folder at `path`.
    ///
    /// # Errors
    /// A missing or damaged file, or a folder of another task, by name.
    pub fn open(path: &Path) -> Result<Inspection<Self>> {
        let folder = ModelFolder::open(path)?;
        folder.expect_type(Config::MODEL_TYPE)?;
        let task = Self { config: folder.config()?, labels: folder.labels()? };
        Ok(Inspection::open(task, &folder)?)
    }
}

impl fmt::Display for ModelInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { variant, vocabulary, dimension, filters, dropout, .. } = &self.config;
        let filters: Vec<String> =
            filters.iter().map(|bank| format!("{}x{}", bank.width, bank.maps)).collect();
        writeln!(f, "{:<16} {variant}", "variant")?;
        writeln!(f, "{:<16} {vocabulary} of {dimension} numbers", "words")?;
        writeln!(f, "{:<16} {}", "filters", filters.join(", "))?;
        writeln!(f, "{:<16} {dropout}", "dropout")?;
        writeln!(f, "{:<16} {}", "labels", self.labels.join(", "))
    }
}
