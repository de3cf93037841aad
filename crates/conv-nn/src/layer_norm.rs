//! Layer normalisation whose gradients reach the input, the weight and the bias.

use crate::blocks::{fill_and_sum_rows, map_rows};
use crate::kernel::{
    Argument, LayerKernel, apply_layer, check_real, contiguous, layer_gradients, slice,
    with_elements,
};
use crate::real::{Real, sum};
use crate::{Error, Init, Result, VarBuilder};
use candle_core::{D, Module, Shape, Tensor};
use serde::{Deserialize, Serialize};

/// How a [`LayerNorm`] works.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LayerNormConfig {
    /// What is added to the variance, so that a constant row gives 0 and not NaN.
    pub epsilon: f64,
}

impl Default for LayerNormConfig {
    fn default() -> Self {
        Self { epsilon: 1e-5 }
    }
}

/// y = (x - mean) / √(variance + ε) · weight + bias over the last dimension (Ba et al. 2016,
/// equation 4). The variance is the biased one: divided by D.
///
/// # Shapes
/// `[…, D]` → `[…, D]`; weight and bias `[D]`; f32 or f64.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    config: LayerNormConfig,
}

/// A [`LayerNorm`] over `size` elements from `weight` (at first 1) and `bias` (at first 0).
pub fn layer_norm(
    size: usize,
    config: LayerNormConfig,
    vb: VarBuilder,
) -> candle_core::Result<LayerNorm> {
    let weight = vb.get_with_hints(size, "weight", Init::Const(1.0))?;
    let bias = vb.get_with_hints(size, "bias", Init::Const(0.0))?;
    Ok(LayerNorm { weight, bias, config })
}

impl LayerNorm {
    /// From given tensors, both `[D]`.
    pub fn new(weight: Tensor, bias: Tensor, config: LayerNormConfig) -> Self {
        Self { weight, bias, config }
    }

    fn check(&self, x: &Tensor) -> Result<()> {
        let operation = Normalise::NAME;
        check_real(operation, "its input", x.dtype())?;
        let size = self.weight.elem_count();
        for (argument, tensor, expected, fits) in [
            ("its input", x, format!("[…, {size}]"), x.dims().last() == Some(&size)),
            ("weight", &self.weight, format!("[{size}]"), self.weight.rank() == 1),
            ("bias", &self.bias, format!("[{size}]"), self.bias.dims() == [size]),
        ] {
            if !fits {
                let found = tensor.dims().to_vec();
                return Err(Error::Shape { operation, argument, found, expected });
            }
            if tensor.dtype() != x.dtype() {
                let found = tensor.dtype();
                let expected = format!("{:?}", x.dtype());
                return Err(Error::DType { operation, argument, found, expected });
            }
        }
        Ok(())
    }

    pub(crate) fn gradients(&self, x: &Tensor, dy: &Tensor) -> Result<[Option<Tensor>; 3]> {
        self.check(x)?;
        let operation = Normalise { epsilon: self.config.epsilon };
        layer_gradients(operation, [x, &self.weight, &self.bias], dy)
    }

    fn composed(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let x = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = x.sqr()?.mean_keepdim(D::Minus1)?;
        x.broadcast_div(&(variance + self.config.epsilon)?.sqrt()?)?
            .broadcast_mul(&self.weight)?
            .broadcast_add(&self.bias)
    }
}

impl Module for LayerNorm {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.check(x)?;
        if !x.device().is_cpu() {
            return self.composed(x);
        }
        let operation = Normalise { epsilon: self.config.epsilon };
        let x = contiguous(Normalise::NAME, x)?;
        let [weight, bias] = [&self.weight, &self.bias].map(Tensor::contiguous);
        apply_layer(operation, [&x, &weight?, &bias?])
    }
}

struct Normalise {
    epsilon: f64,
}

impl Normalise {
    /// The mean of a row, and what its deviations are multiplied by.
    #[inline(always)]
    fn moments<T: Real>(&self, x: &[T]) -> (T, T) {
        let count = T::from_f64(x.len() as f64);
        let mean = sum([x], |[x]| x) / count;
        let variance = sum([x], |[x]| (x - mean) * (x - mean)) / count;
        (mean, (variance + T::from_f64(self.epsilon)).sqrt().recip())
    }

    /// The gradient of the input, unless only the other two are wanted, and those of weight and
    /// bias one after the other.
    fn gradients<T: Real>(
        &self,
        [x, weight, gradient]: [&[T]; 3],
        of_input: bool,
    ) -> (Vec<T>, Vec<T>) {
        let width = weight.len();
        let count = T::from_f64(width as f64);
        fill_and_sum_rows(
            x.len() / width.max(1),
            [if of_input { width } else { 0 }, 2 * width],
            2 * width,
            #[inline(always)]
            |row, out, parameters| {
                let x = &x[row * width..][..width];
                let gradient = &gradient[row * width..][..width];
                let (mean, scale) = self.moments(x);
                let (of_weight, of_bias) = parameters.split_at_mut(width);
                let of_parameters = of_weight.iter_mut().zip(of_bias);
                let of_parameters = of_parameters.zip(x.iter().zip(gradient).zip(weight));
                if !of_input {
                    for ((of_weight, of_bias), ((&x, &g), _)) in of_parameters {
                        *of_weight += g * ((x - mean) * scale);
                        *of_bias += g;
                    }
                    return;
                }
                // The normalised row is orthogonal to what moves its mean or its variance: both are
                // taken out of the gradient.
                let along_mean = sum([gradient, weight], |[g, w]| g * w) / count;
                let along_row = sum([gradient, weight, x], |[g, w, x]| g * w * (x - mean)) / count;
                let along_row = along_row * scale * scale;
                for (out, ((of_weight, of_bias), ((&x, &g), &w))) in
                    out.iter_mut().zip(of_parameters)
                {
                    let deviation = x - mean;
                    *of_weight += g * (deviation * scale);
                    *of_bias += g;
                    *out = (g * w - along_mean - deviation * along_row) * scale;
                }
            },
        )
    }
}

