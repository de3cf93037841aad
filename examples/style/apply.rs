//! `apply`: a photograph, or a folder of frames, through a StyleBank.

use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use conv_hub::files::write_atomic;
use conv_style::{Mixture, Painter, Regions};
use conv_vision::data::find;
use conv_vision::{Limits, Picture};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The bank that ships.
pub const SHIPPED: &str = "data/models/stylebank";

#[derive(Debug, Args)]
pub struct Options {
    /// The photograph, or a folder of frames
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
    /// Another style where a mask is white, as wave=mask.png. Again for each region
    #[arg(long, value_name = "STYLE=MASK")]
    region: Vec<String>,
    /// Regions by k-means on what the encoder sees, a style each, with commas: the first for the
    /// largest
    #[arg(long, value_name = "STYLES", value_delimiter = ',', conflicts_with_all = ["region", "mix", "style"])]
    clusters: Vec<String>,
    /// The longer side of the picture in pixels [default: the photograph's]
    #[arg(long)]
    size: Option<usize>,
    /// Paint in tiles of so many pixels a side [default: 512 for more than 1.5 million pixels, else
    /// in one piece]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(16..=4096))]
    tile: Option<usize>,
    /// The picture that is made, as PNG; of a folder of frames the folder of pictures, with the
    /// frames' names
    #[arg(long)]
    out: PathBuf,
}

/// What is painted where.
struct Manner {
    rest: Mixture,
    /// Of the photograph's own masks.
    regions: Vec<(Picture, Mixture)>,
    clusters: Vec<Mixture>,
    /// In words.
    told: String,
}

impl Manner {
    fn new(options: &Options, styles: &[String]) -> Result<Self> {
        let rest = match (&options.mix, &options.style) {
            (Some(mix), _) => Mixture::parse(mix, styles)?,
            (None, Some(style)) => Mixture::of(style, styles)?,
            (None, None) => Mixture::of(&styles[0], styles)?,
        };
        let region = |text: &String| -> Result<(Picture, Mixture)> {
            let Some((style, mask)) = text.split_once('=') else {
                bail!("--region {text}: expected STYLE=MASK");
            };
            Ok((Picture::open(mask.as_ref(), &Limits::default())?, Mixture::of(style, styles)?))
        };
        let regions = options.region.iter().map(region).collect::<Result<_>>()?;
        let clusters = options.clusters.iter().map(|style| Mixture::of(style, styles));
        let clusters: Vec<Mixture> = clusters.collect::<conv_style::Result<_>>()?;
        let part = |&(style, weight): &(usize, f64)| format!("{weight} {}", styles[style]);
        let mut told = rest.parts().iter().map(part).collect::<Vec<_>>().join(" + ");
        for region in &options.region {
            told += &format!(", {region}");
        }
        if !clusters.is_empty() {
            told = format!("{} by regions", options.clusters.join(", "));
        }
        Ok(Self { rest, regions, clusters, told })
    }

    fn paint(&self, painter: &Painter, photo: &Picture, seed: u64) -> Result<Picture> {
        let sides = (photo.width(), photo.height());
        if !self.clusters.is_empty() {
            let masks = painter.clusters(photo, self.clusters.len(), seed)?;
            let regions: Vec<_> = masks.into_iter().zip(self.clusters.iter().cloned()).collect();
            let regions = Regions::new(sides, &self.rest, &regions)?;
            return Ok(painter.paint_regions(photo, &regions)?);
        }
        if !self.regions.is_empty() {
            let regions = Regions::new(sides, &self.rest, &self.regions)?;
            return Ok(painter.paint_regions(photo, &regions)?);
        }
        Ok(painter.paint(photo, &self.rest)?)
    }
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let is_sequence = options.photo.is_dir();
    if !is_sequence {
        conv_cli::check_png(&options.out)?;
    }
    conv_cli::check_shipped(&options.model, SHIPPED, "style train")?;
    let mut painter = Painter::open(options.model.as_ref(), device)?;
    if let Some(side) = options.tile {
        painter = painter.with_tiles(side);
    }
    let manner = Manner::new(options, painter.styles())?;
    let paint = |path: &Path| -> Result<(Picture, f64)> {
        let mut photo = Picture::open(path, &Limits::default())?;
        if let Some(size) = options.size {
            photo = photo.with_longer_side(size)?;
        }
        let begun = Instant::now();
        let picture = manner.paint(&painter, &photo, common.seed())?;
        Ok((picture, begun.elapsed().as_secs_f64()))
    };
    if is_sequence {
        return frames(options, common, &manner.told, paint);
    }
    let (picture, seconds) = paint(&options.photo)?;
    write_atomic(&options.out, &picture.to_png()?)?;
    let width = picture.width();
    let height = picture.height();
    let answer = Answer { picture: &options.out, width, height, mixture: manner.told, seconds };
    conv_cli::print(common.json, &answer)
}

/// Each frame by itself, in the order of the names.
fn frames(
    options: &Options,
    common: &conv_cli::Common,
    mixture: &str,
    paint: impl Fn(&Path) -> Result<(Picture, f64)>,
) -> Result<()> {
    let out = &options.out;
    std::fs::create_dir_all(out).with_context(|| format!("creating {}", out.display()))?;
    let stop = conv_cli::stop_on_signal()?;
    let (mut painted, mut left_out, mut seconds) = (0, 0, 0.0);
    for frame in find(&[&options.photo]) {
        if stop.load(Ordering::SeqCst) {
            bail!("stopped after {painted} frames");
        }
        // One that cannot be read stops nothing.
        let (picture, took) = match paint(&frame) {
            Ok(found) => found,
            Err(error) => {
                conv_cli::note(format_args!("left out: {}", conv_cli::one_line(&error)));
                left_out += 1;
                continue;
            }
        };
        let below = frame.strip_prefix(&options.photo).unwrap_or(&frame).with_extension("png");
        let path = out.join(below);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("creating {}", folder.display()))?;
        }
        write_atomic(&path, &picture.to_png()?)?;
        painted += 1;
        seconds += took;
    }
    if painted == 0 {
        bail!("{}: no frame that can be read", options.photo.display());
    }
    let answer =
        Frames { folder: out, frames: painted, left_out, mixture: mixture.into(), seconds };
    conv_cli::print(common.json, &answer)
}

#[derive(Serialize)]
struct Frames<'a> {
    folder: &'a Path,
    frames: usize,
    left_out: usize,
    mixture: String,
    seconds: f64,
}

impl fmt::Display for Frames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, frames, left_out, mixture, seconds } = self;
        write!(f, "{}: {frames} frames in {mixture}, {seconds:.2} s", folder.display())?;
        match left_out {
            0 => Ok(()),
            left_out => write!(f, ", {left_out} left out"),
        }
    }
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
