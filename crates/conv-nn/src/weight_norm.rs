//! Weight normalisation.

use crate::kernel::{check_real, check_view};
use crate::{Error, Result};
use candle_core::Tensor;

/// w = g · v / ‖v‖, where each index of the first dimension has a length g of its own (Salimans and
/// Kingma 2016, equation 2): the direction of an output's weights is learnt apart from their
/// length. As PyTorch's `weight_norm` with `dim=0`.
///
/// # Shapes
/// v `[O, …]` of f32 or f64, g with O elements → `[O, …]`.
///
/// # Errors
/// Another number of lengths than directions, or another type. A direction of zeros has no length:
/// it gives NaN, as in PyTorch.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let v = Tensor::new(&[[3f32, 4.0]], &Device::Cpu)?;
/// let g = Tensor::new(&[10f32], &Device::Cpu)?;
/// assert_eq!(conv_nn::weight_norm(&v, &g)?.to_vec2::<f32>()?, [[6.0, 8.0]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn weight_norm(v: &Tensor, g: &Tensor) -> Result<Tensor> {
    check_real("weight_norm", "v", v.dtype())?;
    check_view("weight_norm", v)?;
    let outputs = v.dims().first().copied().unwrap_or(0);
    if g.elem_count() != outputs || outputs == 0 {
        return Err(Error::Shape {
            operation: "weight_norm",
            argument: "g",
            found: g.dims().to_vec(),
            expected: format!("as many elements as v {:?} has rows", v.dims()),
        });
    }
    let rows = v.reshape((outputs, ()))?;
    let length = rows.sqr()?.sum_keepdim(1)?.sqrt()?;
    let scale = g.reshape((outputs, 1))?.div(&length)?;
    Ok(rows.broadcast_mul(&scale)?.reshape(v.shape())?)
}

/// ‖v‖ of each index of the first dimension, `[O, 1, …]`: what g is at first, so that w is v.
///
/// # Errors
/// A type that is not f32 or f64.
pub fn direction_lengths(v: &Tensor) -> Result<Tensor> {
    check_real("direction_lengths", "v", v.dtype())?;
    check_view("direction_lengths", v)?;
    let outputs = v.dim(0)?;
    let length = v.detach().reshape((outputs, ()))?.sqr()?.sum_keepdim(1)?.sqrt()?;
    let mut shape = vec![1; v.rank()];
    shape[0] = outputs;
    Ok(length.reshape(shape)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradcheck::values;

    #[test]
    fn the_gradients_are_right() {
        let g = values((3, 1, 1), 2);
        gradcheck::check("weight_norm", &[values((3, 2, 4), 1), g], |t| {
            Ok(weight_norm(&t[0], &t[1])?)
        });
    }

    /// From PyTorch 2.15:
    /// `torch._weight_norm(torch.arange(1., 7).reshape(2, 3), torch.tensor([[2.], [-1.]]), 0)`.
    #[test]
    fn pytorch_agrees_and_lengths_undo_it() -> candle_core::Result<()> {
        let v = Tensor::arange(1f32, 7.0, &candle_core::Device::Cpu)?.reshape((2, 3))?;
        let g = Tensor::new(&[[2f32], [-1.0]], v.device())?;
        let expected = [0.534_522, 1.069_045, 1.603_567, -0.455_842, -0.569_803, -0.683_763];
        let found = weight_norm(&v, &g)?.flatten_all()?.to_vec1::<f32>()?;
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        let same = weight_norm(&v, &direction_lengths(&v)?)?;
        assert!((same - &v)?.abs()?.max_all()?.to_scalar::<f32>()? < 1e-6);
        assert!(weight_norm(&v, &v).is_err());
        Ok(())
    }
}