impl LayerKernel for Normalise {
    const NAME: &'static str = "layer_norm";

    fn forward<T: Real>(
        &self,
        [x, weight, bias]: [Argument; 3],
    ) -> candle_core::Result<(Vec<T>, Shape)> {
        let shape = x.1.shape().clone();
        let weight = slice::<T>(weight)?;
        let bias = slice::<T>(bias)?;
        let y = map_rows(
            [slice::<T>(x)?],
            weight.len(),
            #[inline(always)]
            |[x], y| {
                let (mean, scale) = self.moments(x);
                let parameters = weight.iter().zip(bias);
                for (y, (&x, (&weight, &bias))) in y.iter_mut().zip(x.iter().zip(parameters)) {
                    *y = (x - mean) * scale * weight + bias;
                }
            },
        );
        Ok((y, shape))
    }

    fn backward<T: Real>(
        &self,
        [x, weight, bias]: [&Tensor; 3],
        _y: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; 3]> {
        let width = weight.elem_count();
        let device = x.device();
        let (input, parameters) = with_elements::<T, _, 3>([x, weight, gradient], |arguments| {
            self.gradients(arguments, x.track_op())
        })?;
        let input = x.track_op().then(|| Tensor::from_vec(input, x.shape(), device)).transpose()?;
        let parameters = Tensor::from_vec(parameters, (2, width), device)?;
        let row = |tensor: &Tensor, row| tensor.track_op().then(|| parameters.get(row)).transpose();
        Ok([input, row(weight, 0)?, row(bias, 1)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device, Var};
    use gradcheck::values;
    use proptest::prelude::*;

    fn norm(weight: &Tensor, bias: &Tensor) -> LayerNorm {
        LayerNorm::new(weight.clone(), bias.clone(), LayerNormConfig::default())
    }

    proptest! {
        #[test]
        fn the_gradients_are_right(
            rows in 0usize..4, steps in 1usize..3, size in 2usize..6, seed: u64,
        ) {
            let x = values((size, steps, rows), seed);
            let inputs = [x, values(size, seed ^ 1), values(size, seed ^ 2)];
            // Large, so that two close elements do not make it too steep for finite differences.
            let config = LayerNormConfig { epsilon: 0.1 };
            gradcheck::check("layer_norm", &inputs, |t| {
                LayerNorm::new(t[1].clone(), t[2].clone(), config).forward(&t[0].transpose(0, 2)?)
            });
        }
    }

    #[test]
    fn the_composition_agrees_in_values_and_gradients() {
        let inputs = [values((4, 5, 6), 1), values(6, 2), values(6, 3)];
        let of = |t: &[Tensor]| norm(&t[1], &t[2]);
        gradcheck::check_same(
            "layer_norm",
            &inputs,
            |t| of(t).forward(&t[0]),
            |t| of(t).composed(&t[0]),
        );
    }

    #[test]
    fn only_tracked_arguments_get_a_gradient() -> candle_core::Result<()> {
        let plain = [values((3, 4), 1), values(4, 2), values(4, 3)];
        for tracked in 0..3 {
            let mut inputs = plain.clone();
            let var = Var::from_tensor(&plain[tracked])?;
            // An intermediate result, for which candle insists on a gradient.
            inputs[tracked] = var.affine(2.0, 0.0)?;
            let y = norm(&inputs[1], &inputs[2]).forward(&inputs[0])?;
            let gradients = y.sum_all()?.backward()?;
            assert!(gradients.get(&var).is_some());
            let made = norm(&inputs[1], &inputs[2]).gradients(&inputs[0], &y.detach())?;
            assert_eq!(made.map(|made| made.is_some()), [0, 1, 2].map(|i| i == tracked));
        }
        Ok(())
    }

    #[test]
    fn a_constant_row_gives_the_bias() -> candle_core::Result<()> {
        let x = Tensor::full(7f64, (2, 3), &Device::Cpu)?;
        let weight = values(3, 1);
        let bias = values(3, 2);
        let y = norm(&weight, &bias).forward(&x)?.to_vec2::<f64>()?;
        assert_eq!(y, vec![bias.to_vec1::<f64>()?; 2]);
        Ok(())
    }

    #[test]
    fn misfits_are_named() -> candle_core::Result<()> {
        let layer = norm(&values(4, 1), &values(4, 2));
        let message =
            |x: &Tensor| layer.forward(x).err().map(|e| e.to_string()).unwrap_or_default();
        let wide = message(&values((2, 5), 1));
        assert!(
            wide.starts_with("layer_norm: its input has shape [2, 5], expected […, 4]"),
            "{wide}"
        );
        let narrow = message(&values((2, 4), 1).to_dtype(DType::F32)?);
        assert!(narrow.starts_with("layer_norm: weight is F64, expected F32"), "{narrow}");
        Ok(())
    }
}
