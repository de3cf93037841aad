//! `features`: maps of pictures that heads look at, kept in a file.

use anyhow::Result;
use candle_core::{DType, Device};
use clap::Args;
use conv_clevr::heads::Maps;
use conv_detect::Pyramid;
use conv_vision::data::{Skipped, find};
use conv_vision::{FeatureSource, Features, FeaturesMadeBy, Limits, Pretrained};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// The detector's finest level over a grid, from which it tells what a small thing is like.
const LAYER: &str = "fpn.0@20x15";

/// What computes maps.
#[derive(Debug, Args)]
pub struct Network {
    /// The detector's model folder, whose pyramid is looked at
    #[arg(long, default_value = crate::model::DETECTOR)]
    pub detector: String,
    /// A classifier's weights or model folder in its place, such as GoogLeNet's
    #[arg(long)]
    pub network: Option<String>,
}

#[derive(Debug, Args)]
pub struct Options {
    /// A folder of pictures, which are called by their paths below it
    #[arg(long)]
    images: PathBuf,
    #[command(flatten)]
    network: Network,
    /// The layer, such as fpn.0 to fpn.3 of a detector or inception_4e of GoogLeNet;
    /// LAYER@COLUMNSxROWS is its mean over a grid's cells
    #[arg(long, default_value = LAYER)]
    layer: String,
    /// The file, .safetensors, in half precision
    #[arg(long)]
    out: PathBuf,
}

/// A network that is opened.
pub enum Source {
    Detector(Box<Pyramid>),
    Classifier(Box<Pretrained>),
}

impl Network {
    pub fn open(&self, device: &Device) -> Result<Source> {
        if let Some(network) = &self.network {
            let path = conv_hub::resolve(network)?;
            return Ok(Source::Classifier(Box::new(Pretrained::open(&path, device)?)));
        }
        conv_cli::check_shipped(&self.detector, crate::model::DETECTOR, "detect train")?;
        let folder = conv_hub::resolve(&self.detector)?;
        Ok(Source::Detector(Box::new(Pyramid::open(&folder, device)?)))
    }
}

impl Source {
    pub fn made_by(&self) -> FeaturesMadeBy {
        match self {
            Self::Detector(source) => source.made_by(),
            Self::Classifier(source) => source.made_by(),
        }
    }

    /// A layer of pictures below a folder, in half precision, and what is no picture.
    pub fn layer(
        &self,
        files: &[PathBuf],
        root: &Path,
        layer: &str,
        device: &Device,
    ) -> Result<(Features, Vec<Skipped>)> {
        let layers = [layer.to_owned()];
        let limits = Limits::default();
        let half = DType::F16;
        Ok(match self {
            Self::Detector(source) => {
                Features::of(&**source, (files, root), &layers, &limits, half, device)?
            }
            Self::Classifier(source) => {
                Features::of(&**source, (files, root), &layers, &limits, half, device)?
            }
        })
    }
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let Options { images, network, layer, out } = options;
    let source = network.open(device)?;
    let (features, skipped) = source.layer(&find(&[images]), images, layer, device)?;
    features.write(out)?;
    skipped.iter().for_each(|file| conv_cli::note(format_args!("  {file}")));
    let maps = Maps::new(features, &images.display().to_string())?;
    let images = maps.len();
    let skipped = skipped.len();
    let layer = layer.clone();
    let shape = maps.shape();
    let out = out.clone();
    conv_cli::print(common.json, &Kept { images, skipped, layer, shape, out })
}

#[derive(Debug, Serialize)]
struct Kept {
    images: usize,
    skipped: usize,
    layer: String,
    /// Channels, rows and columns.
    shape: [usize; 3],
    out: PathBuf,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { images, skipped, layer, shape: [channels, rows, columns], out } = self;
        let out = out.display();
        write!(f, "{layer} of {images} pictures, {channels} × {rows} × {columns} each, in {out}")?;
        match skipped {
            0 => Ok(()),
            skipped => write!(f, "; {skipped} files are none"),
        }
    }
}
