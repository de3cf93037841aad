//! The models that `--model` and `--detector` name.

use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_clevr::reason::PARSER;
use conv_clevr::see::Detector;
use conv_clevr::{Parser, Reasoner};
use std::path::PathBuf;

const SHIPPED: &str = "data/models/clevr";
pub const DETECTOR: &str = "data/models/clevr-objects";

#[derive(Debug, Args)]
pub struct Model {
    /// The folder with parser/ and ground.json
    #[arg(long, default_value = SHIPPED)]
    model: String,
}

#[derive(Debug, Args)]
pub struct Models {
    #[command(flatten)]
    model: Model,
    /// The detector's model folder
    #[arg(long, default_value = DETECTOR)]
    pub detector: String,
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

impl Models {
    pub fn open(&self, device: &Device) -> Result<Reasoner> {
        let folder = self.model.folder()?;
        conv_cli::check_shipped(&self.detector, DETECTOR, "detect train")?;
        let detector = Detector::open(&conv_hub::resolve(&self.detector)?, device)?;
        Ok(Reasoner::open(&folder, Box::new(detector), device)?)
    }

    pub fn parser(&self, device: &Device) -> Result<Parser> {
        self.model.parser(device)
    }
}
