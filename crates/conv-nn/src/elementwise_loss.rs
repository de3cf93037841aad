//! Losses of single numbers: a binary answer, a regression. One loss an element, for the caller to
//! sum or average.

use crate::blocks::{BLOCK, fill};
use crate::kernel::{Kernel, apply, check_real, contiguous};
use crate::real::Real;
use crate::{Error, Result};
use candle_core::{DType, Tensor};

/// −t log σ(x) − (1 − t) log(1 − σ(x)), as PyTorch's `binary_cross_entropy_with_logits` without
/// reduction. Targets may be fractions, and have no gradient. On the CPU.
///
/// # Shapes
/// Any; logits, targets and losses have the same.
///
/// # Errors
/// Targets of another shape; a type other than f32 and f64.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let logits = Tensor::new(&[0f32, 100.0, -100.0], &Device::Cpu)?;
/// let targets = Tensor::new(&[0.5f32, 1.0, 1.0], &Device::Cpu)?;
/// let losses = conv_nn::binary_cross_entropy(&logits, &targets)?.to_vec1::<f32>()?;
/// assert_eq!((losses[0], losses[2]), (2f32.ln(), 100.0));
/// assert!(losses[1] < 1e-40);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn binary_cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let targets = constants("binary_cross_entropy", logits, targets)?;
    apply(BinaryCrossEntropy { targets }, logits)
}

/// d² / 2β where d = |x − t| is below `beta`, and d − β/2 beyond (Girshick 2015, equation 3), as
/// PyTorch's `smooth_l1_loss` without reduction; with β 0 the distance itself. Targets have no
/// gradient. On the CPU.
///
/// # Shapes
/// Any; x, targets and losses have the same.
///
/// # Errors
/// As [`binary_cross_entropy`].
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[0f32, 0.5, -3.0], &Device::Cpu)?;
/// let losses = conv_nn::smooth_l1(&x, &x.zeros_like()?, 1.0)?.to_vec1::<f32>()?;
/// assert_eq!(losses, [0.0, 0.125, 2.5]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn smooth_l1(x: &Tensor, targets: &Tensor, beta: f64) -> Result<Tensor> {
    let targets = constants("smooth_l1", x, targets)?;
    apply(SmoothL1 { targets, beta: beta.max(0.0) }, x)
}

/// The targets' values, once they fit.
fn constants(operation: &'static str, x: &Tensor, targets: &Tensor) -> Result<Vec<f64>> {
    check_real(operation, "its input", x.dtype())?;
    if targets.dims() != x.dims() {
        let argument = "targets";
        let found = targets.dims().to_vec();
        return Err(Error::Shape {
            operation,
            argument,
            found,
            expected: format!("{:?}", x.dims()),
        });
    }
    Ok(contiguous(operation, targets)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
}

struct BinaryCrossEntropy {
    targets: Vec<f64>,
}

impl Kernel for BinaryCrossEntropy {
    const NAME: &'static str = "binary_cross_entropy";

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        fill(x.len(), BLOCK, |start, out| {
            for (i, out) in (start..).zip(out) {
                // Both logarithms without an overflow: log(1 + e⁻|x|) is all that is not linear.
                let x = x[i];
                let target = T::from_f64(self.targets[i]);
                let positive = if x > T::zero() { x } else { T::zero() };
                *out = positive - x * target + (-x.abs()).exp().ln_1p();
            }
        })
    }

    fn backward<T: Real>(&self, x: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
        fill(x.len(), BLOCK, |start, out| {
            for (i, out) in (start..).zip(out) {
                let share = (T::one() + (-x[i]).exp()).recip();
                *out = gradient[i] * (share - T::from_f64(self.targets[i]));
            }
        })
    }
}

struct SmoothL1 {
    targets: Vec<f64>,
    beta: f64,
}

impl Kernel for SmoothL1 {
    const NAME: &'static str = "smooth_l1";

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        let beta = T::from_f64(self.beta);
        let half = T::from_f64(0.5);
        fill(x.len(), BLOCK, |start, out| {
            for (i, out) in (start..).zip(out) {
                let distance = (x[i] - T::from_f64(self.targets[i])).abs();
                *out = if distance < beta {
                    half * distance * distance / beta
                } else {
                    distance - half * beta
                };
            }
        })
    }

    fn backward<T: Real>(&self, x: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
        let beta = T::from_f64(self.beta);
        fill(x.len(), BLOCK, |start, out| {
            for (i, out) in (start..).zip(out) {
                let difference = x[i] - T::from_f64(self.targets[i]);
                let slope = match difference.abs() < beta {
                    true => difference / beta,
                    // Not signum, which is 1 at 0.
                    false if difference == T::zero() => T::zero(),
                    false => difference.signum(),
                };
                *out = gradient[i] * slope;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradcheck::values;

    #[test]
    fn gradients_are_those_of_finite_differences() -> candle_core::Result<()> {
        let x = (values((3, 5), 1) * 4.0)?;
        let shares = (values((3, 5), 2).abs()? * 0.5)?;
        gradcheck::check("binary_cross_entropy", std::slice::from_ref(&x), |x| {
            Ok(binary_cross_entropy(&x[0], &shares)?)
        });
        for beta in [1.0 / 9.0, 1.0] {
            gradcheck::check("smooth_l1", std::slice::from_ref(&x), |x| {
                Ok(smooth_l1(&x[0], &values((3, 5), 3), beta)?)
            });
        }
        Ok(())
    }

    #[test]
    fn targets_of_another_shape_are_refused() {
        let text = smooth_l1(&values(3, 1), &values(4, 1), 1.0).err().map(|e| e.to_string());
        assert_eq!(text.as_deref(), Some("smooth_l1: targets has shape [4], expected [3]"));
    }

    #[test]
    fn far_logits_stay_finite() -> Result<()> {
        let x = Tensor::new(&[1e30f32, -1e30], &candle_core::Device::Cpu)?;
        let losses = binary_cross_entropy(&x, &x.ge(0f32)?.to_dtype(DType::F32)?)?;
        assert_eq!(losses.to_vec1::<f32>()?, [0.0, 0.0]);
        Ok(())
    }
}
