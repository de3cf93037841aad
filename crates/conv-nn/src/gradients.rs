//! The backward passes alone, for operations that are made of these and for whoever walks the graph
//! himself. On the CPU.
//!
//! `dy` has the shape of the operation's result.

use crate::cross_entropy::Loss;
use crate::glu::Glu;
use crate::kernel::{check_gradient, gradient};
use crate::local_response_norm::Normalise;
use crate::max_over_time::Pick;
use crate::softmax::{Softmax, along};
use crate::{BatchNorm, CrossEntropyConfig, GroupNorm, LayerNorm, LocalResponseNormConfig, Result};
use candle_core::shape::Dim;
use candle_core::{D, Tensor};

/// The gradient of `x` in [`relu`](crate::relu).
///
/// # Errors
/// A `dy` of another shape.
pub fn relu(x: &Tensor, dy: &Tensor) -> Result<Tensor> {
    check_gradient("relu", x.dims(), dy)?;
    Ok(conv_core::gradients::relu(x, dy)?)
}

/// The gradient of x in [`softmax`](crate::softmax), whose result is `y`.
///
/// # Errors
/// A `dy` of another shape.
pub fn softmax(y: &Tensor, dy: &Tensor, dim: impl Dim) -> Result<Tensor> {
    let dim = dim.to_index(y.shape(), "softmax")?;
    along(y, dim, |y| {
        let dy = dy.transpose(dim, D::Minus1)?;
        gradient(Softmax { width: y.dim(D::Minus1)? }, y, y, &dy)
    })
}

/// The gradient of `x` in [`max_over_time`](crate::max_over_time), whose maxima are at `positions`
/// ([`argmax_over_time`](crate::argmax_over_time)).
///
/// # Errors
/// A `dy` or positions of another shape than the result's, or a position that is not in `x`.
pub fn max_over_time(x: &Tensor, positions: &Tensor, dy: &Tensor) -> Result<Tensor> {
    gradient(Pick::at(x, positions)?, x, dy, dy)
}

/// The gradient of `x` in [`glu`](crate::glu).
///
/// # Errors
/// A `dy` of another shape.
pub fn glu(x: &Tensor, dy: &Tensor, dim: impl Dim) -> Result<Tensor> {
    let dim = dim.to_index(x.shape(), "glu")?;
    gradient(Glu::new(x, dim)?, x, dy, dy)
}

/// The loss of [`cross_entropy`](crate::cross_entropy) and its gradient with respect to the logits:
/// of the sum of the losses where there is no reduction.
///
/// # Errors
/// As the loss.
pub fn cross_entropy(
    logits: &Tensor,
    targets: &Tensor,
    config: &CrossEntropyConfig,
) -> Result<(Tensor, Tensor)> {
    let (loss, total) = Loss::prepared(logits, targets, config)?;
    let share = config.reduction.share(total);
    let dy = Tensor::full(share, targets.dims1()?, logits.device())?.to_dtype(logits.dtype())?;
    let losses = loss.losses(logits)?;
    let dlogits = gradient(loss, logits, &losses, &dy)?;
    Ok((config.reduction.of(&losses, total)?, dlogits))
}

/// The gradients of `x`, weight and bias in a [`LayerNorm`]; those that are not tracked have none.
///
/// # Errors
/// As the layer, and a `dy` of another shape.
pub fn layer_norm(layer: &LayerNorm, x: &Tensor, dy: &Tensor) -> Result<[Option<Tensor>; 3]> {
    layer.gradients(x, dy)
}

/// The gradients of `x`, weight and bias in a [`BatchNorm`] in training; those that are not tracked
/// have none.
///
/// # Errors
/// As the layer, and a `dy` of another shape.
pub fn batch_norm(layer: &BatchNorm, x: &Tensor, dy: &Tensor) -> Result<[Option<Tensor>; 3]> {
    layer.gradients(x, dy)
}

/// The gradients of `x`, weight and bias in a [`GroupNorm`]; those that are not tracked have none.
///
/// # Errors
/// As the layer, and a `dy` of another shape.
pub fn group_norm(layer: &GroupNorm, x: &Tensor, dy: &Tensor) -> Result<[Option<Tensor>; 3]> {
    layer.gradients(x, dy)
}

