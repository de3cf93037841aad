//! `predict`: what photographs show.

use crate::model::Named;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_vision::data::{Skipped, find};
use conv_vision::page::Classified;
use conv_vision::{Guess, Limits, TOGETHER};
use serde::Serialize;
use std::fmt;
use std::io::BufRead;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    /// Photographs, and folders of them; `-` reads their paths, one a line, from standard input
    #[arg(required = true)]
    photos: Vec<PathBuf>,
    #[command(flatten)]
    model: Named,
    /// Name the K most probable classes
    #[arg(long, value_name = "K", default_value = "5")]
    top: NonZeroUsize,
    /// Where the photographs with their bars go [default: runs/classify.html, with --json none]
    #[arg(long)]
    page: Option<PathBuf>,
}

/// Photographs on a page at most: a browser has to hold it.
const ON_PAGE: usize = 500;

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let classifier = options.model.open(device)?;
    let mut page = Classified::default();
    let mut shown = 0;
    let default = (!common.json).then(|| PathBuf::from("runs/classify.html"));
    let target = options.page.clone().or(default);
    let mut skipped: Vec<Skipped> = Vec::new();
    let mut answer = |files: &[PathBuf]| -> Result<()> {
        skipped.extend(classifier.predict_files(
            files,
            &Limits::default(),
            |path, picture, prediction| {
                let top = classifier.guesses(&prediction, options.top.get());
                if target.is_some() && shown < ON_PAGE {
                    page.add(path, picture, &top)?;
                }
                shown += 1;
                conv_cli::print(common.json, &Answer { path: path.display().to_string(), top })
            },
        )?);
        Ok(())
    };
    match options.photos.as_slice() {
        [only] if only.as_os_str() == "-" => {
            let paths = || Ok(std::io::stdin().lock().lines().map(|line| Ok(PathBuf::from(line?))));
            conv_cli::each(paths, TOGETHER, |paths| answer(&paths))?;
        }
        photos => answer(&find(photos))?,
    }
    finish(&skipped, shown)?;
    if let Some(target) = target {
        let title = format!("What {} sees", classifier.model().network.name());
        write(&target, &page.html(&title))?;
        conv_cli::note(format_args!("the photographs with their bars: {}", target.display()));
    }
    Ok(())
}

/// Names what was left out.
fn finish(skipped: &[Skipped], shown: usize) -> Result<()> {
    match (shown, skipped) {
        (0, []) => bail!("no photograph to classify"),
        (0, [only]) => bail!("{only}"),
        (0, [first, ..]) => bail!("none of {} files is a photograph; {first}", skipped.len()),
        (_, []) => {}
        _ => {
            conv_cli::note(format_args!("not classified: {}", skipped.len()));
            skipped.iter().for_each(|file| conv_cli::note(format_args!("  {file}")));
        }
    }
    Ok(())
}

fn write(target: &Path, page: &str) -> Result<()> {
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating {}", folder.display()))?;
    }
    std::fs::write(target, page).with_context(|| format!("writing {}", target.display()))
}

#[derive(Serialize)]
struct Answer {
    path: String,
    top: Vec<Guess>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        for Guess { class, probability } in &self.top {
            write!(
                f,
                "\n  {:5.1} %  {}  {}",
                100.0 * probability,
                conv_cli::bar(*probability),
                class.name
            )?;
        }
        Ok(())
    }
}
