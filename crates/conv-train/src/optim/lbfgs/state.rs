//! What a descent remembers, as tensors by name, so that it goes on elsewhere with the same bits.

use super::{Last, Lbfgs, LbfgsConfig, Pair};
use crate::{Error, Result};
use candle_core::{Device, Tensor, WithDType};
use num_traits::Float;
use std::collections::BTreeMap;

const NUMBERS: &str = "numbers";
const SCALE: &str = "scale";
const VALUE: &str = "value";
const GRADIENT: &str = "gradient";
const DIRECTION: &str = "last/direction";
const STEP: &str = "last/step";
const LAST_GRADIENT: &str = "last/gradient";
const CHANGES: &str = "pairs/numbers";
const GRADIENT_CHANGES: &str = "pairs/gradient";
const RHO: &str = "pairs/rho";

impl<T: Float + WithDType> Lbfgs<T> {
    /// Where it stands and what it remembers, by name; [`Lbfgs::restore`] takes it back. Of n
    /// numbers and P remembered steps: `numbers`, `gradient`, `last/direction` and `last/gradient`
    /// `[n]`, `pairs/numbers` and `pairs/gradient` `[P, n]`, and f64 `scale`, `value` and
    /// `last/step` `[1]` and `pairs/rho` `[P]`; what is not there yet is left out.
    ///
    /// # Errors
    /// None that a caller can bring about.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::new();
        let mut add = |name: &str, tensor: Tensor| state.insert(name.to_string(), tensor);
        let device = &Device::Cpu;
        add(NUMBERS, Tensor::new(&self.numbers[..], device)?);
        add(SCALE, Tensor::new(&[self.scale], device)?);
        if let Some((value, gradient)) = &self.here {
            add(VALUE, Tensor::new(&[*value], device)?);
            add(GRADIENT, Tensor::new(&gradient[..], device)?);
        }
        if let Some(Last { direction, step, gradient }) = &self.last {
            add(DIRECTION, Tensor::new(&direction[..], device)?);
            add(STEP, Tensor::new(&[*step], device)?);
            add(LAST_GRADIENT, Tensor::new(&gradient[..], device)?);
        }
        if !self.pairs.is_empty() {
            let shape = (self.pairs.len(), self.numbers.len());
            let all = |of: fn(&Pair<T>) -> &[T]| {
                let all: Vec<T> = self.pairs.iter().flat_map(of).copied().collect();
                Tensor::from_vec(all, shape, device)
            };
            add(CHANGES, all(|pair| &pair.numbers)?);
            add(GRADIENT_CHANGES, all(|pair| &pair.gradient)?);
            let rho: Vec<f64> = self.pairs.iter().map(|pair| pair.rho).collect();
            add(RHO, Tensor::new(rho, device)?);
        }
        Ok(state)
    }

    /// A descent that goes on from a state that [`Lbfgs::state`] gave.
    ///
    /// # Errors
    /// [`Error::OptimizerState`] for what is missing, not known, of another type or shape, or more
    /// steps than are remembered.
    pub fn restore(config: LbfgsConfig, mut state: BTreeMap<String, Tensor>) -> Result<Self> {
        let numbers: Vec<T> = required(take(&mut state, NUMBERS, None)?, NUMBERS)?;
        let length = numbers.len();
        let one = |state: &mut _, name: &str| -> Result<Option<f64>> {
            Ok(take(state, name, Some(1))?.map(|values: Vec<f64>| values[0]))
        };
        let all = |state: &mut _, name: &str| take::<T>(state, name, Some(length));
        let scale = required(one(&mut state, SCALE)?, SCALE)?;
        let here = match one(&mut state, VALUE)? {
            Some(value) => Some((value, required(all(&mut state, GRADIENT)?, GRADIENT)?)),
            None => None,
        };
        let last = match one(&mut state, STEP)? {
            Some(step) => Some(Last {
                direction: required(all(&mut state, DIRECTION)?, DIRECTION)?,
                step,
                gradient: required(all(&mut state, LAST_GRADIENT)?, LAST_GRADIENT)?,
            }),
            None => None,
        };
        let rho: Vec<f64> = take(&mut state, RHO, None)?.unwrap_or_default();
        if rho.len() > config.history {
            let reason = format!("it has {} steps, expected at most {}", rho.len(), config.history);
            return Err(bad(RHO, &reason));
        }
        let mut pairs = Vec::new();
        if !rho.is_empty() {
            let mut rows = |name: &str| -> Result<Vec<Vec<T>>> {
                let values = take::<T>(&mut state, name, Some(rho.len() * length))?;
                let values = required(values, name)?;
                Ok(values.chunks(length.max(1)).map(<[T]>::to_vec).collect())
            };
            let changes = rows(CHANGES)?;
            let gradients = rows(GRADIENT_CHANGES)?;
            let all = changes.into_iter().zip(gradients).zip(rho);
            pairs.extend(all.map(|((numbers, gradient), rho)| Pair { gradient, numbers, rho }));
        }
        if let Some(name) = state.keys().next() {
            return Err(bad(name, "it is no part of a descent"));
        }
        Ok(Self { config, numbers, here, last, pairs: pairs.into(), scale })
    }
}

