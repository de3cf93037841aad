//! A trained StyleBank: photographs in, paintings out.

use crate::clusters::clusters;
use crate::mixture::Share;
use crate::{Config, Error, Mixture, Regions, Result, StyleBank, style_bank};
use candle_core::{DType, Device};
use conv_hub::Stored;
use conv_nn::Parameters;
use conv_vision::Picture;
use std::path::{Path, PathBuf};

/// Paints in the styles of a bank and in mixtures of them. `Send + Sync`: one serves many threads.
#[derive(Debug, Clone)]
pub struct Painter {
    bank: StyleBank,
    config: Config,
    path: PathBuf,
    device: Device,
    tile: Option<usize>,
}

/// Pixels that are painted in one piece; that takes about 1 KiB a pixel.
const ONE_PIECE: usize = 1_500_000;

/// The side of the tiles of larger pictures, in pixels.
const TILE: usize = 512;

/// The longer side of a picture whose regions are looked for.
const CLUSTERED: usize = 512;

impl Painter {
    /// Opens a model folder, as `style train` leaves it.
    ///
    /// # Errors
    /// A missing or damaged file, a folder of another task, a size out of its range, a parameter
    /// that is missing or misshapen.
    pub fn open(path: &Path, device: &Device) -> Result<Self> {
        let Stored { config, tensors, .. } = Stored::<Config>::open(path)?;
        let vb = Parameters::frozen_once(tensors).builder(DType::F32, device);
        let bank = style_bank(&config, &vb)?;
        Ok(Self { bank, config, path: path.into(), device: device.clone(), tile: None })
    }

    /// The same, which paints all pictures in tiles of `side` pixels a side, at least 16, and not
    /// only those of more than 1.5 million pixels, in tiles of 512. Tiles use the statistics of the
    /// whole picture: the pixels are those of one piece to a grey level, in about five times the
    /// time and about (side + 48)² KiB of memory beside the picture.
    #[must_use]
    pub fn with_tiles(mut self, side: usize) -> Self {
        self.tile = Some(side.max(16));
        self
    }

    /// The styles' names.
    pub fn styles(&self) -> &[String] {
        &self.config.styles
    }

    /// The photograph in a mixture of styles, in its own size.
    ///
    /// # Errors
    /// Only what the tensor library refuses, or weights that give numbers that are not finite.
    pub fn paint(&self, photograph: &Picture, mixture: &Mixture) -> Result<Picture> {
        self.paint_parts(photograph, &mixture.shares())
    }

    /// The photograph in mixtures that differ from region to region, in its own size.
    ///
    /// # Errors
    /// Regions of a picture of another size; else as [`Painter::paint`].
    pub fn paint_regions(&self, photograph: &Picture, regions: &Regions) -> Result<Picture> {
        self.paint_parts(photograph, regions.shares())
    }

    fn paint_parts(&self, photograph: &Picture, parts: &[(usize, Share)]) -> Result<Picture> {
        let is_large = photograph.width() * photograph.height() > ONE_PIECE;
        if let Some(side) = self.tile.or(is_large.then_some(TILE)) {
            return self.bank.paint_tiles(photograph, parts, side);
        }
        let pixels = photograph.tensor(&self.device)?;
        let painted = self.bank.paint_parts(&pixels, parts)?;
        Picture::from_tensor(&painted).map_err(|_| Error::NotFinite { path: self.path.clone() })
    }

    /// `count` regions of the photograph that look different to the encoder, 2 to 64, by k-means:
    /// the mask of each, white in it, the largest region first. The masks are smaller than the
    /// photograph, and fit it as [`Regions::new`] takes them.
    ///
    /// # Errors
    /// Another count, or a photograph of fewer places than that.
    pub fn clusters(&self, photograph: &Picture, count: usize, seed: u64) -> Result<Vec<Picture>> {
        let longer = photograph.width().max(photograph.height());
        let photograph = photograph.with_longer_side(longer.min(CLUSTERED))?;
        clusters(&self.bank.encode(&photograph.tensor(&self.device)?)?, count, seed)
    }
}
