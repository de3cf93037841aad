//! What an objective says of pixels alone. `[B, 3, H, W]` from 0 to 255 become `[B]`, each at most
//! 0 and to be raised.

use crate::Result;
use candle_core::Tensor;

/// Grey, of pixels from 0 to 1.
const GREY: f64 = 0.5;

/// Minus what neighbours differ by.
pub(super) fn smoothness(pixels: &Tensor) -> Result<Tensor> {
    let x = (pixels / 255.0)?;
    let (_, channels, height, width) = x.dims4()?;
    let apart = |dim: usize, side: usize| -> Result<Tensor> {
        let squares = match side {
            1 => (&x * 0.0)?,
            _ => (x.narrow(dim, 1, side - 1)? - x.narrow(dim, 0, side - 1)?)?.sqr()?,
        };
        Ok(squares.flatten_from(1)?.sum(1)?)
    };
    Ok(((apart(2, height)? + apart(3, width)?)? / -((channels * height * width) as f64))?)
}

pub(super) fn l1(pixels: &Tensor) -> Result<Tensor> {
    Ok(pixels.affine(1.0 / 255.0, -GREY)?.abs()?.flatten_from(1)?.mean(1)?.neg()?)
}

pub(super) fn l2(pixels: &Tensor) -> Result<Tensor> {
    Ok(pixels.affine(1.0 / 255.0, -GREY)?.sqr()?.flatten_from(1)?.mean(1)?.neg()?)
}

/// Minus half of what pixels differ by from their neighbourhood, which no gradient goes through.
pub(super) fn blur(pixels: &Tensor) -> Result<Tensor> {
    let x = (pixels / 255.0)?;
    let still = x.detach();
    let around = (neighbourhood(&still)? / neighbourhood(&still.ones_like()?)?)?;
    Ok(((x - around)?.sqr()?.flatten_from(1)?.mean(1)? * -0.5)?)
}

/// The sum of the pixels of 3 × 3 as far as they are there, the one in the middle whole and the
/// others by half.
fn neighbourhood(x: &Tensor) -> Result<Tensor> {
    let (_, _, height, width) = x.dims4()?;
    let padded = x.pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 1, 1)?;
    let mut sum = (x * 0.5)?;
    for (down, right) in (0..9).map(|at| (at / 3, at % 3)) {
        let moved = padded.narrow(2, down, height)?.narrow(3, right, width)?;
        sum = (sum + (moved * 0.5)?)?;
    }
    Ok(sum)
}
