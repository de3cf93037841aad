//! A trained StyleBank: photographs in, paintings out.

use crate::{Config, Error, Mixture, Result, StyleBank, style_bank};
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
}

impl Painter {
    /// Opens a model folder, as `style train` leaves it.
    ///
    /// # Errors
    /// A missing or damaged file, a folder of another task, a size out of its range, a parameter that is missing or misshapen.
    pub fn open(path: &Path, device: &Device) -> Result<Self> {
        let Stored { config, tensors, .. } = Stored::<Config>::open(path)?;
        let vb = Parameters::frozen_once(tensors).builder(DType::F32, device);
        let bank = style_bank(&config, &vb)?;
        Ok(Self { bank, config, path: path.into(), device: device.clone() })
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
        let pixels = photograph.tensor(&self.device)?;
        let painted = self.bank.paint(&pixels, mixture)?;
        Picture::from_tensor(&painted).map_err(|_| Error::NotFinite { path: self.path.clone() })
    }
}
