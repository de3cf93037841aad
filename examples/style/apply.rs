//! `apply`: a photograph through a StyleBank.

use anyhow::{Result, bail};
use candle_core::Device;
use clap::Args;
use conv_hub::files::write_atomic;
use conv_style::{Mixture, Painter};
use conv_vision::{Limits, Picture};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The bank that ships.
const SHIPPED: &str = "data/models/stylebank";

#[derive(Debug, Args)]
pub struct Options {
    /// The photograph
    photo: PathBuf,
    /// A model folder as train leaves it
    #[arg(long, default_value = SHIPPED)]
    model: String,
    /// One style alone [default: the first]
    #[arg(long, conflicts_with = "mix")]
    style: Option<String>,
    /// Several, as wave=0.25,night=0.75
    #[arg(long, value_name = "STYLE=WEIGHT,…")]
    mix: Option<String>,
    /// The longer side of the picture in pixels [default: the photograph's]
    #[arg(long)]
    size: Option<usize>,
    /// The picture that is made, as PNG
    #[arg(long)]
    out: PathBuf,
}

/// Pixels that are painted in one piece: beyond, memory is the limit (about 1 KiB a pixel).
const MOST: usize = 4_000_000;

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    conv_cli::check_png(&options.out)?;
    conv_cli::check_shipped(&options.model, SHIPPED, "style train")?;
    let painter = Painter::open(options.model.as_ref(), device)?;
    let styles = painter.styles();
    let mixture = match (&options.mix, &options.style) {
        (Some(mix), _) => Mixture::parse(mix, styles)?,
        (None, Some(style)) => Mixture::of(style, styles)?,
        (None, None) => Mixture::of(&styles[0], styles)?,
    };
    let mut photo = Picture::open(&options.photo, &Limits::default())?;
    if let Some(size) = options.size {
        photo = photo.with_longer_side(size)?;
    }
    let (width, height) = (photo.width(), photo.height());
    if width * height > MOST {
        bail!(
            "{} has {width} × {height} pixels, more than the {MOST} that are painted in one piece: give a --size",
            options.photo.display()
        );
    }
    let begun = Instant::now();
    let picture = painter.paint(&photo, &mixture)?;
    let seconds = begun.elapsed().as_secs_f64();
    write_atomic(&options.out, &picture.to_png()?)?;
    let part = |&(style, weight): &(usize, f64)| format!("{weight} {}", styles[style]);
    let mixture = mixture.parts().iter().map(part).collect::<Vec<_>>().join(" + ");
    let answer = Answer { picture: &options.out, width, height, mixture, seconds };
    conv_cli::print(common.json, &answer)
}

#[derive(Serialize)]
struct Answer<'a> {
    picture: &'a Path,
    width: usize,
    height: usize,
    mixture: String,
    seconds: f64,
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { picture, width, height, mixture, seconds } = self;
        write!(f, "{}: {width} × {height} pixels in {mixture}, {seconds:.2} s", picture.display())
    }
}
