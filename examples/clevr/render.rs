//! `render`: pictures of given scenes.

use anyhow::{Result, bail};
use clap::Args;
use conv_clevr::SceneFile;
use conv_clevr::render::{Beside, Filled, Folder, Stage, beside};
use conv_nn::rng::Fingerprint;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

/// Scenes between two notes of how far one is.
const NOTE: usize = 100;

#[derive(Debug, Args)]
pub struct Options {
    /// A file of scenes
    #[arg(long)]
    scenes: PathBuf,
    /// The folder that is filled: scenes.json, images/, masks/. What is there of the same scenes is
    /// kept
    #[arg(long)]
    out: PathBuf,
    /// Columns of a picture; the rows are in proportion [default: as the scene's pixel coordinates
    /// have it]
    #[arg(long)]
    width: Option<usize>,
    /// A folder of other pictures of the same scenes, to compare with: beside.html shows both
    #[arg(long)]
    beside: Option<PathBuf>,
    /// The first so many scenes of the file [default: all]
    #[arg(long)]
    count: Option<usize>,
}

pub fn run(options: &Options, common: &conv_cli::Common) -> Result<()> {
    let SceneFile { info, mut scenes } = SceneFile::read(&options.scenes)?;
    scenes.truncate(options.count.unwrap_or(usize::MAX));
    let mut names = BTreeSet::new();
    if let Some(scene) = scenes.iter().find(|scene| !names.insert(&scene.image_filename)) {
        bail!("{}: two scenes of {}, expected one", options.scenes.display(), scene.image_filename);
    }
    let mut print = Fingerprint::default();
    print.bytes(&serde_json::to_vec(&scenes)?);
    let settings = json!({"scenes": format!("{:016x}", print.value()), "width": options.width});
    let folder = Folder::open(&options.out, &settings)?;
    let name = |at: usize| scenes[at].image_filename.clone();
    let make = |at: usize| Stage::of(&scenes[at], options.width);
    let (begun, told) = told(scenes.len());
    let filled = folder.fill(info, scenes.len(), name, make, told)?;
    let mut made = Made::new(filled, begun);
    if let Some(others) = &options.beside {
        let names = scenes.iter().map(|scene| scene.image_filename.as_str());
        let (found, page) = beside(&options.out.join("images"), others, names)?;
        let path = options.out.join("beside.html");
        conv_hub::files::write_atomic(&path, page.as_bytes())?;
        conv_cli::note(format_args!("both, to open in a browser: {}", path.display()));
        made.beside = Some(found);
    }
    conv_cli::print(common.json, &made)
}

/// When it began, and what tells every [`NOTE`] scenes how far one is.
pub fn told(count: usize) -> (Instant, impl FnMut(Filled)) {
    let told = move |filled: Filled| {
        let done = filled.made + filled.kept;
        if filled.made > 0 && done.is_multiple_of(NOTE) {
            conv_cli::note(format_args!("{done} of {count} scenes"));
        }
    };
    (Instant::now(), told)
}

/// What was rendered.
#[derive(Serialize)]
pub struct Made {
    #[serde(flatten)]
    filled: Filled,
    per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    beside: Option<Beside>,
}

impl Made {
    pub fn new(filled: Filled, begun: Instant) -> Self {
        let per_second = filled.made as f64 / begun.elapsed().as_secs_f64();
        Self { filled, per_second, beside: None }
    }
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { filled: Filled { made, kept }, per_second, beside } = self;
        write!(f, "{made} scenes rendered, {per_second:.2} a second; {kept} were there")?;
        let Some(Beside { pictures, off, ours, theirs }) = beside else { return Ok(()) };
        write!(
            f,
            "\nbeside {pictures} others: mean colour {ours:.1?} and {theirs:.1?}, values off by {off:.2} of 255"
        )
    }
}
