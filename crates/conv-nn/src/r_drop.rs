//! How far two passes over the same samples, each with a dropout of its own, disagree: R-Drop
//! (Liang et al. 2021).

use crate::Result;
use crate::blocks::fill_and_sum_rows;
use crate::kernel::with_elements;
use crate::real::{Real, sum};
use crate::softmax::{log_composed, log_sum_exp};
use candle_core::{DType, Tensor};

/// Σ ½ (KL(p‖q) + KL(q‖p)) over the pairs of rows 2i and 2i + 1 of `logits`, whose softmax p and q
/// are: NaN where a logit is -∞.
pub(crate) fn composed(logits: &Tensor) -> Result<Tensor> {
    let (rows, classes) = logits.dims2()?;
    let logs = log_composed(logits)?.reshape((rows / 2, 2, classes))?;
    let [a, b] = [0, 1].map(|pass| logs.narrow(1, pass, 1)?.squeeze(1));
    let (a, b) = (a?, b?);
    Ok((((a.exp()? - b.exp()?)? * (a - b)?)?.sum_all()? / 2.0)?)
}

/// [`composed`] times `factor`, and the gradient of that with respect to the logits, on the CPU.
pub(crate) fn with_gradient(logits: &Tensor, factor: f64) -> Result<(f64, Tensor)> {
    fn of<T: Real>(logits: &Tensor, factor: f64) -> Result<(f64, Tensor)> {
        let (rows, classes) = logits.dims2()?;
        let (gradient, value) =
            with_elements::<T, _, 1>([logits], |[x]| pairs(x, rows / 2, classes, factor))?;
        let gradient = Tensor::from_vec(gradient, (rows, classes), logits.device())?;
        Ok((value[0].to_f64(), gradient))
    }
    match logits.dtype() {
        DType::F64 => of::<f64>(logits, factor),
        _ => of::<f32>(logits, factor),
    }
}

/// The gradient, and the sum.
fn pairs<T: Real>(x: &[T], pairs: usize, classes: usize, factor: f64) -> (Vec<T>, Vec<T>) {
    fill_and_sum_rows(
        pairs,
        [2 * classes, 1],
        2 * classes,
        #[inline(always)]
        |pair, out, total| {
            let half = T::from_f64(factor / 2.0);
            let (a, b) = x[2 * pair * classes..][..2 * classes].split_at(classes);
            let (p, q) = out.split_at_mut(classes);
            let ((shift_a, log_a), (shift_b, log_b)) = (log_sum_exp(a), log_sum_exp(b));
            for ((p, q), (&a, &b)) in p.iter_mut().zip(q.iter_mut()).zip(a.iter().zip(b)) {
                *p = ((a - shift_a) - log_a).exponential_of_shifted();
                *q = ((b - shift_b) - log_b).exponential_of_shifted();
            }
            // ln p - ln q.
            let ratio = |a: T, b: T| ((a - shift_a) - log_a) - ((b - shift_b) - log_b);
            let of_p = sum([&*p, a, b], |[p, a, b]| p * ratio(a, b));
            let of_q = sum([&*q, a, b], |[q, a, b]| q * ratio(a, b));
            total[0] += half * (of_p - of_q);
            for ((p, q), (&a, &b)) in p.iter_mut().zip(q).zip(a.iter().zip(b)) {
                let ratio = ratio(a, b);
                let difference = *p - *q;
                *p = half * (*p * (ratio - of_p) + difference);
                *q = half * (*q * (of_q - ratio) - difference);
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};
    use gradcheck::values;
    use proptest::prelude::*;

    proptest! {
        /// For few classes and for more than a vector has lanes.
        #[test]
        fn value_and_gradient_are_those_of_the_definition(
            samples in 1usize..5,
            classes in prop_oneof![1usize..6, 30usize..80],
            seed: u64,
        ) {
            let logits = Var::from_tensor(&(values((2 * samples, classes), seed) * 3.0)?)?;
            let expected = composed(&logits)?;
            let gradient = expected.backward()?.get(&logits).cloned();
            let expected = expected.to_scalar::<f64>()?;
            let (found, of_logits) = with_gradient(&logits, 1.0)?;
            prop_assert!((found - expected).abs() < 1e-12, "{} {}", found, expected);
            prop_assert!(found > -1e-12, "a divergence is not negative");
            let error = (gradient.expect("it is tracked") - of_logits)?.abs()?.max_all()?;
            let error = error.to_scalar::<f64>()?;
            prop_assert!(error < 1e-12, "{}", error);
        }
    }

    #[test]
    fn of_two_certain_and_opposite_passes_it_is_large_and_finite() -> Result<()> {
        let logits = Tensor::new(&[[200f32, 0.0], [0.0, 200.0]], &Device::Cpu)?;
        let (value, gradient) = with_gradient(&logits, 1.0)?;
        assert!((value - 200.0).abs() < 1e-3, "{value}");
        assert!(gradient.flatten_all()?.to_vec1::<f32>()?.iter().all(|x| x.is_finite()));
        Ok(())
    }
}
