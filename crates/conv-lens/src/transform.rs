//! Moving a picture about before each look, so that only what survives that is drawn (Olah et al.
//! 2017, "Transformation Robustness").

use crate::Result;
use candle_core::Tensor;
use conv_hub::InvalidField;
use conv_nn::rng::seeded;
use rand::Rng;

/// How a picture is moved about before each look, in this order: padded, jittered, scaled and
/// rotated, cropped. Lengths are shares of the picture's shorter side, so that a small picture is
/// not moved by more than it shows.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transformation {
    /// Grey on each side: 12 of 128 pixels in the paper's code.
    pub pad: f64,
    /// How far the picture is moved at most, in both directions together: 8 of 128 pixels there. So
    /// much of the padded picture is not seen.
    pub jitter: f64,
    /// How much larger or smaller it is seen at most: 0.1 for 0.9 to 1.1 times.
    pub scale: f64,
    /// How far it is turned at most, either way, in degrees.
    pub rotate: f64,
    /// Whether the network sees the middle alone, in the picture's own size, as a network with
    /// fully connected layers needs it.
    pub fixed_size: bool,
}

impl Default for Transformation {
    fn default() -> Self {
        Self { pad: 12.0 / 128.0, jitter: 8.0 / 128.0, ..Self::NONE }
    }
}

/// Half of the range of a pixel: grey.
const GREY: f64 = 127.5;

impl Transformation {
    /// None: the picture as it is.
    pub const NONE: Self =
        Self { pad: 0.0, jitter: 0.0, scale: 0.0, rotate: 0.0, fixed_size: false };

    /// The first field out of its range.
    ///
    /// # Errors
    /// It is named.
    pub fn check(&self) -> Result<(), InvalidField> {
        let check = InvalidField::unless;
        check((0.0..=1.0).contains(&self.pad), "pad", &self.pad, "0 to 1")?;
        let most = (2.0 * self.pad + 0.5).min(1.0);
        let expected = format!("0 to {most}");
        check((0.0..=most).contains(&self.jitter), "jitter", &self.jitter, &expected)?;
        check((0.0..=0.9).contains(&self.scale), "scale", &self.scale, "0 to 0.9")?;
        check((0.0..=180.0).contains(&self.rotate), "rotate", &self.rotate, "0 to 180")
    }

    /// What the network sees in `step`, `[B, 3, H', W']` of pixels `[B, 3, H, W]`: where and how is
    /// drawn from (`seed`, `step`). A gradient reaches the pixels. The size is the same in all
    /// steps.
    ///
    /// # Errors
    /// Only what the tensor library refuses.
    pub fn apply(&self, pixels: &Tensor, seed: u64, step: usize) -> Result<Tensor> {
        let (_, _, height, width) = pixels.dims4()?;
        let shorter = height.min(width) as f64;
        let border = (self.pad * shorter).round() as usize;
        let moved = (self.jitter * shorter).round() as usize;
        // What is put around it is grey, so that grey is 0 until the end.
        let mut x = pad(&pixels.affine(1.0, -GREY)?, border)?;
        let mut rng = seeded(seed, &format!("jitter {step}"));
        for (dim, side) in [(2, height), (3, width)] {
            let room = moved.min(side + 2 * border - 1);
            let at = rng.random_range(0..=room);
            x = x.narrow(dim, at, side + 2 * border - room)?;
        }
        if self.scale > 0.0 || self.rotate > 0.0 {
            let factor = 1.0 + self.scale * rng.random_range(-1.0..=1.0);
            let degrees = self.rotate * rng.random_range(-1.0..=1.0);
            x = turned(&x.contiguous()?, factor, f64::to_radians(degrees))?;
        }
        if self.fixed_size {
            for (dim, side) in [(2, height), (3, width)] {
                let found = x.dim(dim)?;
                let more = side.saturating_sub(found);
                let less = found.saturating_sub(side);
                x = x.pad_with_zeros(dim, more / 2, more - more / 2)?;
                x = x.narrow(dim, less / 2, side)?;
            }
        }
        Ok(x.contiguous()?.affine(1.0, GREY)?)
    }
}

fn pad(x: &Tensor, border: usize) -> Result<Tensor> {
    if border == 0 {
        return Ok(x.clone());
    }
    Ok(x.pad_with_zeros(2, border, border)?.pad_with_zeros(3, border, border)?)
}

