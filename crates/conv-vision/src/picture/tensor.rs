//! Pixels as numbers that can be changed a little, and back.

use super::Picture;
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};

impl Picture {
    /// Its pixels as `[1, 3, H, W]` of f32: red, green and blue from 0 to 255.
    ///
    /// # Errors
    /// Only what the tensor library refuses.
    pub fn tensor(&self, device: &Device) -> Result<Tensor> {
        let plane = self.width * self.height;
        let mut values = vec![0f32; 3 * plane];
        for (at, pixel) in self.pixels.chunks_exact(3).enumerate() {
            for (channel, &value) in pixel.iter().enumerate() {
                values[channel * plane + at] = f32::from(value);
            }
        }
        Ok(Tensor::from_vec(values, (1, 3, self.height, self.width), device)?)
    }

    /// The picture of `[1, 3, H, W]` or `[3, H, W]` as [`Picture::tensor`] gives it: each number
    /// becomes the nearest whole one from 0 to 255.
    ///
    /// # Errors
    /// Another shape; a number that is not finite.
    pub fn from_tensor(pixels: &Tensor) -> Result<Self> {
        let (height, width) = match *pixels.dims() {
            [1, 3, height, width] | [3, height, width] => (height, width),
            _ => {
                let found = format!("{:?}", pixels.dims());
                return Err(conv_hub::InvalidField::new("picture", found, "[1, 3, H, W]").into());
            }
        };
        let values = pixels.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            let expected = "finite numbers";
            return Err(conv_hub::InvalidField::new("picture", value, expected).into());
        }
        let plane = width * height;
        let byte = |at: usize| values[at % 3 * plane + at / 3].round().clamp(0.0, 255.0) as u8;
        let bytes = (0..3 * plane).map(byte).collect();
        Picture::new(width, height, bytes).map_err(|_| Error::Pixels { width, height, found: 0 })
    }

    /// Resized, if need be, so that the longer side has `side` pixels.
    ///
    /// # Errors
    /// A side of 0, or one that exceeds memory.
    pub fn with_longer_side(&self, side: usize) -> Result<Self> {
        conv_hub::InvalidField::unless(side > 0, "side", &side, "at least 1 pixel")?;
        let longer = self.width.max(self.height);
        let scaled = |length: usize| (length * side).div_ceil(longer).max(1);
        self.resize(scaled(self.width), scaled(self.height), super::Filter::Bilinear)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_come_back_and_others_are_rounded() {
        let picture = Picture::new(2, 3, (0..18).map(|at| at * 13).collect()).unwrap();
        let tensor = picture.tensor(&Device::Cpu).unwrap();
        assert_eq!(
            tensor.get(0).unwrap().get(1).unwrap().to_vec2::<f32>().unwrap()[0],
            [13.0, 52.0]
        );
        assert_eq!(Picture::from_tensor(&tensor).unwrap(), picture);
        let moved = (tensor * 1.5).unwrap();
        let found = Picture::from_tensor(&moved.get(0).unwrap()).unwrap();
        assert_eq!((found.pixels()[1], found.pixels()[17]), (20, 255));
        let bad = Tensor::new(&[[[f32::NAN]], [[0.0]], [[0.0]]], &Device::Cpu).unwrap();
        assert!(
            Picture::from_tensor(&bad).is_err()
                && Picture::from_tensor(&moved.get(0).unwrap().get(0).unwrap()).is_err()
        );
    }

    #[test]
    fn the_longer_side_is_the_one_asked_for() {
        let picture = Picture::new(100, 51, vec![7; 15300]).unwrap();
        let small = picture.with_longer_side(50).unwrap();
        assert_eq!((small.width(), small.height()), (50, 26));
        assert!(picture.with_longer_side(0).is_err());
    }
}
