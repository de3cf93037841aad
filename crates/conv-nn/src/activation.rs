//! The rectifier, with PyTorch's gradient at 0.

use crate::Result;
use crate::blocks::map;
use crate::kernel::{Kernel, apply};
use crate::real::Real;
use candle_core::Tensor;

/// max(x, 0), element by element. The gradient at 0 is 0, as in PyTorch; candle's own gives 1. NaN
/// stays NaN.
///
/// # Shapes
/// Any, of f32 or f64; the output has the same.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[-1f32, 0.0, 2.0], &Device::Cpu)?;
/// assert_eq!(conv_nn::relu(&x)?.to_vec1::<f32>()?, [0.0, 0.0, 2.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn relu(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() { apply(Relu, x) } else { composed(x) }
}

fn composed(x: &Tensor) -> Result<Tensor> {
    Ok(x.le(0f64)?.where_cond(&x.zeros_like()?, x)?)
}

/// The rectifier in place, for what another operation has just written.
#[inline(always)]
pub(crate) fn rectify<T: Real>(y: &mut [T]) {
    /// A length that the compiler knows: it then selects in registers.
    const PART: usize = 16;
    let (parts, rest) = y.as_chunks_mut::<PART>();
    for part in parts {
        for y in part {
            *y = if *y <= T::zero() { T::zero() } else { *y };
        }
    }
    for y in rest {
        *y = if *y <= T::zero() { T::zero() } else { *y };
    }
}

pub(crate) struct Relu;

impl Kernel for Relu {
    const NAME: &'static str = "relu";

    fn output(&self, x: &[usize]) -> Vec<usize> {
        x.to_vec()
    }

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        map(
            x,
            x,
            #[inline(always)]
            |x, _| behind(x, x),
        )
    }

    fn backward<T: Real>(&self, x: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
        map(x, gradient, behind)
    }
}

/// What passes where x is: not tested by `x > 0`, which would turn NaN into 0.
#[inline(always)]
fn behind<T: Real>(x: T, passes: T) -> T {
    if x <= T::zero() { T::zero() } else { passes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_gradient_is_right(rows in 0usize..5, columns in 1usize..6, seed: u64) {
            let x = gradcheck::values((columns, rows), seed);
            gradcheck::check("relu", &[x], |t| Ok(relu(&t[0].t()?)?));
        }
    }

    #[test]
    fn the_gradient_at_zero_is_zero_and_nan_passes() -> candle_core::Result<()> {
        let x = Var::new(&[-1f32, -0.0, 0.0, 1.0, f32::NAN], &Device::Cpu)?;
        for f in [relu, composed] {
            let y = f(&x)?;
            let gradient = y.backward()?.get(&x).map(|g| g.to_vec1::<f32>()).transpose()?;
            assert_eq!(gradient, Some(vec![0.0, 0.0, 0.0, 1.0, 1.0]));
            let y = y.to_vec1::<f32>()?;
            assert!(y[..4] == [0.0, 0.0, 0.0, 1.0] && y[4].is_nan(), "{y:?}");
        }
        Ok(())
    }
}
