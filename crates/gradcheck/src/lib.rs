//! Finite-difference gradient checks for candle operations.
//!
//! [`check`] compares what `backward` says with what moving every input element by a small step
//! does to the output, in f64. The output is weighted by a fixed pseudo-random cotangent, so that
//! every output element matters and no two errors cancel. [`check_same`] compares two ways to
//! compute one thing.
//!
//! ```
//! let x = gradcheck::values((2, 3), 1);
//! gradcheck::check("exp", &[x], |inputs| inputs[0].exp());
//! ```
#![deny(missing_docs)]

mod devices;
mod draws;

pub use devices::OnCuda;
pub use draws::{Kinds, check_many, in_process_with};

use candle_core::{DType, Device, Result, Shape, Tensor, Var};

/// The step of the central difference, relative to elements above 1.
const STEP: f64 = 1e-5;
/// The largest difference allowed, relative to values above 1.
const TOLERANCE: f64 = 1e-6;
/// The largest between two ways to compute one thing.
const SAME: f64 = 1e-12;

/// Panics unless `backward` through `f` agrees with central differences for every element of every
/// input.
///
/// `f` is called with the inputs as variables once, and with plain tensors twice for each element,
/// so inputs are best kept small. It must be smooth within 1e-5 of the inputs: keep arguments of a
/// maximum apart.
///
/// # Panics
/// The text names the operation, the input's number, the element's index, and the numeric and
/// analytic values; also where an input is not f64 on the CPU, gets no gradient at all, or one of
/// another shape.
pub fn check(name: &str, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor>) {
    if let Err(error) = try_check(name, inputs, f) {
        panic!("{name}: {error}");
    }
}

fn try_check(name: &str, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor>) -> Result<()> {
    for (number, input) in inputs.iter().enumerate() {
        let (dtype, device) = (input.dtype(), input.device());
        assert!(
            dtype == DType::F64 && device.is_cpu(),
            "{name}: input {number} is {dtype:?} on {device:?}, expected F64 on the CPU"
        );
    }
    let variables = inputs.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
    let tracked: Vec<Tensor> = variables.iter().map(|v| v.as_tensor().clone()).collect();
    let output = f(&tracked)?;
    let cotangent = values(output.shape(), 0xC07A);
    let gradients = output.mul(&cotangent)?.sum_all()?.backward()?;

    let weighted = |inputs: &[Tensor]| -> Result<f64> {
        f(inputs)?.mul(&cotangent)?.sum_all()?.to_scalar::<f64>()
    };
    for (number, variable) in tracked.iter().enumerate() {
        let Some(gradient) = gradients.get(variable) else {
            panic!("{name}: input {number} has no gradient");
        };
        assert_eq!(
            gradient.dims(),
            variable.dims(),
            "{name}: input {number}: shape of the gradient"
        );
        let analytic = gradient.flatten_all()?.to_vec1::<f64>()?;
        let values = inputs[number].flatten_all()?.to_vec1::<f64>()?;
        let mut moved = inputs.to_vec();
        for (element, &analytic) in analytic.iter().enumerate() {
            let step = STEP * values[element].abs().max(1.0);
            let mut at = |value: f64| -> Result<f64> {
                let mut values = values.clone();
                values[element] = value;
                moved[number] = Tensor::from_vec(values, variable.shape(), &Device::Cpu)?;
                weighted(&moved)
            };
            let numeric =
                (at(values[element] + step)? - at(values[element] - step)?) / (2.0 * step);
            let scale = analytic.abs().max(numeric.abs()).max(1.0);
            // Written so that a NaN on either side fails.
            let agree = (analytic - numeric).abs() <= TOLERANCE * scale;
            assert!(
                agree,
                "{name}: input {number}, element {:?}: backward gives {analytic}, finite differences {numeric}",
                coordinates(element, variable.dims()),
            );
        }
    }
    Ok(())
}

fn coordinates(mut element: usize, dims: &[usize]) -> Vec<usize> {
    let mut index = vec![0; dims.len()];
    for (coordinate, dim) in index.iter_mut().zip(dims).rev() {
        *coordinate = element % dim;
        element /= dim;
    }
    index
}

/// Panics unless both functions give the same value and the same gradient of every input, to 1e-12:
/// a fused kernel and what it is composed of. A gradient that one of them lacks is zeros; both must
/// not.
///
/// ```
/// let x = gradcheck::values((2, 3), 1);
/// gradcheck::check_same("square", &[x], |t| t[0].sqr(), |t| t[0].mul(&t[0]));
/// ```
///
/// # Panics
/// The text names the operation and what differs; also where an input is not f64 on the CPU, or has
/// no gradient of either.
pub fn check_same(
    name: &str,
    inputs: &[Tensor],
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    g: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    if let Err(error) = try_check_same(name, inputs, f, g) {
        panic!("{name}: {error}");
    }
}

