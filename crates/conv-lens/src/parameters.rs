//! The picture that climbs, as numbers: pixels or waves, of colours that are independent in
//! photographs.

use crate::Result;
use crate::spectrum::{scales, spectrum, waves};
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

/// How the numbers' planes become red, green and blue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colours {
    /// Each plane is a direction of colour that is independent of the others in photographs.
    #[default]
    Decorrelated,
    /// The planes are red, green and blue.
    Plain,
    /// One plane, of grey.
    Grey,
}

impl Colours {
    /// How much of red, green and blue (rows) each plane (columns) has.
    fn matrix(self) -> Vec<[f64; 3]> {
        match self {
            // The root of the covariance of ImageNet's colours, as Olah et al. have it, over its
            // longest column.
            Colours::Decorrelated => {
                let root = [[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]];
                let column = |k: usize| root.iter().map(|row| row[k] * row[k]).sum::<f64>().sqrt();
                let longest = (0..3).map(column).fold(0.0, f64::max);
                root.iter().map(|row: &[f64; 3]| row.map(|part| part / longest)).collect()
            }
            Colours::Plain => vec![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            Colours::Grey => vec![[1.0, 0.0, 0.0]; 3],
        }
    }

    fn planes(self) -> usize {
        if self == Colours::Grey { 1 } else { 3 }
    }

    /// The planes that give a colour: of grey the mean.
    fn planes_of(self, colour: [f64; 3]) -> Vec<f64> {
        if self == Colours::Grey {
            return vec![colour.iter().sum::<f64>() / 3.0];
        }
        let m = self.matrix();
        let minor = |rows: [usize; 2], columns: [usize; 2]| {
            m[rows[0]][columns[0]] * m[rows[1]][columns[1]]
                - m[rows[0]][columns[1]] * m[rows[1]][columns[0]]
        };
        // The other two, in the order that makes all signs of the inverse positive.
        let others = |at: usize| [(at + 1) % 3, (at + 2) % 3];
        let whole: f64 = (0..3).map(|k| m[0][k] * minor([1, 2], others(k))).sum();
        let plane =
            |k: usize| (0..3).map(|row| minor(others(row), others(k)) * colour[row]).sum::<f64>();
        (0..3).map(|k| plane(k) / whole).collect()
    }
}

/// The deviation of the first numbers.
const NOISE: f64 = 0.01;

/// A picture of numbers that an optimiser moves.
///
/// Numbers → waves to pixels, for [`Kind::Spectrum`] → colours → `255 · 1/(1 + e^−x)`: any numbers
/// give pixels from 0 to 255.
#[derive(Clone)]
pub struct Image {
    parameters: Parameters,
    /// `[P, H, W]` of pixels, `[P, H, W/2 + 1, 2]` of a spectrum; P is 1 of grey and 3 of colours.
    numbers: Tensor,
    /// Of a spectrum: what each wave is multiplied by, `[1, H, W/2 + 1, 1]`.
    scales: Option<Tensor>,
    width: usize,
    /// `[3, P, 1, 1]`.
    colours: Tensor,
}

impl Image {
    /// Noise of (height, width), drawn from `seed`.
    ///
    /// # Errors
    /// A side of 0.
    pub fn new(kind: Kind, colours: Colours, sides: (usize, usize), seed: u64) -> Result<Self> {
        Self::with(kind, colours, sides, seed, Init::Normal { mean: 0.0, std: NOISE })
    }

    /// The numbers that give a picture: to the grey level, but for [`Colours::Grey`], which gives
    /// its mean of red, green and blue.
    ///
    /// # Errors
    /// Only what the tensor library refuses.
    pub fn of_picture(kind: Kind, colours: Colours, picture: &Picture) -> Result<Self> {
        let height = picture.height();
        let width = picture.width();
        let planes = colours.planes();
        let mut numbers = vec![0f64; planes * height * width];
        for (at, pixel) in picture.pixels().chunks_exact(3).enumerate() {
            // Nothing finite gives 0 and 255, but these are rounded to them.
            let level = |k: usize| f64::from(pixel[k]).clamp(0.25, 254.75);
            let colour = [0, 1, 2].map(|k| (level(k) / (255.0 - level(k))).ln());
            for (plane, value) in colours.planes_of(colour).into_iter().enumerate() {
                numbers[plane * height * width + at] = value;
            }
        }
        let mut numbers = Tensor::from_vec(numbers, (planes, height, width), &Device::Cpu)?;
        if kind == Kind::Spectrum {
            let scales = Tensor::from_vec(
                scales(height, width),
                (1, height, width / 2 + 1, 1),
                &Device::Cpu,
            )?;
            numbers = waves(&numbers)?.broadcast_div(&scales)?;
        }
        let init = Init::Value(numbers.to_dtype(DType::F32)?);
        Self::with(kind, colours, (height, width), 0, init)
    }

    fn with(
        kind: Kind,
        colours: Colours,
        (height, width): (usize, usize),
        seed: u64,
        init: Init,
    ) -> Result<Self> {
        for side in [height, width] {
            conv_hub::InvalidField::unless(side > 0, "size", &side, "at least 1")?;
        }
        let device = Device::Cpu;
        let planes = colours.planes();
        let parameters = Parameters::new(seed);
        let vb = parameters.builder(DType::F32, &device);
        let (numbers, scale) = match kind {
            Kind::Pixels => (vb.get_with_hints((planes, height, width), "pixels", init)?, None),
            Kind::Spectrum => {
                let shape = (planes, height, width / 2 + 1, 2);
                let scales: Vec<f32> = scales(height, width).iter().map(|&x| x as f32).collect();
                let scales = Tensor::from_vec(scales, (1, height, width / 2 + 1, 1), &device)?;
                (vb.get_with_hints(shape, "spectrum", init)?, Some(scales))
            }
        };
        let matrix = colours.matrix();
        let parts = matrix.iter().flat_map(|row| &row[..planes]).map(|&part| part as f32);
        let colours = Tensor::from_vec(parts.collect::<Vec<_>>(), (3, planes, 1, 1), &device)?;
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
            let picture = |seed| {
                let image = Image::new(kind, Colours::Decorrelated, (20, 31), seed).unwrap();
                image.picture().unwrap()
            };
            let first = picture(1);
            assert_eq!((first.width(), first.height()), (31, 20));
            assert!(first.pixels().iter().all(|x| (90..170).contains(x)), "{kind:?}");
            assert_eq!(first, picture(1));
            assert_ne!(first, picture(2));
        }
        assert!(Image::new(Kind::Pixels, Colours::Plain, (0, 3), 1).is_err());
    }

    /// tensorflow/lucid #159: the numbers of a photograph give it again, black and white included.
    #[test]
    fn a_picture_is_what_its_numbers_give() {
        let level = |at: usize| if at < 30 { (at % 2 * 255) as u8 } else { (at * 61 % 256) as u8 };
        let picture = Picture::new(31, 20, (0..3 * 31 * 20).map(level).collect()).unwrap();
        for kind in [Kind::Spectrum, Kind::Pixels] {
            for colours in [Colours::Decorrelated, Colours::Plain] {
                let image = Image::of_picture(kind, colours, &picture).unwrap();
                assert_eq!(image.picture().unwrap(), picture, "{kind:?} {colours:?}");
            }
            let grey = Image::of_picture(kind, Colours::Grey, &picture).unwrap().picture().unwrap();
            assert!(grey.pixels().chunks(3).all(|p| p[0] == p[1] && p[1] == p[2]));
            let again = Image::of_picture(kind, Colours::Grey, &grey).unwrap().picture().unwrap();
            assert_eq!(again, grey);
        }
    }
}
