//! The rectifier for those who climb towards a unit that nothing excites yet.

use crate::kernel::{Kernel, apply};
use crate::real::Real;
use crate::{Result, relu};
use candle_core::Tensor;

/// max(x, 0) as [`relu`], with a gradient that also reaches the input where all of a sample's
/// outputs are 0: the redirected gradient of Olah, Mordvintsev and Schubert (2017), as in their
/// code.
///
/// For a loss that is to fall: of a sample of which the rectifier lets any gradient through, the
/// gradient is the rectifier's. Otherwise an element whose output is 0 gets the gradient all the
/// same where that raises it (a gradient of at most 0), and 0 where it would push it further down.
/// It is no derivative of anything; use it for the first steps of an ascent.
///
/// # Shapes
/// `[B, …]` of f32 or f64; the output has the same.
///
/// # Errors
/// Other types; a device that is not the CPU.
pub fn redirected_relu(x: &Tensor) -> Result<Tensor> {
    if !x.track_op() {
        return relu(x);
    }
    if !x.device().is_cpu() {
        let place = x.device().location();
        let text =
            format!("{} computes gradients on the CPU, not on {place:?}", RedirectedRelu::NAME);
        return Err(candle_core::Error::Msg(text).into());
    }
    let samples = x.dims().first().copied().unwrap_or(1).max(1);
    apply(RedirectedRelu { sample: (x.elem_count() / samples).max(1) }, x)
}

struct RedirectedRelu {
    /// Elements of a sample.
    sample: usize,
}

impl Kernel for RedirectedRelu {
    const NAME: &'static str = "redirected_relu";

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        x.iter().map(|&x| if x <= T::zero() { T::zero() } else { x }).collect()
    }

    fn backward<T: Real>(&self, x: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
        let mut dx = Vec::with_capacity(x.len());
        for (x, dy) in x.chunks(self.sample).zip(gradient.chunks(self.sample)) {
            // So that NaN passes, as in the rectifier.
            let is_closed = |x: T| x <= T::zero();
            let passes = x.iter().zip(dy).any(|(&x, &dy)| !is_closed(x) && dy != T::zero());
            dx.extend(x.iter().zip(dy).map(|(&x, &dy)| match is_closed(x) {
                false => dy,
                true if !passes && dy <= T::zero() => dy,
                true => T::zero(),
            }));
        }
        dx
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn a_closed_sample_gets_what_raises_it_and_an_open_one_what_passes() -> candle_core::Result<()>
    {
        let x =
            Var::new(&[[-1f32, 0.0, -2.0], [-1.0, 3.0, -2.0], [-1.0, 3.0, -2.0]], &Device::Cpu)?;
        let y = redirected_relu(&x)?;
        assert_eq!(y.to_vec2::<f32>()?, [[0.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 3.0, 0.0]]);
        let dy =
            Tensor::new(&[[-1f32, -2.0, 4.0], [-1.0, 5.0, 4.0], [-1.0, 0.0, 4.0]], &Device::Cpu)?;
        let gradients = y.mul(&dy)?.sum_all()?.backward()?;
        let dx = gradients.get(&x).map(|dx| dx.to_vec2::<f32>()).transpose()?;
        // Of the third sample an element is open, but no gradient comes to it.
        let expected = vec![vec![-1f32, -2.0, 0.0], vec![0.0, 5.0, 0.0], vec![-1.0, 0.0, 0.0]];
        assert_eq!(dx, Some(expected));
        Ok(())
    }
}
