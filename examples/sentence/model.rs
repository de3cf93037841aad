//! The classifier that `--model` names.

use anyhow::{Result, bail};
use candle_core::Device;
use clap::Args;
use conv_text::Classifier;
use std::path::Path;

const SHIPPED: &str = "data/models/sentiment";

#[derive(Debug, Args)]
pub struct Model {
    /// A model folder, or an id on the hub; its default tells negative from positive remarks on films
    #[arg(long, default_value = SHIPPED)]
    model: String,
}

impl Model {
    pub fn open(&self, device: &Device) -> Result<Classifier> {
        if self.model == SHIPPED && !Path::new(SHIPPED).is_dir() {
            bail!(
                "no model at {SHIPPED}: it is in the repository, from whose top folder it is found (the packaged crate leaves data/ out); \
                 or train one with `sentence train --data FILE --out DIR` and name it with --model DIR/model"
            );
        }
        Ok(Classifier::open(&conv_hub::resolve(&self.model)?, device)?)
    }
}