fn bad(name: &str, reason: &str) -> Error {
    Error::OptimizerState { name: name.into(), reason: reason.into() }
}

fn required<T>(found: Option<T>, name: &str) -> Result<T> {
    found.ok_or_else(|| bad(name, "it is missing"))
}

/// The values of a tensor, of which there must be so many.
fn take<T: WithDType>(
    state: &mut BTreeMap<String, Tensor>,
    name: &str,
    count: Option<usize>,
) -> Result<Option<Vec<T>>> {
    let Some(tensor) = state.remove(name) else { return Ok(None) };
    let expected = count.unwrap_or(tensor.elem_count());
    if tensor.dtype() != T::DTYPE || tensor.elem_count() != expected {
        let found = format!("{:?} {:?}", tensor.dtype(), tensor.dims());
        return Err(bad(name, &format!("it is {found}, expected {expected} of {:?}", T::DTYPE)));
    }
    Ok(Some(tensor.flatten_all()?.to_vec1()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Rosenbrock's valley in f32.
    fn valley(x: &[f32]) -> Result<(f64, Vec<f32>), String> {
        let a = 1.0 - x[0];
        let b = x[1] - x[0] * x[0];
        Ok((f64::from(a * a + 100.0 * b * b), vec![-2.0 * a - 400.0 * x[0] * b, 200.0 * b]))
    }

    #[test]
    fn a_descent_goes_on_with_the_same_bits() {
        let config = LbfgsConfig { history: 3, ..LbfgsConfig::default() };
        for steps in [0, 1, 6] {
            let mut descent = Lbfgs::new(config, vec![-1.2f32, 1.0]);
            for _ in 0..steps {
                descent.step(valley).unwrap();
            }
            let mut again = Lbfgs::<f32>::restore(config, descent.state().unwrap()).unwrap();
            for _ in 0..5 {
                assert_eq!(again.step(valley).unwrap(), descent.step(valley).unwrap());
                assert_eq!(again.numbers(), descent.numbers());
            }
        }
    }

    #[test]
    fn a_state_of_another_descent_is_refused() {
        let config = LbfgsConfig { history: 3, ..LbfgsConfig::default() };
        let mut descent = Lbfgs::new(config, vec![-1.2f32, 1.0]);
        for _ in 0..6 {
            descent.step(valley).unwrap();
        }
        let refused = |change: &dyn Fn(&mut BTreeMap<String, Tensor>), config| {
            let mut state = descent.state().unwrap();
            change(&mut state);
            Lbfgs::<f32>::restore(config, state).unwrap_err().to_string()
        };
        let three = Tensor::new(&[1f32, 2.0, 3.0], &Device::Cpu).unwrap();
        let text = refused(&|state| drop(state.insert(GRADIENT.into(), three.clone())), config);
        assert!(text.contains("gradient") && text.contains("expected 2 of F32"), "{text}");
        let text = refused(&|state| drop(state.remove(LAST_GRADIENT)), config);
        assert!(text.contains("last/gradient") && text.contains("missing"), "{text}");
        let text = refused(&|state| drop(state.insert("more".into(), three.clone())), config);
        assert!(text.contains("more"), "{text}");
        let text = refused(&|_| (), LbfgsConfig { history: 2, ..config });
        assert!(text.contains("3 steps, expected at most 2"), "{text}");
    }
}
