//! `search`: the photographs that are most like others.

use crate::model::Taken;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_vision::data::{find, load};
use conv_vision::page::Neighbours;
use conv_vision::retrieval::{Index, Metric, Neighbour, State};
use conv_vision::{Limits, Picture, Pretrained, TOGETHER};
use serde::Serialize;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// The index
    index: PathBuf,
    /// Photographs, and folders of them, whose like are wanted
    #[arg(required = true)]
    photos: Vec<PathBuf>,
    /// The weights that the index was made with, if they are no longer where they were
    #[arg(long)]
    model: Option<PathBuf>,
    /// cosine, or euclidean as in the paper
    #[arg(long, default_value = "cosine")]
    metric: Metric,
    #[command(flatten)]
    taken: Taken,
    /// Find the K nearest; a photograph is not its own neighbour
    #[arg(long, value_name = "K", default_value = "6")]
    top: NonZeroUsize,
    /// Where the photographs with their neighbours go [default: runs/retrieve.html, with --json
    /// none]
    #[arg(long)]
    page: Option<PathBuf>,
}

/// Queries on a page at most.
const ON_PAGE: usize = 100;

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let expansion = options.taken.expansion(options.metric)?;
    let index = Index::open(&options.index)?;
    let weights = options.model.as_deref().unwrap_or(index.model());
    let model = Pretrained::open(weights, device)
        .with_context(|| format!("the weights that {} was made with", options.index.display()))?;
    let describer = index.describer(model, &options.index, device)?;
    let default = (!common.json).then(|| PathBuf::from("runs/retrieve.html"));
    let target = options.page.clone().or(default);
    let mut page = Neighbours::default();
    let mut shown = 0;
    let mut skipped = Vec::new();
    let limits = Limits::default();
    let expanded = (!expansion.is_none()).then(|| index.expanded(expansion));
    for files in find(&options.photos).chunks(TOGETHER) {
        let (read, failed) = load(files, &limits);
        skipped.extend(failed);
        let (places, pictures): (Vec<usize>, Vec<Picture>) = read.into_iter().unzip();
        let descriptors = describer.describe(&pictures)?;
        for ((at, picture), descriptor) in places.into_iter().zip(&pictures).zip(descriptors) {
            let path = &files[at];
            let itself = path.canonicalize().ok();
            let most = options.top.get() + 1;
            let mut neighbours = match &expanded {
                Some(expanded) => expanded.search(&descriptor, itself.as_deref(), most)?,
                None => index.search(&descriptor, options.metric, most)?,
            };
            neighbours.retain(|neighbour| Some(&neighbour.path) != itself.as_ref());
            neighbours.truncate(options.top.get());
            if target.is_some() && shown < ON_PAGE {
                let found = neighbours
                    .iter()
                    .map(|neighbour| (neighbour, Picture::open(&neighbour.path, &limits).ok()));
                page.add(path, picture, found)?;
            }
            shown += 1;
            conv_cli::print(common.json, &Found { path: path.display().to_string(), neighbours })?;
        }
    }
    match (shown, skipped.as_slice()) {
        (0, [first, ..]) => bail!("no photograph to search for; {first}"),
        (0, []) => bail!("no photograph to search for"),
        _ => crate::tell(&skipped),
    }
    if let Some(target) = target {
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("creating {}", folder.display()))?;
        }
        let title = format!("Nearest by {}", index.made_by().layer);
        std::fs::write(&target, page.html(&title))
            .with_context(|| format!("writing {}", target.display()))?;
        conv_cli::note(format_args!("the photographs with their neighbours: {}", target.display()));
    }
    Ok(())
}

#[derive(Serialize)]
struct Found {
    path: String,
    neighbours: Vec<Neighbour>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        for Neighbour { path, distance, state } in &self.neighbours {
            let state = match state {
                State::Same => "",
                State::Changed => "  (changed since)",
                State::Gone => "  (gone)",
            };
            write!(f, "\n  {distance:.4}  {}{state}", path.display())?;
        }
        Ok(())
    }
}
