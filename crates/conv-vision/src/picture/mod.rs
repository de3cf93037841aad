//! A decoded picture, and where it comes from.

mod augment;
mod decode;
mod encode;
mod jpeg;
mod resize;
mod tensor;

use crate::{Error, Result};
use std::path::Path;

pub use augment::Augmentation;
pub use decode::{Limits, PictureDefect};
pub use resize::{Filter, Region};

/// Pixels of red, green and blue, 0 to 255, row by row from the top left corner, as they are to be
/// looked at.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Picture {
    /// From `3 · width · height` bytes.
    ///
    /// # Errors
    /// A side of 0, or another number of bytes.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self> {
        let expected = width.checked_mul(height).and_then(|n| n.checked_mul(3));
        match expected {
            Some(expected) if expected == pixels.len() && expected > 0 => {
                Ok(Self { width, height, pixels })
            }
            _ => Err(Error::Pixels { width, height, found: pixels.len() }),
        }
    }

    /// Reads a file.
    ///
    /// JPEG and PNG are told by their content. Pixels of a JPEG are those of libjpeg-turbo, to the
    /// bit, but for the kinds that photographs seldom are (CMYK, arithmetic codes, colours at other
    /// than full or half size), which may be some grey levels away. Grey becomes three equal
    /// channels, a palette its colours, 16 bits the nearest of 8, CMYK red, green and blue; an
    /// alpha channel is left out, as Pillow's `convert("RGB")` does. What EXIF says of the camera's
    /// position is applied.
    ///
    /// # Errors
    /// [`Error::Picture`] names the file and the [`PictureDefect`].
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        decode::open(path, limits)
            .map_err(|defect| Error::Picture { path: path.to_path_buf(), defect })
    }

    /// As [`Picture::open`], from a file's content.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, PictureDefect> {
        decode::decode(bytes, limits)
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// `3 · width · height` bytes: red, green, blue, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} × {})", self.width, self.height)
    }
}
