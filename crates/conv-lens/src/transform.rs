//! Moving a picture about before each look, so that only what survives that is drawn (Olah et al. 2017, "Transformation Robustness").

use crate::Result;
use candle_core::Tensor;
use conv_nn::rng::seeded;
use rand::Rng;

/// Grey at the borders, and a random place of the whole within the view: shares of the picture's shorter side, so that a small picture is
/// not moved by more than it shows.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jitter {
    /// Grey on each side: 12 of 128 pixels in the paper's code.
    pub border: f64,
    /// How far the picture is moved at most, in both directions together: 8 of 128 pixels there.
    pub moved: f64,
}

impl Default for Jitter {
    fn default() -> Self {
        Self { border: 12.0 / 128.0, moved: 8.0 / 128.0 }
    }
}

/// Half of the range of a pixel: grey.
const GREY: f64 = 127.5;

impl Jitter {
    /// None: the picture as it is.
    pub const NONE: Self = Self { border: 0.0, moved: 0.0 };

    /// The first field out of its range.
    ///
    /// # Errors
    /// It is named.
    pub fn check(&self) -> Result<(), conv_hub::InvalidField> {
        let check = conv_hub::InvalidField::unless;
        check((0.0..=1.0).contains(&self.border), "border", &self.border, "0 to 1")?;
        let most = (2.0 * self.border + 0.5).min(1.0);
        check((0.0..=most).contains(&self.moved), "moved", &self.moved, &format!("0 to {most}"))
    }

    /// What the network sees in `step`, `[B, 3, H', W']` of pixels `[B, 3, H, W]`: the place is drawn from (`seed`, `step`). A gradient
    /// reaches the pixels.
    ///
    /// # Errors
    /// Only what the tensor library refuses.
    pub fn apply(&self, pixels: &Tensor, seed: u64, step: usize) -> Result<Tensor> {
        let (_, _, height, width) = pixels.dims4()?;
        let shorter = height.min(width) as f64;
        let border = (self.border * shorter).round() as usize;
        let moved = (self.moved * shorter).round() as usize;
        let mut x = pixels.affine(1.0, -GREY)?;
        for dim in [2, 3] {
            if border > 0 {
                x = x.pad_with_zeros(dim, border, border)?;
            }
        }
        let mut rng = seeded(seed, &format!("jitter {step}"));
        for (dim, side) in [(2, height), (3, width)] {
            let room = moved.min(side + 2 * border - 1);
            let at = rng.random_range(0..=room);
            x = x.narrow(dim, at, side + 2 * border - room)?;
        }
        Ok(x.contiguous()?.affine(1.0, GREY)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_right() {
        let jitter = Jitter { border: 0.5, moved: 0.5 };
        let x = gradcheck::values((1, 3, 4, 5), 3);
        gradcheck::check("jitter", &[x], |t| Ok(jitter.apply(&t[0], 1, 2).unwrap()));
    }

    /// greentfrapp/lucent #10: twelve pixels of a picture of 32 blur everything.
    #[test]
    fn a_small_picture_is_moved_by_less() {
        let x = gradcheck::values((1, 3, 32, 32), 3);
        let seen = |step| Jitter::default().apply(&x, 1, step).unwrap();
        assert_eq!(seen(0).dims(), [1, 3, 36, 36]);
        let numbers = |step| seen(step).flatten_all().unwrap().to_vec1::<f64>().unwrap();
        assert_ne!(numbers(0), numbers(1));
        assert_eq!(numbers(1), numbers(1));
        let same = Jitter::NONE.apply(&x, 1, 0).unwrap();
        assert!(
            (same - &x).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap()
                < 1e-12
        );
    }
}
