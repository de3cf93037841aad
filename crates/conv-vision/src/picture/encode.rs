//! Pictures for pages and for people.

use super::Picture;
use crate::{Error, Result};
use image::ImageEncoder;
use image::codecs::{jpeg::JpegEncoder, png::PngEncoder};

impl Picture {
    /// As the content of a PNG file.
    ///
    /// # Errors
    /// A side of more than 2³¹ pixels.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.encode(PngEncoder::new(&mut bytes))?;
        Ok(bytes)
    }

    /// As the content of a JPEG file; `quality` is from 1 to 100.
    ///
    /// # Errors
    /// A side of more than 65,535 pixels.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.encode(JpegEncoder::new_with_quality(&mut bytes, quality.clamp(1, 100)))?;
        Ok(bytes)
    }

    fn encode(&self, encoder: impl ImageEncoder) -> Result<()> {
        let wrong =
            |reason: String| Error::Encode { width: self.width(), height: self.height(), reason };
        let side = |side: usize| u32::try_from(side).map_err(|error| wrong(error.to_string()));
        let width = side(self.width())?;
        let height = side(self.height())?;
        let kind = image::ExtendedColorType::Rgb8;
        encoder
            .write_image(self.pixels(), width, height, kind)
            .map_err(|error| wrong(error.to_string()))
    }
}
