//! The recogniser that `--model` names.

use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_speech::Recognizer;

const SHIPPED: &str = "data/models/spoken-digits";

#[derive(Debug, Args)]
pub struct Model {
    /// A model folder, or an id on the hub; its default knows English digits of a synthetic voice
    #[arg(long, default_value = SHIPPED)]
    model: String,
    /// Texts that are followed at a time, whatever the folder says
    #[arg(long)]
    beam: Option<usize>,
}

impl Model {
    pub fn open(&self, device: &Device) -> Result<Recognizer> {
        conv_cli::check_shipped(&self.model, SHIPPED, "speech train --data FILE --out DIR")?;
        let recognizer = Recognizer::open(&conv_hub::resolve(&self.model)?, device)?;
        Ok(match self.beam {
            Some(beam) => recognizer.with_beam(beam)?,
            None => recognizer,
        })
    }
}
