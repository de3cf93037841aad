//! The classifier that `--model` names.

use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_sentence::Classifier;

const SHIPPED: &str = "data/models/sentiment";

#[derive(Debug, Args)]
pub struct Model {
    /// A model folder, or an id on the hub; its default tells negative from positive remarks on
    /// films
    #[arg(long, default_value = SHIPPED)]
    model: String,
}

impl Model {
    pub fn open(&self, device: &Device) -> Result<Classifier> {
        conv_cli::check_shipped(&self.model, SHIPPED, "sentence train --data FILE --out DIR")?;
        Ok(Classifier::open(&conv_hub::resolve(&self.model)?, device)?)
    }
}
