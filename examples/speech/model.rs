//! The recogniser that `--model` names.

use anyhow::{Context, Result};
use candle_core::Device;
use clap::Args;
use conv_speech::Recognizer;
use std::path::PathBuf;

const SHIPPED: &str = "data/models/spoken-digits";

#[derive(Debug, Args)]
pub struct Model {
    /// A model folder, or an id on the hub; its default knows English digits of a synthetic voice
    #[arg(long, default_value = SHIPPED)]
    model: String,
    /// Texts that are followed at a time, whatever the folder says
    #[arg(long)]
    beam: Option<usize>,
    /// A file of words and phrases that are expected, one a line
    #[arg(long, value_name = "FILE")]
    hot_words: Option<PathBuf>,
    /// What each letter of them counts, in nats
    #[arg(long, default_value_t = 1.5, requires = "hot_words")]
    boost: f64,
}

impl Model {
    pub fn open(&self, device: &Device) -> Result<Recognizer> {
        conv_cli::check_shipped(&self.model, SHIPPED, "speech train --data FILE --out DIR")?;
        let recognizer = Recognizer::open(&conv_hub::resolve(&self.model)?, device)?;
        let recognizer = match &self.hot_words {
            Some(path) => {
                let text = conv_hub::folder::text(path)?;
                let phrases = text.lines().filter(|line| !line.trim().is_empty());
                recognizer
                    .with_hot_words(phrases, self.boost)
                    .with_context(|| path.display().to_string())?
            }
            None => recognizer,
        };
        Ok(match self.beam {
            Some(beam) => recognizer.with_beam(beam)?,
            None => recognizer,
        })
    }
}
