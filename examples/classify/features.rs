//! `features`: layers of a network for photographs, kept in a file.

use crate::model::Model;
use anyhow::Result;
use candle_core::{DType, Device};
use clap::Args;
use conv_vision::data::find;
use conv_vision::{Features, Limits};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    /// Photographs, or a folder of them, below which they are called by their paths
    photos: PathBuf,
    #[command(flatten)]
    model: Model,
    /// The layers, with commas, such as inception_4e,pool5/7x7_s1; `inspect` lists them.
    /// LAYER@COLUMNSxROWS is its mean over a grid's cells
    #[arg(long, required = true, value_delimiter = ',')]
    layers: Vec<String>,
    /// The file, .safetensors: a tensor `PHOTO LAYER` for each
    #[arg(long)]
    out: PathBuf,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let model = options.model.open(device)?;
    let Options { photos, layers, out, .. } = options;
    let root = if photos.is_dir() { photos } else { photos.parent().unwrap_or(Path::new("")) };
    let files = find(&[photos]);
    let limits = Limits::default();
    let (features, skipped) =
        Features::of(&model, (&files, root), layers, &limits, DType::F32, device)?;
    features.write(out)?;
    skipped.iter().for_each(|file| conv_cli::note(format_args!("  {file}")));
    let images = features.images().len();
    let skipped = skipped.len();
    conv_cli::print(
        common.json,
        &Kept { images, skipped, layers: layers.clone(), out: out.clone() },
    )
}

#[derive(Debug, Serialize)]
struct Kept {
    images: usize,
    skipped: usize,
    layers: Vec<String>,
    out: PathBuf,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { images, skipped, layers, out } = self;
        write!(f, "{} of {images} pictures in {}", layers.join(", "), out.display())?;
        match skipped {
            0 => Ok(()),
            skipped => write!(f, "; {skipped} files are none"),
        }
    }
}
