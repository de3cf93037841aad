//! `index`: a folder's photographs, described.

use crate::model::Model;
use anyhow::{Context, Result};
use candle_core::Device;
use clap::Args;
use conv_vision::Limits;
use conv_vision::data::find;
use conv_vision::retrieval::{Index, MadeBy};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    /// Folders of photographs, and photographs
    #[arg(required = true)]
    photos: Vec<PathBuf>,
    #[command(flatten)]
    model: Model,
    /// The file that the index becomes
    #[arg(long)]
    out: PathBuf,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let describer = options.model.open(device)?;
    let (index, skipped) =
        Index::new(&describer, &photographs(&options.photos)?, &Limits::default())?;
    index.write(&options.out)?;
    let made = Made { index: &options.out, images: index.paths().len(), made_by: index.made_by() };
    conv_cli::print(common.json, &made)?;
    crate::tell(&skipped);
    Ok(())
}

/// The files of what is named, by paths that hold in any folder.
pub fn photographs(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let paths = named
        .iter()
        .map(|path| path.canonicalize().with_context(|| format!("opening {}", path.display())));
    Ok(find(&paths.collect::<Result<Vec<_>>>()?))
}

#[derive(Serialize)]
struct Made<'a> {
    index: &'a Path,
    images: usize,
    made_by: &'a MadeBy,
}

impl fmt::Display for Made<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, images, made_by } = self;
        let MadeBy { network, layer, .. } = made_by;
        write!(f, "{images} photographs by {network} {layer}: {}", index.display())
    }
}