/// A picture `[B, C, H, W]` seen `factor` times as large and turned against the clock by `angle`
/// around its middle; 0 from outside. A pixel is the mean of the four around the place that it
/// shows, weighted by nearness (bilinear).
///
/// # Errors
/// Only what the tensor library refuses.
pub fn turned(x: &Tensor, factor: f64, angle: f64) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    let sin = angle.sin() / factor;
    let cos = angle.cos() / factor;
    let middle = |side: usize| (side as f64 - 1.0) / 2.0;
    let flat = x.reshape((batch * channels, height * width))?;
    // Of the four neighbours, from the one above on the left: which they are and how much they
    // count, for all pixels.
    let mut sum: Option<Tensor> = None;
    for (down, right) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mut from = Vec::new();
        let mut weights = Vec::new();
        for at in 0..height * width {
            let (y, x) =
                ((at / width) as f64 - middle(height), (at % width) as f64 - middle(width));
            let (row, column) =
                (cos * y + sin * x + middle(height), cos * x - sin * y + middle(width));
            let above = row.floor();
            let left = column.floor();
            let near = |place: f64, first: f64, next: usize| match next {
                0 => 1.0 - (place - first),
                _ => place - first,
            };
            let row_at = above + down as f64;
            let column_at = left + right as f64;
            let inside = |at: f64, side: usize| at >= 0.0 && at < side as f64;
            if inside(row_at, height) && inside(column_at, width) {
                from.push((row_at as usize * width + column_at as usize) as u32);
                weights.push(near(row, above, down) * near(column, left, right));
            } else {
                from.push(0);
                weights.push(0.0);
            }
        }
        let from = Tensor::from_vec(from, height * width, x.device())?;
        let weights = Tensor::from_vec(weights, (1, height * width), x.device())?;
        let part = flat.index_select(&from, 1)?.broadcast_mul(&weights.to_dtype(x.dtype())?)?;
        sum = Some(match sum {
            Some(sum) => (sum + part)?,
            None => part,
        });
    }
    Ok(sum.unwrap_or(flat).reshape((batch, channels, height, width))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_right() {
        let none = Transformation::NONE;
        for (name, transformation) in [
            ("pad and jitter", Transformation { pad: 0.5, jitter: 0.5, ..none }),
            ("scale", Transformation { scale: 0.5, ..none }),
            ("rotate", Transformation { rotate: 90.0, ..none }),
            ("crop", Transformation { pad: 0.4, jitter: 0.2, fixed_size: true, ..none }),
            ("grey around", Transformation { jitter: 0.5, fixed_size: true, ..none }),
        ] {
            let x = gradcheck::values((1, 3, 4, 5), 3);
            gradcheck::check(name, &[x], |t| Ok(transformation.apply(&t[0], 1, 2).unwrap()));
        }
    }

    #[test]
    fn a_quarter_turn_and_a_doubling_are_what_they_are() {
        let x = Tensor::arange(0f64, 9.0, &candle_core::Device::Cpu).unwrap();
        let x = x.reshape((1, 1, 3, 3)).unwrap();
        let numbers = |x: Tensor| x.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let found = numbers(turned(&x, 1.0, std::f64::consts::FRAC_PI_2).unwrap());
        let expected = [2.0, 5.0, 8.0, 1.0, 4.0, 7.0, 0.0, 3.0, 6.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
        let found = numbers(turned(&x, 2.0, 0.0).unwrap());
        assert_eq!(found, [2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0]);
        assert_eq!(numbers(turned(&x, 1.0, 0.0).unwrap()), numbers(x));
    }

    /// greentfrapp/lucent #10: twelve pixels of a picture of 32 blur everything.
    #[test]
    fn a_small_picture_is_moved_by_less() {
        let x = gradcheck::values((1, 3, 32, 32), 3);
        let seen = |step| Transformation::default().apply(&x, 1, step).unwrap();
        assert_eq!(seen(0).dims(), [1, 3, 36, 36]);
        let numbers = |step| seen(step).flatten_all().unwrap().to_vec1::<f64>().unwrap();
        assert_ne!(numbers(0), numbers(1));
        assert_eq!(numbers(1), numbers(1));
        let same = Transformation::NONE.apply(&x, 1, 0).unwrap();
        assert!(
            (same - &x).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap()
                < 1e-12
        );
        let fixed = Transformation { fixed_size: true, ..Transformation::default() };
        assert_eq!(fixed.apply(&x, 1, 3).unwrap().dims(), [1, 3, 32, 32]);
        // Grey stays grey, whatever is done to it.
        let grey = Tensor::full(127.5f64, (1, 3, 32, 32), x.device()).unwrap();
        let all = Transformation { scale: 0.3, rotate: 30.0, ..fixed };
        let moved = (all.apply(&grey, 1, 3).unwrap() - &grey).unwrap().abs().unwrap();
        assert_eq!(moved.max_all().unwrap().to_scalar::<f64>().unwrap(), 0.0);
        let wrong = Transformation { scale: 1.0, ..fixed };
        assert!(
            wrong.check().unwrap_err().to_string().starts_with("scale is 1, expected 0 to 0.9")
        );
    }
}
