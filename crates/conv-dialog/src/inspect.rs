//! What is in a ranker's folder.

use crate::data::ImageSource;
use crate::{Config, Decoder, Encoder, Result};
use conv_hub::{Inspection, ModelConfig, ModelFolder};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// What a ranker says of itself beside its parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelInspection {
    /// The network's sizes.
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
        let Config {
            encoder,
            decoder,
            image,
            vocabulary,
            known,
            dimension,
            units,
            history,
            counting_units,
            ..
        } = &self.config;
        let encoder = match encoder {
            Encoder::LateFusion => "late fusion",
            Encoder::Hierarchical => "hierarchical recurrent",
            Encoder::Memory => "memory network",
        };
        writeln!(f, "{:<16} {encoder}", "encoder")?;
        if let Some(ImageSource { size, network, layer, .. }) = image {
            writeln!(f, "{:<16} {size} numbers, layer {layer} of {network}", "image")?;
        }
        writeln!(f, "{:<16} {vocabulary}, {known} with vectors of {dimension}", "words")?;
        writeln!(f, "{:<16} {units} units each over question, history and answer", "recurrent")?;
        writeln!(f, "{:<16} {history} words", "history")?;
        match decoder {
            Decoder::Generative => writeln!(f, "{:<16} generative", "decoder"),
            Decoder::Discriminative => {
                writeln!(f, "{:<16} discriminative", "decoder")?;
                writeln!(f, "{:<16} {counting_units} units", "counting")
            }
        }
    }
}
