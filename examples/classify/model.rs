//! The weights that `--model` names, and the names of their classes.

use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_vision::{Classifier, Preprocessing, Pretrained, Resize};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Model {
    /// A model folder as `train` leaves it, or weights with the names of Caffe or torchvision,
    /// .safetensors or .pth [default: GoogLeNet's below $CONVOKE_DATA]
    #[arg(long)]
    model: Option<PathBuf>,
    /// short-side keeps the aspect, squash does not [default: what the weights want, see inspect]
    #[arg(long)]
    resize: Option<Resize>,
}

#[derive(Debug, Args)]
pub struct Named {
    #[command(flatten)]
    model: Model,
    /// The classes' names, a line each [default: the model folder's, or synset_words.txt beside the
    /// weights]
    #[arg(long)]
    labels: Option<PathBuf>,
}

impl Model {
    pub fn open(&self, device: &Device) -> Result<Pretrained> {
        let path =
            conv_cli::weights("weights", self.model.as_deref(), "--model", conv_cli::GOOGLENET)?;
        let mut model = Pretrained::open(&path, device)?;
        if let Some(resize) = self.resize {
            model.preprocessing = Preprocessing { resize, ..model.preprocessing };
        }
        Ok(model)
    }
}

impl Named {
    pub fn open(&self, device: &Device) -> Result<Classifier> {
        Ok(Classifier::new(self.model.open(device)?, self.labels.as_deref(), device)?)
    }
}
