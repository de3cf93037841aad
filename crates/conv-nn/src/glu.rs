//! Gated linear units.

use crate::blocks::fill_rows;
use crate::kernel::{Kernel, apply, check_real};
use crate::real::Real;
use crate::{Error, Result};
use candle_core::Tensor;
use candle_core::shape::Dim;

/// a · σ(b), where a and b are the two halves of `x` along `dim` (Dauphin et al. 2017; Gehring et
/// al. 2017, section 3.2). As PyTorch's `glu`.
///
/// # Shapes
/// `[…, 2C, …]` of f32 or f64 → `[…, C, …]`.
///
/// # Errors
/// An odd size along `dim`.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[3f32, 5.0, 0.0, -1000.0]], &Device::Cpu)?;
/// assert_eq!(conv_nn::glu(&x, 1)?.to_vec2::<f32>()?, [[1.5, 0.0]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn glu(x: &Tensor, dim: impl Dim) -> Result<Tensor> {
    let dim = dim.to_index(x.shape(), Glu::NAME)?;
    let kernel = Glu::new(x, dim)?;
    if x.device().is_cpu() { apply(kernel, x) } else { composed(x, dim) }
}

/// Of operations whose gradients are right in candle.
fn composed(x: &Tensor, dim: usize) -> Result<Tensor> {
    check_real(Glu::NAME, "its input", x.dtype())?;
    let halves = x.chunk(2, dim)?;
    let gate = ((halves[1].neg()?.exp()? + 1.0)?).recip()?;
    Ok(halves[0].mul(&gate)?)
}

pub(crate) struct Glu {
    dim: usize,
    /// Elements of a half, from one index of the dimensions before on.
    half: usize,
}

impl Glu {
    pub(crate) fn new(x: &Tensor, dim: usize) -> Result<Self> {
        if x.dim(dim)? % 2 != 0 {
            let operation = Self::NAME;
            let found = x.dims().to_vec();
            let expected = format!("an even size along dimension {dim}");
            return Err(Error::Shape { operation, argument: "its input", found, expected });
        }
        Ok(Self { dim, half: x.dims()[dim..].iter().product::<usize>() / 2 })
    }
}

impl Kernel for Glu {
    const NAME: &'static str = "glu";

    fn output(&self, x: &[usize]) -> Vec<usize> {
        let mut dims = x.to_vec();
        dims[self.dim] /= 2;
        dims
    }

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        let half = self.half;
        fill_rows(
            x.len() / 2,
            half,
            half,
            #[inline(always)]
            |row, y| {
                let (a, b) = x[2 * row * half..][..2 * half].split_at(half);
                for (y, (&a, &b)) in y.iter_mut().zip(a.iter().zip(b)) {
                    *y = a.glu(b);
                }
            },
        )
    }

    fn backward<T: Real>(&self, x: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
        let half = self.half;
        fill_rows(
            x.len(),
            2 * half,
            2 * half,
            #[inline(always)]
            |row, out| {
                let (a, b) = x[2 * row * half..][..2 * half].split_at(half);
                let (da, db) = out.split_at_mut(half);
                let gradient = &gradient[row * half..][..half];
                let of_halves = da.iter_mut().zip(db);
                for (((da, db), (&a, &b)), &g) in of_halves.zip(a.iter().zip(b)).zip(gradient) {
                    [*da, *db] = a.glu_gradients(b, g);
                }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_gradient_is_right_along_any_dimension(
            mut dims in proptest::array::uniform3(1usize..4), dim in 0usize..3, seed: u64,
        ) {
            dims[dim] *= 2;
            let x = [gradcheck::values(dims.to_vec(), seed)];
            gradcheck::check("glu", &x, |t| Ok(glu(&(&t[0] * 3.0)?, dim)?));
        }
    }

    /// From PyTorch 2.15: `torch.nn.functional.glu(torch.arange(8.).reshape(2, 4) / 2 - 2, 0)`.
    #[test]
    fn pytorch_agrees() -> candle_core::Result<()> {
        let x = ((Tensor::arange(0f32, 8., &Device::Cpu)? / 2.)? - 2.)?.reshape((2, 4))?;
        let expected = [-1.0, -0.933_689, -0.731_059, -0.408_787];
        for (found, expected) in glu(&x, 0)?.flatten_all()?.to_vec1::<f32>()?.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        Ok(())
    }

    #[test]
    fn the_composition_agrees_in_value_and_gradient() {
        let x = [gradcheck::values((3, 4, 5), 1)];
        gradcheck::check_same("glu", &x, |t| Ok(glu(&t[0], 1)?), |t| Ok(composed(&t[0], 1)?));
    }

    #[test]
    fn odd_sizes_are_refused_and_empty_ones_are_not() -> candle_core::Result<()> {
        let x = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?;
        let message = glu(&x, 1).err().map(|e| e.to_string()).unwrap_or_default();
        let expected = "glu: its input has shape [2, 3], expected an even size along dimension 1";
        assert_eq!(message, expected);
        let none = Tensor::zeros((0, 4, 3), DType::F32, &Device::Cpu)?;
        assert_eq!(glu(&none, 1)?.dims(), [0, 2, 3]);
        Ok(())
    }
}
