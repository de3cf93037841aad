//! `features`: what a detector says of pictures, kept in a file.

use crate::model::Model;
use crate::predict::share;
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_detect::{Limits, SCORES, detections};
use conv_vision::data::find;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    /// Pictures, or a folder of them, below which they are called by their paths
    pictures: PathBuf,
    #[command(flatten)]
    model: Model,
    /// The score from which on an instance is kept
    #[arg(long, default_value = "0.5", value_parser = share)]
    threshold: f32,
    /// The file, .safetensors: tensors `PICTURE score`, `PICTURE box`, `PICTURE class` and one for
    /// each attribute
    #[arg(long)]
    out: PathBuf,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let (detector, weights) = options.model.open_hashed(device)?;
    let Options { pictures, threshold, out, .. } = options;
    let root =
        if pictures.is_dir() { pictures } else { pictures.parent().unwrap_or(Path::new("")) };
    let files = find(&[pictures]);
    let limits = Limits::default();
    let (kept, skipped) = detections(&detector, &weights, &files, root, *threshold, &limits)?;
    kept.write(out)?;
    skipped.iter().for_each(|file| conv_cli::note(format_args!("  {file}")));
    let images = kept.images();
    let count = |image: &&str| kept.get(image, SCORES).map_or(0, |scores| scores.elem_count());
    let instances = images.iter().map(count).sum();
    let images = images.len();
    let skipped = skipped.len();
    conv_cli::print(common.json, &Kept { images, instances, skipped, out: out.clone() })
}

#[derive(Debug, Serialize)]
struct Kept {
    images: usize,
    instances: usize,
    skipped: usize,
    out: PathBuf,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { images, instances, skipped, out } = self;
        write!(f, "{instances} instances on {images} pictures in {}", out.display())?;
        match skipped {
            0 => Ok(()),
            skipped => write!(f, "; {skipped} files are none"),
        }
    }
}
