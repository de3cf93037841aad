//! The models that `--model` and `--detector` name.

use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_clevr::reason::PARSER;
use conv_clevr::Parser;
use std::path::PathBuf;

const SHIPPED: &str = "data/models/clevr";

#[derive(Debug, Args)]
pub struct Model {
    /// The folder with parser/ and ground.json
    #[arg(long, default_value = SHIPPED)]
    model: String,
}

impl Model {
    pub fn folder(&self) -> Result<PathBuf> {
        conv_cli::check_shipped(&self.model, SHIPPED, "clevr train")?;
        Ok(conv_hub::resolve(&self.model)?)
    }

    pub fn parser(&self, device: &Device) -> Result<Parser> {
        Ok(Parser::open(&self.folder()?.join(PARSER), device)?)
    }
}

