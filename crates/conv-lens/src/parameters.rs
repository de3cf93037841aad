//! The picture that climbs, as numbers: pixels or waves, of colours that are independent in photographs.

use crate::Result;
use crate::spectrum::{scales, spectrum};
use candle_core::{DType, Device, Tensor};
use conv_core::Conv2dConfig;
use conv_nn::{Init, Parameters};
use conv_vision::Picture;
use serde::{Deserialize, Serialize};

/// What the numbers are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Waves, scaled by frequency ([`scales`]).
    #[default]
    Spectrum,
    /// Pixels.
    Pixels,
}

/// How much of red, green and blue (rows) each of three independent directions (columns) has: the root of the covariance of
/// ImageNet's colours, as Olah et al. have it, over its longest column.
const COLOURS: [[f64; 3]; 3] = [[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]];

/// The deviation of the first numbers.
const NOISE: f64 = 0.01;

/// A picture of numbers that an optimiser moves.
///
/// Numbers → waves to pixels, for [`Kind::Spectrum`] → colours → `255 · 1/(1 + e^−x)`: any numbers give pixels from 0 to 255.
#[derive(Clone)]
pub struct Image {
    parameters: Parameters,
    numbers: Tensor,
    /// Of a spectrum: what each wave is multiplied by, `[1, H, W/2 + 1, 1]`.
    scales: Option<Tensor>,
    width: usize,
    /// `[3, 3, 1, 1]`.
    colours: Tensor,
}

impl Image {
    /// Noise of (height, width), drawn from `seed`.
    ///
    /// # Errors
    /// A side of 0.
    pub fn new(kind: Kind, (height, width): (usize, usize), seed: u64) -> Result<Self> {
        for side in [height, width] {
            conv_hub::InvalidField::unless(side > 0, "size", &side, "at least 1")?;
        }
        let device = Device::Cpu;
        let parameters = Parameters::new(seed);
        let vb = parameters.builder(DType::F32, &device);
        let init = Init::Normal { mean: 0.0, std: NOISE };
        let (numbers, scale) = match kind {
            Kind::Pixels => (vb.get_with_hints((3, height, width), "pixels", init)?, None),
            Kind::Spectrum => {
                let shape = (3, height, width / 2 + 1, 2);
                let scales: Vec<f32> = scales(height, width).iter().map(|&x| x as f32).collect();
                let scales = Tensor::from_vec(scales, (1, height, width / 2 + 1, 1), &device)?;
                (vb.get_with_hints(shape, "spectrum", init)?, Some(scales))
            }
        };
        let column = |k: usize| COLOURS.iter().map(|row| row[k] * row[k]).sum::<f64>().sqrt();
        let longest = (0..3).map(column).fold(0.0, f64::max);
        let colours: Vec<f32> =
            COLOURS.iter().flatten().map(|&part| (part / longest) as f32).collect();
        let colours = Tensor::from_vec(colours, (3, 3, 1, 1), &device)?;
        Ok(Self { parameters, numbers, scales: scale, width, colours })
    }

    /// What an optimiser moves.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The pixels, `[1, 3, H, W]` from 0 to 255; a gradient reaches the numbers.
    ///
    /// # Errors
    /// Only what the tensor library refuses.
    pub fn pixels(&self) -> Result<Tensor> {
        let x = match &self.scales {
            Some(scales) => spectrum(&self.numbers.broadcast_mul(scales)?, self.width)?,
            None => self.numbers.clone(),
        };
        let x = conv_core::conv2d(&x.unsqueeze(0)?, &self.colours, None, &Conv2dConfig::default())?;
        // 1/(1 + e^−x) = (1 + tanh(x/2))/2, which does not overflow.
        Ok((x * 0.5)?.tanh()?.affine(127.5, 127.5)?)
    }

    /// The picture as it is now.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub fn picture(&self) -> Result<Picture> {
        Ok(Picture::from_tensor(&self.pixels()?.detach())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_grey_and_another_seed_is_another() {
        for kind in [Kind::Spectrum, Kind::Pixels] {
            let picture = |seed| Image::new(kind, (20, 31), seed).unwrap().picture().unwrap();
            let first = picture(1);
            assert_eq!((first.width(), first.height()), (31, 20));
            assert!(first.pixels().iter().all(|x| (90..170).contains(x)), "{kind:?}");
            assert_eq!(first, picture(1));
            assert_ne!(first, picture(2));
        }
        assert!(Image::new(Kind::Pixels, (0, 3), 1).is_err());
    }
}
