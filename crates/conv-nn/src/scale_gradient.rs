//! Slower learning of a part of a network.

use crate::Result;
use crate::blocks::map;
use crate::kernel::{Kernel, apply, check_real};
use crate::real::Real;
use candle_core::Tensor;

/// `x`, whose gradient is multiplied by `factor` on its way back (Gehring et al. 2017, section 3.4,
/// for an encoder that many attention layers send gradients to).
///
/// # Shapes
/// Any, of f32 or f64; the output has the same.
///
/// # Errors
/// Other types.
pub fn scale_gradient(x: &Tensor, factor: f64) -> Result<Tensor> {
    check_real(ScaleGradient::NAME, "its input", x.dtype())?;
    match x.device().is_cpu() {
        true if x.track_op() => apply(ScaleGradient { factor }, x),
        true => Ok(x.clone()),
        // factor · x carries the gradient, and the rest only the value.
        false => Ok(((x * factor)? + (x.detach() * (1.0 - factor))?)?),
    }
}

struct ScaleGradient {
    factor: f64,
}

impl Kernel for ScaleGradient {
    const NAME: &'static str = "scale_gradient";

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        x.to_vec()
    }

    fn backward<T: Real>(&self, _x: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
        let factor = T::from_f64(self.factor);
        map(
            gradient,
            gradient,
            #[inline(always)]
            |gradient, _| gradient * factor,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Var;
    use gradcheck::values;

    #[test]
    fn the_value_stays_and_the_gradient_is_scaled() -> candle_core::Result<()> {
        let x = Var::from_tensor(&values((2, 3), 1))?;
        let y = scale_gradient(&x, 0.25)?;
        let flat = |t: &Tensor| t.flatten_all()?.to_vec1::<f64>();
        assert_eq!(flat(&y)?, flat(&x)?);
        let weights = values((2, 3), 2);
        let gradients = y.mul(&weights)?.sum_all()?.backward()?;
        let found = gradients.get(&x).map(flat).transpose()?;
        assert_eq!(found, Some(flat(&(weights * 0.25)?)?));
        Ok(())
    }
}
