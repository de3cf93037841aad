//! How much of a picture is left.

use crate::Result;
use candle_core::{DType, Tensor};

/// The peak signal-to-noise ratio of two pictures in dB: 10 · log₁₀(255² / mean squared
/// difference).
pub(crate) fn psnr(found: &Tensor, expected: &Tensor) -> Result<f64> {
    let error = (found - expected)?.sqr()?.mean_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
    Ok(10.0 * (255.0f64.powi(2) / error.max(1e-9)).log10())
}

/// `found` with each channel's mean and deviation set to `like`'s: what instance normalisation
/// forgets.
pub(crate) fn levelled(found: &Tensor, like: &Tensor) -> Result<Tensor> {
    let moments = |x: &Tensor| -> Result<(Tensor, Tensor)> {
        let mean = x.mean_keepdim((2, 3))?;
        let deviation = x.broadcast_sub(&mean)?.sqr()?.mean_keepdim((2, 3))?.sqrt()?;
        Ok((mean, deviation))
    };
    let ((mean, deviation), (to_mean, to_deviation)) = (moments(found)?, moments(like)?);
    let unit = found.broadcast_sub(&mean)?.broadcast_div(&(deviation + 1e-6)?)?;
    Ok(unit.broadcast_mul(&to_deviation)?.broadcast_add(&to_mean)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_levelled_picture_has_the_others_mean_and_deviation() {
        let found = gradcheck::values((1, 3, 4, 5), 1).affine(9.0, 100.0).unwrap();
        let like = found.affine(-2.0, 300.0).unwrap();
        // Levels come back, and signs do not: a channel's values lie mirrored about its mean.
        let twice = found.affine(3.0, -7.0).unwrap();
        assert!(psnr(&levelled(&found, &twice).unwrap(), &twice).unwrap() > 90.0);
        assert!(psnr(&levelled(&found, &like).unwrap(), &like).unwrap() < 40.0);
    }

    #[test]
    fn the_ratio_is_that_of_the_definition() {
        let x = Tensor::zeros((1, 3, 2, 2), DType::F32, &Device::Cpu).unwrap();
        let off = (&x + 25.5).unwrap();
        assert!((psnr(&off, &x).unwrap() - 20.0).abs() < 1e-6);
    }
}
