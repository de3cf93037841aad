//! From pictures to what the network reads: resized, normalised, and side by side in a batch.

use crate::Result;
use crate::config::Input;
use candle_core::{Device, Tensor};
use conv_vision::{Filter, Picture};

/// Red, green and blue of ImageNet's photographs, whose mean is taken away and by whose deviation
/// is divided: torchvision's.
pub(crate) const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
pub(crate) const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// The largest stride of a level: a batch's sides are multiples of it.
const STRIDE: usize = 32;

impl Input {
    /// The sides (width, height) of what the network sees of a picture: whole pixels, rounded down
    /// as torchvision does.
    pub fn sides(&self, width: usize, height: usize) -> (usize, usize) {
        let short = width.min(height).max(1) as f64;
        let long = width.max(height).max(1) as f64;
        let factor = (self.short_side as f64 / short).min(self.long_side as f64 / long);
        let side = |side: usize| ((side as f64 * factor) as usize).max(1);
        (side(width), side(height))
    }

    /// A multiple of these sides.
    pub(crate) fn scaled(self, factor: f64) -> Self {
        let side = |side: usize| ((side as f64 * factor).round() as usize).max(1);
        Self { short_side: side(self.short_side), long_side: side(self.long_side) }
    }

    /// The picture as large as the network sees it.
    pub(crate) fn resize(&self, picture: Picture) -> Result<Picture> {
        let (width, height) = self.sides(picture.width(), picture.height());
        if (width, height) == (picture.width(), picture.height()) {
            return Ok(picture);
        }
        Ok(picture.resize(width, height, Filter::Bilinear)?)
    }
}

/// Pictures of any sizes, each in the upper left corner of zeros: `[B, 3, H, W]`, H and W multiples
/// of 32.
pub(crate) fn batch(pictures: &[Picture], device: &Device) -> Result<Tensor> {
    let side = |of: fn(&Picture) -> usize| {
        pictures.iter().map(of).max().unwrap_or(1).div_ceil(STRIDE) * STRIDE
    };
    let width = side(Picture::width);
    let height = side(Picture::height);
    let plane = width * height;
    let mut values = vec![0f32; pictures.len() * 3 * plane];
    for (picture, values) in pictures.iter().zip(values.chunks_exact_mut(3 * plane)) {
        let rows = picture.pixels().chunks_exact(3 * picture.width());
        for (channel, values) in values.chunks_exact_mut(plane).enumerate() {
            for (row, values) in rows.clone().zip(values.chunks_exact_mut(width)) {
                for (pixel, value) in row.chunks_exact(3).zip(values) {
                    let share = f32::from(pixel[channel]) / 255.0;
                    *value = (share - MEAN[channel]) / DEVIATION[channel];
                }
            }
        }
    }
    Ok(Tensor::from_vec(values, (pictures.len(), 3, height, width), device)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_keep_their_aspect_and_lie_side_by_side() -> Result<()> {
        let input = Input { short_side: 240, long_side: 320 };
        assert_eq!(input.sides(320, 240), (320, 240));
        assert_eq!(input.sides(480, 320), (320, 213));
        assert_eq!(input.sides(100, 100), (240, 240));
        assert_eq!(input.sides(640, 427), (320, 213));
        assert_eq!(input.sides(1, 10_000), (1, 320));
        let black = Picture::new(33, 1, vec![0; 99])?;
        let white = Picture::new(2, 40, vec![255; 240])?;
        let batch = batch(&[black, white], &Device::Cpu)?;
        assert_eq!(batch.dims(), [2, 3, 64, 64]);
        let blue = batch.get(1)?.get(2)?.to_vec2::<f32>()?;
        assert!((blue[39][1] - (1.0 - 0.406) / 0.225).abs() < 1e-6);
        assert_eq!((blue[39][2], blue[40][1]), (0.0, 0.0));
        Ok(())
    }
}
