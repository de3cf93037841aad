//! What keeps a step or a weight from growing: clipping by the global norm, and a bound on the norm
//! of rows.

use crate::{Error, Result};
use candle_core::backprop::GradStore;
use candle_core::{D, DType, Device, Tensor, Var, WithDType};
use conv_hub::InvalidField;
use conv_nn::Parameters;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Numbers a task sums. Fixed, so that the sum does not depend on the number of threads.
const BLOCK: usize = 1 << 14;

/// The L2 norm of all gradients together: √Σ‖g‖², summed in f64 in name order.
///
/// # Errors
/// A gradient that is neither f32 nor f64.
pub fn global_norm(parameters: &Parameters, gradients: &GradStore) -> Result<f64> {
    let mut total = 0.0;
    for (name, var) in parameters.vars() {
        if let Some(gradient) = gradients.get(var.as_tensor()) {
            total += sum_of_squares(&name, gradient)?;
        }
    }
    Ok(total.sqrt())
}

/// Scales all gradients by min(1, `max_norm` / (norm + 10⁻⁶)), as PyTorch's `clip_grad_norm_`, and
/// returns the norm that they had (Pascanu et al. 2013, algorithm 1).
///
/// A norm that is not finite is returned and changes nothing.
///
/// # Errors
/// A gradient that is neither f32 nor f64.
pub fn clip_global_norm(
    parameters: &Parameters,
    gradients: &mut GradStore,
    max_norm: f64,
) -> Result<f64> {
    let norm = global_norm(parameters, gradients)?;
    let factor = max_norm / (norm + 1e-6);
    if norm.is_finite() && factor < 1.0 {
        scale(parameters, gradients, factor)?;
    }
    Ok(norm)
}

/// Multiplies every gradient by `factor`.
pub(crate) fn scale(parameters: &Parameters, gradients: &mut GradStore, factor: f64) -> Result<()> {
    for (_, var) in parameters.vars() {
        // Not in place: two parameters' gradients may be one tensor, as those of a sum's terms are.
        if let Some(gradient) = gradients.remove(var.as_tensor()) {
            gradients.insert(var.as_tensor(), (gradient * factor)?);
        }
    }
    Ok(())
}