fn try_check_same(
    name: &str,
    inputs: &[Tensor],
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    g: impl Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<()> {
    let variables = inputs.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
    let tracked: Vec<Tensor> = variables.iter().map(|v| v.as_tensor().clone()).collect();
    let all = |y: Tensor| -> Result<Vec<Option<Tensor>>> {
        let gradients = y.mul(&values(y.shape(), 0xC07A))?.sum_all()?.backward()?;
        let of_inputs = tracked.iter().map(|x| gradients.get(x).cloned()).collect();
        Ok([vec![Some(y)], of_inputs].concat())
    };
    for (number, (a, b)) in all(f(&tracked)?)?.into_iter().zip(all(g(&tracked)?)?).enumerate() {
        let what = match number {
            0 => "the values".into(),
            _ => format!("the gradients of input {}", number - 1),
        };
        let Some(given) = a.as_ref().or(b.as_ref()) else {
            panic!("{name}: input {} has no gradient", number - 1);
        };
        let zeros = given.zeros_like()?;
        let [a, b] = [a, b].map(|one| one.unwrap_or_else(|| zeros.clone()));
        assert_eq!(a.dims(), b.dims(), "{name}: shapes of {what}");
        let [a, b] = [a, b].map(|one| one.flatten_all()?.to_vec1::<f64>());
        for (a, b) in a?.into_iter().zip(b?) {
            // Written so that a NaN on either side fails.
            let agree = (a - b).abs() <= SAME;
            assert!(agree, "{name}: {what} differ: {a} and {b}");
        }
    }
    Ok(())
}

/// An f64 tensor on the CPU of reproducible values, spread over (-1, 1) and never closer to 0 than
/// 1e-3.
pub fn values(shape: impl Into<Shape>, seed: u64) -> Tensor {
    let shape = shape.into();
    let values: Vec<f64> = (0..shape.elem_count() as u64)
        .map(|i| {
            let unit = (mix(seed ^ mix(i)) >> 11) as f64 / (1u64 << 53) as f64;
            let signed = 2.0 * unit - 1.0;
            signed + 1e-3f64.copysign(signed) * (1.0 - signed.abs())
        })
        .collect();
    match Tensor::from_vec(values, shape, &Device::Cpu) {
        Ok(tensor) => tensor,
        Err(error) => panic!("a CPU tensor from as many values as its shape has: {error}"),
    }
}

/// SplitMix64's output function.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_gradients_pass() {
        let inputs = [values((2, 3), 1), values((3, 4), 2)];
        check("matmul", &inputs, |t| t[0].matmul(&t[1])?.tanh());
    }

    #[test]
    #[should_panic(expected = "half: input 0, element [0, 0]: backward gives")]
    fn a_wrong_gradient_is_named() {
        check("half", &[values((1, 2), 1)], |t| {
            t[0].affine(0.5, 0.0)? + t[0].detach().affine(0.5, 0.0)?
        });
    }

    #[test]
    #[should_panic(expected = "lost: input 1 has no gradient")]
    fn a_missing_gradient_is_named() {
        check("lost", &[values(2, 1), values(2, 2)], |t| &t[0] + t[1].detach());
    }

    #[test]
    #[should_panic(expected = "shifted: the values differ: ")]
    fn another_value_is_named() {
        check_same("shifted", &[values(2, 1)], |t| t[0].sqr(), |t| t[0].sqr()? + 1.0);
    }

    #[test]
    #[should_panic(expected = "lost: the gradients of input 0 differ: ")]
    fn a_gradient_that_one_has_not_is_named() {
        check_same("lost", &[values(2, 1)], |t| t[0].sqr(), |t| t[0].detach().sqr());
    }

    #[test]
    #[should_panic(expected = "lost: input 1 has no gradient")]
    fn a_gradient_that_neither_has_is_named() {
        let f = |t: &[Tensor]| &t[0] + t[1].detach();
        check_same("lost", &[values(2, 1), values(2, 2)], f, f);
    }

    #[test]
    #[should_panic(expected = "nan: the values differ: ")]
    fn what_is_not_a_number_is_no_other() {
        let nan = Tensor::new(&[0.0, f64::NAN], &Device::Cpu).expect("two numbers");
        check_same("nan", &[values(2, 1)], |t| t[0].sqr(), |t| t[0].sqr()? + &nan);
    }

    #[test]
    fn values_are_spread_and_differ_by_seed() {
        let v = values(1000, 7).to_vec1::<f64>().unwrap_or_default();
        assert!(v.iter().all(|x| x.abs() >= 1e-3 && x.abs() < 1.0));
        let mean = v.iter().sum::<f64>() / 1000.0;
        assert!(mean.abs() < 0.1, "mean {mean}");
        let other = values(1000, 8).to_vec1::<f64>().unwrap_or_default();
        assert_ne!(v, other);
    }
}
