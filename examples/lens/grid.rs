//! `grid`: a photograph as a layer sees it.

use crate::flags::{AscentFlags, ModelFlags};
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_hub::files::write_atomic;
use conv_lens::row;
use conv_vision::{Filter, Limits, Picture};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

#[derive(Debug, Args)]
pub struct Options {
    /// A photograph
    photo: PathBuf,
    /// A layer
    layer: String,
    /// The photograph, and beside it a picture a cell, as PNG
    #[arg(long)]
    out: PathBuf,
    /// Cells in a row and in a column
    #[arg(long, default_value = "4")]
    cells: usize,
    #[arg(long, default_value = "64")]
    steps: usize,
    #[command(flatten)]
    model: ModelFlags,
    #[command(flatten)]
    ascent: AscentFlags,
}

/// Sides of a cell's picture unless --size says another.
const SIDE: usize = 64;

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    conv_cli::check_png(&options.out)?;
    let begun = Instant::now();
    let model = options.model.open(device)?;
    let photo = Picture::open(&options.photo, &Limits::default())?;
    let photo = model.preprocessing.crop(&photo)?;
    let rendering =
        options.ascent.rendering_of(SIDE, &model, options.steps, Vec::new(), common.seed());
    let stop = conv_cli::stop_on_signal()?;
    let all = options.cells * options.cells;
    let grid =
        conv_lens::grid(&model, &options.layer, &photo, options.cells, &rendering, |done| {
            conv_cli::note(format_args!("{done} of {all} cells"));
            !stop.load(Ordering::SeqCst)
        })?;
    let side = grid.height();
    let picture = row(&[photo.resize(side, side, Filter::Bilinear)?, grid])?;
    write_atomic(&options.out, &picture.to_png()?)?;
    let answer = Answer {
        picture: &options.out,
        layer: &options.layer,
        cells: all,
        steps: options.steps,
        seconds: begun.elapsed().as_secs_f64(),
    };
    conv_cli::print(common.json, &answer)
}

#[derive(Serialize)]
struct Answer<'a> {
    picture: &'a Path,
    layer: &'a str,
    cells: usize,
    steps: usize,
    seconds: f64,
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { picture, layer, cells, steps, seconds } = self;
        let picture = picture.display();
        write!(f, "{picture}: {cells} cells of {layer}, {steps} steps each, {seconds:.1} s")
    }
}
