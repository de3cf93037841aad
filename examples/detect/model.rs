//! The detector that `--model` names, and the data that `--data` names.

use anyhow::{Context, Result};
use candle_core::Device;
use clap::Args;
use conv_detect::{Dataset, Detector, Limits, Pretrained};
use conv_train::report::Report;
use std::path::{Path, PathBuf};

pub const SHIPPED: &str = "data/models/clevr-objects";

#[derive(Debug, Args)]
pub struct Model {
    /// A model folder, an id on the hub, or torchvision's weights (.pth, .safetensors); the default
    /// knows CLEVR's objects
    #[arg(long, default_value = SHIPPED)]
    model: String,
    /// The names of the classes of torchvision's weights, one a line, the background not counted
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// One instance a place: of two boxes that overlap the surer alone, also where their classes
    /// differ
    #[arg(long)]
    agnostic: bool,
}

impl Model {
    pub fn open(&self, device: &Device) -> Result<Detector> {
        Ok(self.pretrained()?.detector(device)?)
    }

    /// The same, and the hash of its file of weights.
    pub fn open_hashed(&self, device: &Device) -> Result<(Detector, String)> {
        let pretrained = self.pretrained()?;
        let file = if pretrained.path.is_dir() {
            pretrained.path.join(conv_hub::folder::WEIGHTS)
        } else {
            pretrained.path.clone()
        };
        Ok((pretrained.detector(device)?, conv_vision::hash(&file)?))
    }

    fn pretrained(&self) -> Result<Pretrained> {
        conv_cli::check_shipped(&self.model, SHIPPED, "detect train --data FOLDER --out DIR")?;
        let mut pretrained = Pretrained::open(&place(&self.model)?)?;
        if let Some(file) = &self.labels {
            let names = conv_hub::folder::text(file)?.lines().map(str::to_string).collect();
            pretrained = pretrained.with_labels(names)?;
        }
        pretrained.config.detections.agnostic |= self.agnostic;
        Ok(pretrained)
    }
}

/// The file or folder that a user means.
pub fn place(text: &str) -> Result<PathBuf> {
    let path = Path::new(text);
    Ok(if path.is_file() { path.to_path_buf() } else { conv_hub::resolve(text)? })
}

/// Writes a page, into a folder that need not be there.
pub fn write(page: Report, file: &Path) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating {}", folder.display()))?;
    }
    Ok(page.write(file)?)
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
