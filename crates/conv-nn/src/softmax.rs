//! Softmax and its logarithm along one dimension, which carry gradients.

use crate::Result;
use crate::blocks::map_rows;
use crate::kernel::{Kernel, apply};
use crate::real::{Real, exponentials, maximum, sum};
use candle_core::shape::Dim;
use candle_core::{D, Tensor};

/// exp(xᵢ) / Σⱼ exp(xⱼ) along `dim`, shifted by the maximum so that nothing overflows.
///
/// A row that holds NaN, or only -∞ (everything masked), is all NaN, as in PyTorch.
///
/// # Shapes
/// Any, of f32 or f64; the output has the same.
///
/// ```
/// use candle_core::{D, Device, Tensor};
/// let x = Tensor::new(&[[0f32, 3f32.ln()]], &Device::Cpu)?;
/// let y = conv_nn::softmax(&x, D::Minus1)?.to_vec2::<f32>()?;
/// assert!((y[0][1] - 0.75).abs() < 1e-6);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn softmax(x: &Tensor, dim: impl Dim) -> Result<Tensor> {
    run(x, dim, |width| Softmax { width }, |x| Ok(log_composed(x)?.exp()?))
}

/// xᵢ - ln Σⱼ exp(xⱼ) along `dim`: the logarithm of [`softmax`], accurate where that rounds to 0
/// or 1.
///
/// # Shapes
/// Any, of f32 or f64; the output has the same.
pub fn log_softmax(x: &Tensor, dim: impl Dim) -> Result<Tensor> {
    run(x, dim, |width| LogSoftmax { width }, log_composed)
}

fn run<K: Kernel>(
    x: &Tensor,
    dim: impl Dim,
    of_width: fn(usize) -> K,
    composed: fn(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    along(x, dim, |x| {
        if x.device().is_cpu() { apply(of_width(x.dim(D::Minus1)?), x) } else { composed(x) }
    })
}

pub(crate) fn along(
    x: &Tensor,
    dim: impl Dim,
    f: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let dim = dim.to_index(x.shape(), "softmax")?;
    let last = x.rank() - 1;
    Ok(f(&x.transpose(dim, last)?)?.transpose(dim, last)?)
}

/// Along the last dimension, of operations whose gradients are right in candle.
pub(crate) fn log_composed(x: &Tensor) -> Result<Tensor> {
    let shift = x.detach().max_keepdim(D::Minus1)?;
    let x = x.broadcast_sub(&shift)?;
    Ok(x.broadcast_sub(&x.exp()?.sum_keepdim(D::Minus1)?.log()?)?)
}

/// The largest element, and ln Σ exp(x - it): NaN where an element is, or where all are -∞.
#[inline(always)]
pub(crate) fn log_sum_exp<T: Real>(x: &[T]) -> (T, T) {
    let shift = maximum(x);
    (shift, sum([x], |[x]| (x - shift).exponential_of_shifted()).ln())
}

pub(crate) struct Softmax {
    pub width: usize,
}

impl Kernel for Softmax {
    const NAME: &'static str = "softmax";

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        map_rows(
            [x],
            self.width,
            #[inline(always)]
            |[x], y| {
                let scale = T::one() / exponentials(x, maximum(x), y);
                for y in y {
                    *y *= scale;
                }
            },
        )
    }

    fn backward<T: Real>(&self, _x: &[T], y: &[T], gradient: &[T]) -> Vec<T> {
        map_rows(
            [y, gradient],
            self.width,
            #[inline(always)]
            |[y, gradient], out| {
                let mean = sum([y, gradient], |[y, gradient]| y * gradient);
                for (out, (&y, &gradient)) in out.iter_mut().zip(y.iter().zip(gradient)) {
                    *out = y * (gradient - mean);
                }
            },
        )
    }
}

struct LogSoftmax {
    width: usize,
}

impl Kernel for LogSoftmax {
    const NAME: &'static str = "log_softmax";

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        map_rows(
            [x],
            self.width,
            #[inline(always)]
            |[x], y| {
                let (shift, log) = log_sum_exp(x);
                for (y, &x) in y.iter_mut().zip(x) {
                    // Shift first: x and the shift are close where it matters, and their difference
                    // is exact there.
                    *y = (x - shift) - log;
                }
            },
        )
    }

    fn backward<T: Real>(&self, _x: &[T], y: &[T], gradient: &[T]) -> Vec<T> {
        map_rows(
            [y, gradient],
            self.width,
            #[inline(always)]
            |[y, gradient], out| {
                let total = sum([gradient], |[gradient]| gradient);
                for (out, (&y, &gradient)) in out.iter_mut().zip(y.iter().zip(gradient)) {
                    *out = gradient - y.exponential_of_shifted() * total;
                }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_gradient_is_right_along_any_dimension(
            dims in proptest::array::uniform3(1usize..5), dim in 0usize..3, seed: u64,
        ) {
            let x = [gradcheck::values(dims.to_vec(), seed)];
            gradcheck::check("softmax", &x, |t| Ok(softmax(&(&t[0].t()? * 3.0)?, dim)?));
            gradcheck::check("log_softmax", &x, |t| Ok(log_softmax(&(&t[0].t()? * 3.0)?, dim)?));
        }
    }

    #[test]
    fn kernels_and_compositions_agree_in_value_and_gradient() {
        let x = [gradcheck::values((7, 19), 1)];
        let log = |t: &[Tensor]| Ok(log_composed(&t[0])?);
        gradcheck::check_same("softmax", &x, |t| Ok(softmax(&t[0], 1)?), |t| log(t)?.exp());
        gradcheck::check_same("log_softmax", &x, |t| Ok(log_softmax(&t[0], 1)?), log);
    }

    #[test]
    fn extremes_neither_overflow_nor_hide() -> candle_core::Result<()> {
        let (large, low, nan) = (1e30f32, f32::NEG_INFINITY, f32::NAN);
        let x = Tensor::new(&[[large, 0.0, low], [low, low, low], [0.0, nan, 1.0]], &Device::Cpu)?;
        let y = softmax(&x, 1)?.to_vec2::<f32>()?;
        assert_eq!(y[0], [1.0, 0.0, 0.0]);
        assert!(y[1].iter().chain(&y[2]).all(|y| y.is_nan()), "{y:?}");
        let y = log_softmax(&x, 1)?.to_vec2::<f32>()?;
        assert_eq!(y[0], [0.0, -large, low]);
        assert!(y[1].iter().chain(&y[2]).all(|y| y.is_nan()), "{y:?}");
        Ok(())
    }

    #[test]
    fn empty_dimensions_give_empty_results() -> candle_core::Result<()> {
        for dims in [(0, 3), (3, 0)] {
            let x = Tensor::zeros(dims, candle_core::DType::F32, &Device::Cpu)?;
            assert_eq!(softmax(&x, 1)?.dims2()?, dims);
            assert_eq!(log_softmax(&x, 0)?.dims2()?, dims);
        }
        Ok(())
    }
}
