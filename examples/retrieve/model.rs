//! What describes a photograph.

use anyhow::{Context, Result};
use candle_core::Device;
use clap::Args;
use conv_vision::retrieval::{Describer, Pooling};
use conv_vision::{Preprocessing, Pretrained, Resize};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Model {
    /// A model folder of `classify train`, or weights with the names of Caffe or torchvision, .safetensors or .pth [default: GoogLeNet's below $CONVOKE_DATA]
    #[arg(long)]
    model: Option<PathBuf>,
    /// The layer whose values stand for a photograph [default: the last hidden one]
    #[arg(long)]
    layer: Option<String>,
    /// How the places of a layer become one: average or maximum
    #[arg(long, default_value = "average")]
    pooling: Pooling,
    /// short-side keeps the aspect, squash does not [default: what the weights want]
    #[arg(long)]
    resize: Option<Resize>,
}

impl Model {
    pub fn open(&self, device: &Device) -> Result<Describer> {
        let path =
            conv_cli::weights("weights", self.model.as_deref(), "--model", conv_cli::GOOGLENET)?;
        // An index remembers the path, and is searched from any folder.
        let path = path.canonicalize().with_context(|| format!("opening {}", path.display()))?;
        let mut model = Pretrained::open(&path, device)?;
        if let Some(resize) = self.resize {
            model.preprocessing = Preprocessing { resize, ..model.preprocessing };
        }
        Ok(Describer::new(model, self.layer.as_deref(), self.pooling, device)?)
    }
}