/// The first of these tensors that holds a number that is not finite. Only f32 and f64 are looked
/// at: others are not stepped.
pub(crate) fn not_finite(
    tensors: impl IntoIterator<Item = (String, Tensor)>,
) -> Result<Option<String>> {
    for (name, tensor) in tensors {
        if matches!(tensor.dtype(), DType::F32 | DType::F64)
            && !sum_of_squares(&name, &tensor)?.is_finite()
        {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn sum_of_squares(name: &str, gradient: &Tensor) -> Result<f64> {
    let gradient = gradient.to_device(&Device::Cpu)?.flatten_all()?.contiguous()?;
    match gradient.dtype() {
        DType::F32 => Ok(typed_sum::<f32>(&gradient)?),
        DType::F64 => Ok(typed_sum::<f64>(&gradient)?),
        dtype => {
            let name = name.into();
            Err(Error::ParameterKind { name, dtype })
        }
    }
}

fn typed_sum<T: WithDType>(gradient: &Tensor) -> candle_core::Result<f64> {
    let (storage, layout) = gradient.storage_and_layout();
    let candle_core::Storage::Cpu(storage) = &*storage else {
        candle_core::bail!("a gradient to measure must be on the CPU")
    };
    let (start, end) = layout.contiguous_offsets().unwrap_or_default();
    let sums: Vec<f64> = storage.as_slice::<T>()?[start..end]
        .par_chunks(BLOCK)
        .map(|block| {
            // Eight running sums, so that the compiler may use vector registers: one would fix the
            // order of additions.
            let mut lanes = [0.0; 8];
            for eight in block.chunks(8) {
                for (lane, value) in lanes.iter_mut().zip(eight) {
                    let value = value.to_f64();
                    *lane += value * value;
                }
            }
            lanes.iter().sum()
        })
        .collect();
    Ok(sums.iter().sum())
}

/// A bound on the L2 norm of each row (each output unit) of one parameter, kept after every step.
///
/// Kim (2014, section 2.1) rescales the rows of the last layer's weight to a norm of 3 when they
/// exceed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxNorm {
    /// The parameter's full name.
    pub parameter: String,
    /// The largest norm that a row `weight[i, …]` may have.
    pub norm: f64,
}

impl MaxNorm {
    /// Rescales the rows above the bound by norm / (‖row‖ + 10⁻⁷), as PyTorch's `renorm`.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`].
    pub fn apply(&self, parameters: &Parameters) -> Result<()> {
        let var = self.var(parameters)?;
        let rows = var.flatten_from(1)?.detach();
        let norms = rows.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
        let shrunk = ((&norms + 1e-7)?.recip()? * self.norm)?;
        let factor = norms.gt(self.norm)?.where_cond(&shrunk, &norms.ones_like()?)?;
        Ok(var.set(&rows.broadcast_mul(&factor)?.reshape(var.shape())?)?)
    }

    /// The parameter that the rule is about: at least two-dimensional.
    pub(crate) fn var(&self, parameters: &Parameters) -> Result<Var> {
        let field = "max_norm.parameter";
        let name = &self.parameter;
        let var = parameters
            .var(name)
            .ok_or_else(|| Error::UnknownParameter { field, name: name.clone() })?;
        if var.rank() < 2 {
            return Err(Error::from(InvalidField::new(
                field,
                format!("{name}, of shape {:?}", var.dims()),
                "a parameter that has rows",
            )));
        }
        Ok(var)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use conv_nn::Init;

    fn parameters() -> (Parameters, Tensor, Tensor) {
        let parameters = Parameters::new(1);
        let vb = parameters.builder(DType::F32, &Device::Cpu);
        let init = Init::Normal { mean: 0.0, std: 1.0 };
        let a = vb.get_with_hints((3, 20_000), "a", init.clone()).unwrap();
        let b = vb.get_with_hints(5, "b", init).unwrap();
        (parameters, a, b)
    }

    fn gradients(a: &Tensor, b: &Tensor) -> GradStore {
        let loss = (a.sqr().unwrap().sum_all().unwrap() + b.sum_all().unwrap() * 2.0).unwrap();
        loss.backward().unwrap()
    }

    fn norm_of(values: &[f32]) -> f64 {
        values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn clipping_scales_all_gradients_by_one_factor() {
        let (parameters, a, b) = parameters();
        let mut store = gradients(&a, &b);
        let before: Vec<f32> = store.get(&a).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let expected = (norm_of(&before).powi(2) + 5.0 * 4.0).sqrt();
        let norm = clip_global_norm(&parameters, &mut store, 10.0).unwrap();
        assert!((norm / expected - 1.0).abs() < 1e-12, "{norm} {expected}");
        let clipped: Vec<f32> = store.get(&b).unwrap().to_vec1().unwrap();
        assert!(clipped.iter().all(|g| (f64::from(*g) / (2.0 * 10.0 / norm) - 1.0).abs() < 1e-6));
        assert!((global_norm(&parameters, &store).unwrap() - 10.0).abs() < 1e-4);
    }

    #[test]
    fn a_small_norm_changes_nothing_and_a_bad_one_is_found_by_name() {
        let (parameters, a, b) = parameters();
        let mut store = gradients(&a, &b);
        clip_global_norm(&parameters, &mut store, 1e9).unwrap();
        assert_eq!(store.get(&b).unwrap().to_vec1::<f32>().unwrap(), [2.0; 5]);
        store.insert(&b, Tensor::new(&[1f32, f32::NAN, 1.0, 1.0, 1.0], &Device::Cpu).unwrap());
        assert!(clip_global_norm(&parameters, &mut store, 1.0).unwrap().is_nan());
        let tensors = ["a", "b"].map(String::from).into_iter().zip([&a, &b]);
        let tensors = tensors.map(|(name, var)| (name, store.remove(var).unwrap()));
        assert_eq!(not_finite(tensors).unwrap().as_deref(), Some("b"));
    }

    #[test]
    fn only_rows_above_the_bound_shrink_to_it() {
        let parameters = Parameters::new(1);
        let value = Tensor::new(&[[3f32, 4.0], [0.3, 0.4], [0.0, 0.0]], &Device::Cpu).unwrap();
        let vb = parameters.builder(DType::F32, &Device::Cpu);
        let weight = vb.get_with_hints((3, 2), "fc.weight", Init::Value(value)).unwrap();
        let parameter = "fc.weight".to_string();
        MaxNorm { parameter, norm: 1.0 }.apply(&parameters).unwrap();
        let rows = weight.to_vec2::<f32>().unwrap();
        assert!((norm_of(&rows[0]) - 1.0).abs() < 1e-6);
        assert_eq!(rows[1..], [[0.3, 0.4], [0.0, 0.0]]);
    }

    #[test]
    fn a_rule_for_no_parameter_or_no_rows_is_named() {
        let (parameters, ..) = parameters();
        let message = |name: &str| {
            let parameter = name.to_string();
            let rule = MaxNorm { parameter, norm: 3.0 };
            rule.apply(&parameters).unwrap_err().to_string()
        };
        assert!(message("c").contains("parameter `c`, which this model does not have"));
        assert!(message("b").contains("b, of shape [5], expected a parameter that has rows"));
    }
}
