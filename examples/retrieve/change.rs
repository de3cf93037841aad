//! `add` and `remove`: an index that changes with its photographs.

use crate::index::photographs;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_vision::retrieval::{Added, Index, State};
use conv_vision::{Limits, Pretrained};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Add {
    /// The index
    index: PathBuf,
    /// Photographs, and folders of them
    #[arg(required = true)]
    photos: Vec<PathBuf>,
    /// The weights that the index was made with, if they are no longer where they were
    #[arg(long)]
    model: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Remove {
    /// The index
    index: PathBuf,
    /// Photographs, and folders whose photographs go
    photos: Vec<PathBuf>,
    /// Remove those whose files are gone
    #[arg(long)]
    gone: bool,
}

/// The index on disk is the old one or the new one, whole, at any moment.
pub fn add(options: &Add, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let mut index = Index::open(&options.index)?;
    let weights = options.model.as_deref().unwrap_or(index.model());
    let model = Pretrained::open(weights, device)
        .with_context(|| format!("the weights that {} was made with", options.index.display()))?;
    let describer = index.describer(model, &options.index, device)?;
    let files = photographs(&options.photos)?;
    let (added, skipped) = index.add(&describer, &files, &Limits::default())?;
    index.write(&options.index)?;
    let images = index.paths().len();
    conv_cli::print(common.json, &Changed { added, removed: 0, images })?;
    crate::tell(&skipped);
    Ok(())
}

pub fn remove(options: &Remove, common: &conv_cli::Common) -> Result<()> {
    if options.photos.is_empty() && !options.gone {
        bail!("nothing to remove: name photographs or folders, or ask for --gone");
    }
    let mut index = Index::open(&options.index)?;
    // Links are followed where there is something to follow.
    let named: Vec<PathBuf> = options
        .photos
        .iter()
        .map(|path| path.canonicalize().or_else(|_| std::path::absolute(path)))
        .collect::<std::io::Result<_>>()?;
    let removed = index.remove(|path, state| {
        options.gone && state == State::Gone || named.iter().any(|named| path.starts_with(named))
    });
    index.write(&options.index)?;
    let images = index.paths().len();
    conv_cli::print(common.json, &Changed { added: Added::default(), removed, images })
}

#[derive(Serialize)]
struct Changed {
    #[serde(flatten)]
    added: Added,
    removed: usize,
    images: usize,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added: Added { new, renewed, unchanged }, removed, images } = self;
        write!(
            f,
            "{new} new, {renewed} described again, {unchanged} unchanged, {removed} removed: {images} photographs"
        )
    }
}
