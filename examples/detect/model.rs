//! The detector that `--model` names, and the data that `--data` names.

use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_detect::{Dataset, Detector, Limits};
use std::path::Path;

pub const SHIPPED: &str = "data/models/clevr-objects";

#[derive(Debug, Args)]
pub struct Model {
    /// A model folder, or an id on the hub; its default knows CLEVR's objects
    #[arg(long, default_value = SHIPPED)]
    model: String,
}

impl Model {
    pub fn open(&self, device: &Device) -> Result<Detector> {
        conv_cli::check_shipped(&self.model, SHIPPED, "detect train --data FOLDER --out DIR")?;
        Ok(Detector::open(&conv_hub::resolve(&self.model)?, device)?)
    }
}

/// Reads a data set and says what was left out.
pub fn data(folder: &Path, limits: &Limits) -> Result<Dataset> {
    /// More lines than anyone reads.
    const SAID: usize = 20;
    let data = Dataset::open(folder, limits)?;
    if !data.left_out.is_empty() {
        conv_cli::note(format_args!("left out: {}", data.left_out.len()));
        data.left_out.iter().take(SAID).for_each(|text| conv_cli::note(format_args!("  {text}")));
        if data.left_out.len() > SAID {
            conv_cli::note(format_args!("  and {} more", data.left_out.len() - SAID));
        }
    }
    Ok(data)
}
