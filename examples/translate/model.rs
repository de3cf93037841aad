//! The model to translate with.

use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_translate::Translator;
use std::path::{Path, PathBuf};

const SHIPPED: &str = "data/models/german-english";

#[derive(Debug, Args)]
pub struct Model {
    /// A model folder, an id on the Hugging Face hub, or a checkpoint of fairseq's (.pt) with its
    /// dict.LANGUAGE.txt beside it, which takes ready-made tokens; several, with `:` between them,
    /// are one ensemble. Its default translates German to English
    #[arg(long = "model", default_value = SHIPPED, value_delimiter = ':', value_name = "MODEL")]
    models: Vec<String>,
}

impl Model {
    pub fn open(&self, device: &Device) -> Result<Translator> {
        for model in &self.models {
            conv_cli::check_shipped(model, SHIPPED, "translate train --data FOLDER --out DIR")?;
        }
        let paths = self.models.iter().map(|model| resolve(model));
        let paths = paths.collect::<Result<Vec<_>>>()?;
        Ok(Translator::open_all(&paths, device)?)
    }
}

/// Where the model is: a file is a checkpoint.
pub fn resolve(model: &str) -> Result<PathBuf> {
    match Path::new(model) {
        file if file.is_file() => Ok(file.into()),
        _ => Ok(conv_hub::resolve(model)?),
    }
}
