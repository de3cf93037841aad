//! Local response normalisation, composed.

use crate::Result;
use candle_core::Tensor;

/// `x / (k + α/size · Σ x²)^β` over `size` neighbouring channels (Krizhevsky et al. 2012, section 3.3).
pub(crate) fn local_response_norm(
    x: &Tensor,
    size: usize,
    alpha: f64,
    beta: f64,
    k: f64,
) -> Result<Tensor> {
    let channels = x.dim(1)?;
    let squares = x.sqr()?.pad_with_zeros(1, size / 2, (size - 1) / 2)?;
    let mut sum = squares.narrow(1, 0, channels)?;
    for shift in 1..size {
        sum = (sum + squares.narrow(1, shift, channels)?)?;
    }
    Ok((x * sum.affine(alpha / size as f64, k)?.powf(-beta)?)?)
}
