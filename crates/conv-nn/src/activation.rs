//! The rectifier, with PyTorch's gradient at 0.

use crate::blocks::map;
use crate::kernel::{check_real, contiguous, elements};
use crate::real::Real;
use crate::{Result, gradients};
use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor, bail};

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
    if !x.device().is_cpu() {
        return composed(x);
    }
    check_real(Relu::NAME, "its input", x.dtype())?;
    Ok(contiguous(Relu::NAME, x)?.apply_op1(Relu)?)
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

struct Relu;

impl Relu {
    const NAME: &'static str = "relu";

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        // Not tested by `x > 0`, which would turn NaN into 0.
        map(
            x,
            x,
            #[inline(always)]
            |x, _| if x <= T::zero() { T::zero() } else { x },
        )
    }
}

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let y = match x {
            CpuStorage::F32(x) => CpuStorage::F32(self.forward(elements(x, layout)?)),
            CpuStorage::F64(x) => CpuStorage::F64(self.forward(elements(x, layout)?)),
            _ => bail!("{} computes in F32 and F64", Self::NAME),
        };
        Ok((y, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> candle_core::Result<Option<Tensor>> {
        Ok(Some(gradients::relu(x, dy)?))
    }
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
    fn a_view_larger_than_memory_is_refused() -> candle_core::Result<()> {
        let x = candle_core::Tensor::zeros(1, candle_core::DType::F32, &Device::Cpu)?;
        let message = relu(&x.broadcast_as((1 << 40, 1))?).err().map(|e| e.to_string());
        let expected = format!("relu: no memory for a result of {} elements", 1u64 << 40);
        assert_eq!(message, Some(expected));
        Ok(())
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
