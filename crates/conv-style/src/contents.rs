//! What a StyleBank learns from: photographs, and paintings.

use crate::{Error, Result};
use conv_nn::rng::Fingerprint;
use conv_vision::data::{Skipped, find, load};
use conv_vision::{Filter, Limits, Picture, Region};
use rand::Rng;
use std::path::{Path, PathBuf};

/// A painting and what its style is called.
#[derive(Debug, Clone)]
pub struct Style {
    /// The name, as in [`Config::styles`](crate::Config::styles).
    pub name: String,
    /// The painting.
    pub picture: Picture,
}

impl Style {
    /// Opens a painting, whose style is called by [`Style::name_of`].
    ///
    /// # Errors
    /// A file that is no picture.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        Ok(Self { name: Self::name_of(path), picture: Picture::open(path, limits)? })
    }

    /// What the style of a painting is called: as the file without its extension, with `_` for what
    /// no name may hold.
    pub fn name_of(path: &Path) -> String {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        stem.chars().map(plain).take(64).collect()
    }
}

/// Photographs on disk that can be read.
#[derive(Debug, Clone)]
pub struct Contents {
    pub(crate) train: Vec<PathBuf>,
    pub(crate) dev: Vec<PathBuf>,
    pub(crate) fingerprint: u64,
    /// Files that were left out, and why.
    pub skipped: Vec<Skipped>,
}

/// Of how many photographs one is held out.
const HELD_OUT: usize = 20;

/// How much longer than the crop a photograph's shorter side becomes at most, so that there is
/// something to cut.
const LONGEST: f64 = 1.3;

/// Files that are opened together.
const TOGETHER: usize = 64;

impl Contents {
    /// The photographs in a folder and below it; every twentieth is held out, at least one.
    ///
    /// # Errors
    /// Fewer than two of them.
    pub fn read(folder: &Path, limits: &Limits) -> Result<Self> {
        let files = find(&[folder]);
        let mut readable = Vec::new();
        let mut skipped = Vec::new();
        let mut fingerprint = Fingerprint::default();
        for files in files.chunks(TOGETHER) {
            let (read, failed) = load(files, limits);
            skipped.extend(failed);
            for (at, picture) in read {
                readable.push(files[at].clone());
                fingerprint.number((picture.width() as u64) << 32 | picture.height() as u64);
                picture.pixels().chunks(8).for_each(|bytes| {
                    let number =
                        bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
                    fingerprint.number(number);
                });
            }
        }
        if readable.len() < 2 {
            let first = skipped.first().map_or(String::new(), |file| format!(" ({file})"));
            return Err(Error::Contents {
                place: folder.display().to_string(),
                found: format!("{} photographs{first}", readable.len()),
                expected: "at least 2".into(),
            });
        }
        let mut train = Vec::new();
        let mut dev = Vec::new();
        for (at, path) in readable.into_iter().enumerate() {
            if at % HELD_OUT == 0 { dev.push(path) } else { train.push(path) }
        }
        Ok(Self { train, dev, fingerprint: fingerprint.value(), skipped })
    }
}

/// A square of a photograph: of a drawn size and place, mirrored or not; without a stream the
/// middle.
pub(crate) fn crop(picture: &Picture, side: usize, mut rng: Option<impl Rng>) -> Result<Picture> {
    let shorter = picture.width().min(picture.height());
    let stretch = rng.as_mut().map_or(1.0, |rng| rng.random_range(1.0..LONGEST));
    let target = (side as f64 * stretch).round();
    let scaled = |length: usize| ((length as f64 * target / shorter as f64) as usize).max(side);
    let width = scaled(picture.width());
    let height = scaled(picture.height());
    let mut place = |room: usize| rng.as_mut().map_or(room / 2, |rng| rng.random_range(0..=room));
    let left = place(width - side);
    let top = place(height - side);
    let region = Region { left, top, width: side, height: side };
    let crop = picture.resize_region((width, height), region, Filter::Bilinear)?;
    let is_mirrored = rng.as_mut().is_some_and(|rng| rng.random());
    Ok(if is_mirrored { crop.mirrored() } else { crop })
}