/// The gradient of `x` in [`local_response_norm`](crate::local_response_norm).
///
/// # Errors
/// As there, and a `dy` of another shape.
pub fn local_response_norm(
    x: &Tensor,
    config: &LocalResponseNormConfig,
    dy: &Tensor,
) -> Result<Tensor> {
    gradient(Normalise::new(x, config)?, x, dy, dy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchNormConfig, LayerNormConfig, Mode, Reduction, rng};
    use candle_core::{Device, Module, Var};
    use gradcheck::values;

    /// What the graph gives for each of `vars` where the result's gradient is `dy`, against what is
    /// given.
    fn check(
        name: &str,
        y: &Tensor,
        dy: &Tensor,
        vars: &[&Var],
        found: &[Tensor],
    ) -> candle_core::Result<()> {
        let store = y.mul(dy)?.sum_all()?.backward()?;
        assert_eq!(vars.len(), found.len(), "{name}");
        for (var, found) in vars.iter().zip(found) {
            let expected = store.get(var).map(|g| g.flatten_all()?.to_vec1::<f64>()).transpose()?;
            assert_eq!(Some(found.flatten_all()?.to_vec1::<f64>()?), expected, "{name}");
        }
        let other = values(dy.elem_count() + 1, 1);
        assert!(relu(y, &other).is_err() && softmax(y, &other, 0).is_err(), "{name}");
        Ok(())
    }

    #[test]
    fn they_are_those_of_the_graph() -> candle_core::Result<()> {
        let var = |seed| Var::from_tensor(&values((4, 6), seed));
        let (x, dy) = (var(1)?, values((4, 6), 2));
        check("relu", &crate::relu(&x)?, &dy, &[&x], &[relu(&x, &dy)?])?;
        let windows = Var::from_tensor(&values((2, 2, 6), 1))?;
        let (y, places) = crate::argmax_over_time(&windows, None)?;
        let of_largest = values((2, 2), 2);
        let found = max_over_time(&windows, &places, &of_largest)?;
        check("max_over_time", &y, &of_largest, &[&windows], &[found])?;
        let beyond = (&places + 6.0)?;
        assert!(max_over_time(&windows, &beyond, &of_largest).is_err());
        for dim in [0, 1] {
            let y = crate::softmax(&x, dim)?;
            check("softmax", &y, &dy, &[&x], &[softmax(&y, &dy, dim)?])?;
            let y = crate::glu(&x, dim)?;
            let dy = values(y.shape(), 3);
            check("glu", &y, &dy, &[&x], &[glu(&x, &dy, dim)?])?;
        }
        let row = |seed| Var::from_tensor(&values(6, seed));
        let (weight, bias) = (row(4)?, row(5)?);
        let both = (weight.as_tensor().clone(), bias.as_tensor().clone());
        let layer = LayerNorm::new(both.0.clone(), both.1.clone(), LayerNormConfig::default());
        let found: Vec<_> = layer_norm(&layer, &x, &dy)?.into_iter().flatten().collect();
        check("layer_norm", &layer.forward(&x)?, &dy, &[&x, &weight, &bias], &found)?;
        let config = crate::GroupNormConfig { groups: 3, ..Default::default() };
        let layer = GroupNorm::new(Some(both.clone()), config);
        let found: Vec<_> = group_norm(&layer, &x, &dy)?.into_iter().flatten().collect();
        check("group_norm", &layer.forward(&x)?, &dy, &[&x, &weight, &bias], &found)?;
        let config = LocalResponseNormConfig { alpha: 1.0, ..Default::default() };
        let y = crate::local_response_norm(&x, &config)?;
        let found = local_response_norm(&x, &config, &dy)?;
        check("local_response_norm", &y, &dy, &[&x], &[found])?;
        let mean = values(6, 6);
        let variance = values(6, 7).sqr()?;
        let layer = BatchNorm::new(both.0, both.1, mean, variance, BatchNormConfig::default());
        let found: Vec<_> = batch_norm(&layer, &x, &dy)?.into_iter().flatten().collect();
        let mut stream = rng::seeded(1, "step");
        let y = layer.forward(&x, &mut Mode::Train(&mut stream))?;
        check("batch_norm", &y, &dy, &[&x, &weight, &bias], &found)
    }

    #[test]
    fn the_loss_comes_with_its_gradient() -> candle_core::Result<()> {
        let x = Var::from_tensor(&values((4, 3), 1))?;
        let targets = Tensor::new(&[0u32, 2, 1, 2], &Device::Cpu)?;
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
            let config =
                CrossEntropyConfig { label_smoothing: 0.1, reduction, ..Default::default() };
            let (loss, dlogits) = cross_entropy(&x, &targets, &config)?;
            let expected = crate::cross_entropy(&x, &targets, &config)?;
            let expected_loss = expected.flatten_all()?.to_vec1::<f64>()?;
            assert_eq!(loss.flatten_all()?.to_vec1::<f64>()?, expected_loss);
            check("cross_entropy", &expected, &expected.ones_like()?, &[&x], &[dlogits])?;
        }
        Ok(())
    }
}
