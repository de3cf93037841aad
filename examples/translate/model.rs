//! The model to translate with.

use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_translate::Translator;

#[derive(Debug, Args)]
pub struct Model {
    /// A model folder, or an id on the Hugging Face hub; several are one ensemble
    #[arg(long, required = true, num_args = 1.., value_delimiter = ':')]
    model: Vec<String>,
}

impl Model {
    pub fn open(&self, device: &Device) -> Result<Translator> {
        let folders = self.model.iter().map(|model| conv_hub::resolve(model));
        let folders = folders.collect::<Result<Vec<_>, _>>()?;
        Ok(Translator::open_all(&folders, device)?)
    }
}
