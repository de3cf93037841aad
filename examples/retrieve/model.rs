//! What describes a photograph.

use anyhow::{Context, Result};
use candle_core::Device;
use clap::Args;
use conv_vision::retrieval::{Describer, Expansion, Metric, Pooling, Views};
use conv_vision::{Preprocessing, Pretrained, Resize};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Model {
    /// A model folder of `classify train`, or weights with the names of Caffe or torchvision,
    /// .safetensors or .pth [default: GoogLeNet's below $CONVOKE_DATA]
    #[arg(long)]
    model: Option<PathBuf>,
    /// The layer whose values stand for a photograph [default: the last hidden one]
    #[arg(long)]
    layer: Option<String>,
    /// How the places of a layer become one: average, maximum, or gem, a mean between the two
    #[arg(long, default_value = "average")]
    pooling: Pooling,
    /// All of a photograph in place of the central square
    #[arg(long)]
    whole: bool,
    /// The mean over several sizes, with commas, in pixels of the shorter side [default: the
    /// weights' own]
    #[arg(long, value_delimiter = ',')]
    sizes: Vec<usize>,
    /// The mean over the photograph and its mirror image
    #[arg(long)]
    mirrored: bool,
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
        let describer = Describer::new(model, self.layer.as_deref(), self.pooling, device)?;
        let Self { whole, mirrored, .. } = *self;
        Ok(describer.with_views(Views { whole, sizes: self.sizes.clone(), mirrored })?)
    }
}

/// Neighbours that descriptors take in.
#[derive(Debug, Args)]
pub struct Taken {
    /// Take the query's N nearest into it, and search again
    #[arg(long, value_name = "N", default_value = "0")]
    expand: usize,
    /// Take the N nearest of each photograph that is searched into its descriptor
    #[arg(long, value_name = "N", default_value = "0")]
    augment: usize,
}

impl Taken {
    pub fn expansion(&self, metric: Metric) -> Result<Expansion> {
        let expansion = Expansion { query: self.expand, database: self.augment };
        expansion.check(metric)?;
        Ok(expansion)
    }
}
