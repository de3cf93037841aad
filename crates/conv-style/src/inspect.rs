//! What is in a model folder.

use crate::{Config, Result};
use conv_hub::{Inspection, ModelConfig, ModelFolder};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// What a StyleBank says of itself beside its parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelInspection {
    /// Its sizes and styles.
    pub config: Config,
}

impl ModelInspection {
    /// Looks into the folder at `path`.
    ///
    /// # Errors
    /// A missing or damaged file, a folder of another task, or a size out of its range, by name.
    pub fn open(path: &Path) -> Result<Inspection<Self>> {
        let folder = ModelFolder::open(path)?;
        folder.expect_type(Config::MODEL_TYPE)?;
        let config: Config = folder.config()?;
        config.check()?;
        Ok(Inspection::open(Self { config }, &folder)?)
    }
}

impl fmt::Display for ModelInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { channels, bank, styles } = &self.config;
        writeln!(f, "{:<16} {channels:?} channels, each halving but the first", "encoder")?;
        writeln!(f, "{:<16} {bank} convolutions a style", "banks")?;
        writeln!(f, "{:<16} {}", "styles", styles.join(", "))
    }
}
