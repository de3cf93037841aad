//! What is in a model folder.

use crate::{Backbone, Config, Pretrained, Result};
use conv_hub::{Inspection, ModelConfig, ModelFolder};
use serde::Serialize;
use serde_json::Map;
use std::fmt;
use std::path::Path;

/// What a detector says of itself beside its parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelInspection {
    /// The network's sizes.
    pub config: Config,
    /// The names of the classes.
    pub labels: Vec<String>,
}

impl ModelInspection {
    /// Looks into the folder at `path`, or into the file of torchvision's weights.
    ///
    /// # Errors
    /// A missing or damaged file, a folder of another task, or a size out of its range, by name.
    pub fn open(path: &Path) -> Result<Inspection<Self>> {
        if path.is_file() {
            let Pretrained { config, labels, tensors, .. } = Pretrained::open(path)?;
            return Ok(Inspection::new(Self { config, labels }, Map::new(), &tensors));
        }
        let folder = ModelFolder::open(path)?;
        folder.expect_type(Config::MODEL_TYPE)?;
        let config: Config = folder.config()?;
        config.check()?;
        let labels = folder.labels()?;
        Ok(Inspection::open(Self { config, labels }, &folder)?)
    }
}

impl fmt::Display for ModelInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { input, backbone, pyramid, anchors, attributes, measures, .. } = &self.config;
        writeln!(f, "{:<16} {}", "classes", self.labels.join(", "))?;
        for attribute in attributes {
            writeln!(f, "{:<16} {}", attribute.name, attribute.values.join(", "))?;
        }
        let measures: Vec<&str> = measures.iter().map(|measure| measure.name.as_str()).collect();
        if !measures.is_empty() {
            writeln!(f, "{:<16} {}", "measures", measures.join(", "))?;
        }
        let (short, long) = (input.short_side, input.long_side);
        writeln!(f, "{:<16} short side {short}, long side at most {long}", "input")?;
        match backbone {
            Backbone::Slim(slim) => {
                writeln!(f, "{:<16} {}, then {:?}", "backbone", slim.stem, slim.stages)?;
            }
            Backbone::Residual(residual) => {
                let name = residual.architecture.name();
                writeln!(f, "{:<16} {name} with frozen normalisation", "backbone")?;
            }
        }
        let levels = anchors.sizes.len();
        writeln!(f, "{:<16} {levels} levels of {pyramid} channels", "pyramid")?;
        writeln!(f, "{:<16} {:?} pixels, aspects {:?}", "anchors", anchors.sizes, anchors.aspects)
    }
}
