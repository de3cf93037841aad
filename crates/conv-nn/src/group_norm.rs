//! Group normalisation whose gradients reach the input, the weight and the bias.

use crate::blocks::{collect, fill_rows};
use crate::kernel::{
    Argument, LayerKernel, apply_layer, check_real, contiguous, layer_gradients, slice,
    with_elements,
};
use crate::real::{Real, sum};
use crate::{Error, Init, Result, VarBuilder};
use candle_core::{D, Module, Shape, Tensor};
use serde::{Deserialize, Serialize};

/// How a [`GroupNorm`] works.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupNormConfig {
    /// Groups that the channels are cut into, in their order. One is layer normalisation over
    /// channels and places, as many as there are channels is instance normalisation.
    pub groups: usize,
    /// What is added to the variance, so that a constant group gives 0 and not NaN.
    pub epsilon: f64,
}

impl Default for GroupNormConfig {
    /// The paper's 32 groups.
    fn default() -> Self {
        Self { groups: 32, epsilon: 1e-5 }
    }
}

/// y = (x - mean) / √(variance + ε) · weight + bias, mean and variance over the channels of a group
/// and all places of a sample (Wu and He 2018, equations 1, 2, 6 and 7). The variance is the biased
/// one: divided by the number of elements. As PyTorch's `GroupNorm`, parameter names included; in
/// training and evaluation alike.
///
/// # Shapes
/// `[B, C, …]` → the same; weight and bias `[C]`; f32 or f64.
///
/// ```
/// use candle_core::{Device, Module, Tensor};
/// use conv_nn::{GroupNorm, GroupNormConfig};
///
/// // Instance normalisation without parameters.
/// let norm = GroupNorm::new(None, GroupNormConfig { groups: 2, epsilon: 0.0 });
/// let x = Tensor::new(&[[[1f32, 3.0], [5.0, 1.0]]], &Device::Cpu)?;
/// assert_eq!(norm.forward(&x)?.to_vec3::<f32>()?, [[[-1.0, 1.0], [1.0, -1.0]]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GroupNorm {
    affine: Option<(Tensor, Tensor)>,
    config: GroupNormConfig,
}

/// A [`GroupNorm`] over `channels` from `weight` (at first 1) and `bias` (at first 0).
pub fn group_norm(
    channels: usize,
    config: GroupNormConfig,
    vb: VarBuilder,
) -> candle_core::Result<GroupNorm> {
    let weight = vb.get_with_hints(channels, "weight", Init::Const(1.0))?;
    let bias = vb.get_with_hints(channels, "bias", Init::Const(0.0))?;
    Ok(GroupNorm::new(Some((weight, bias)), config))
}

impl GroupNorm {
    /// From a given weight and bias, both `[C]`, or without: then the normalised input is the
    /// result, of any number of channels.
    pub fn new(affine: Option<(Tensor, Tensor)>, config: GroupNormConfig) -> Self {
        Self { affine, config }
    }

    fn check(&self, x: &Tensor) -> Result<()> {
        let operation = Normalise::NAME;
        check_real(operation, "its input", x.dtype())?;
        let misfit = |argument, tensor: &Tensor, expected| {
            let found = tensor.dims().to_vec();
            Error::Shape { operation, argument, found, expected }
        };
        let groups = self.config.groups;
        let [_, channels, ..] = *x.dims() else {
            return Err(misfit("its input", x, "[B, C, …]".into()));
        };
        if groups == 0 || channels % groups != 0 {
            let expected = format!("[B, C, …] with C a multiple of {groups} groups");
            return Err(misfit("its input", x, expected));
        }
        if let Some((weight, bias)) = &self.affine {
            for (argument, tensor) in [("weight", weight), ("bias", bias)] {
                if tensor.dims() != [channels] {
                    return Err(misfit(argument, tensor, format!("[{channels}]")));
                }
                if tensor.dtype() != x.dtype() {
                    let found = tensor.dtype();
                    let expected = format!("{:?}", x.dtype());
                    return Err(Error::DType { operation, argument, found, expected });
                }
            }
        }
        Ok(())
    }

    /// The kernel, and its weight and bias, which have no elements where there are none.
    fn operation(&self, x: &Tensor) -> Result<(Normalise, [Tensor; 2])> {
        let parameters = match &self.affine {
            Some((weight, bias)) => [weight.contiguous()?, bias.contiguous()?],
            None => {
                let none = Tensor::zeros(0, x.dtype(), x.device())?;
                [none.clone(), none]
            }
        };
        Ok((Normalise::new(self.config, x.dims()), parameters))
    }

    pub(crate) fn gradients(&self, x: &Tensor, dy: &Tensor) -> Result<[Option<Tensor>; 3]> {
        self.check(x)?;
        let (operation, [weight, bias]) = self.operation(x)?;
        layer_gradients(operation, [x, &weight, &bias], dy)
    }

    /// Of operations whose gradients are right in candle.
    fn composed(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let samples = x.dim(0)?;
        let channels = x.dim(1)?;
        let places = x.dims()[2..].iter().product::<usize>();
        let width = channels / self.config.groups * places;
        let groups = x.reshape((samples, self.config.groups, width))?;
        let groups = groups.broadcast_sub(&groups.mean_keepdim(D::Minus1)?)?;
        let variance = groups.sqr()?.mean_keepdim(D::Minus1)?;
        let y = groups.broadcast_div(&(variance + self.config.epsilon)?.sqrt()?)?;
        let y = match &self.affine {
            None => y,
            Some((weight, bias)) => y
                .reshape((samples, channels, places))?
                .broadcast_mul(&weight.reshape((1, channels, 1))?)?
                .broadcast_add(&bias.reshape((1, channels, 1))?)?,
        };
        y.reshape(x.shape())
    }
}

impl Module for GroupNorm {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.check(x)?;
        if !x.device().is_cpu() {
            return self.composed(x);
        }
        let (operation, [weight, bias]) = self.operation(x)?;
        apply_layer(operation, [&contiguous(Normalise::NAME, x)?, &weight, &bias])
    }
}

/// A group of a sample lies in one piece: a row of `channels` planes of `places` elements.
struct Normalise {
    epsilon: f64,
    groups: usize,
    /// Of a group.
    channels: usize,
    places: usize,
}

impl Normalise {
    fn new(config: GroupNormConfig, x: &[usize]) -> Self {
        let GroupNormConfig { groups, epsilon } = config;
        Self { epsilon, groups, channels: x[1] / groups, places: x[2..].iter().product() }
    }

    /// Elements of a group.
    fn width(&self) -> usize {
        self.channels * self.places
    }

    /// The mean of a group, and what its deviations are multiplied by.
    #[inline(always)]
    fn moments<T: Real>(&self, x: &[T]) -> [T; 2] {
        let count = T::from_f64(x.len() as f64);
        let mean = sum([x], |[x]| x) / count;
        let variance = sum([x], |[x]| (x - mean) * (x - mean)) / count;
        [mean, (variance + T::from_f64(self.epsilon)).sqrt().recip()]
    }

    /// A channel's weight and bias.
    #[inline(always)]
    fn parameters<T: Real>(&self, row: usize, channel: usize, [weight, bias]: [&[T]; 2]) -> [T; 2] {
        let channel = row % self.groups * self.channels + channel;
        let of = |parameter: &[T], none: T| parameter.get(channel).copied().unwrap_or(none);
        [of(weight, T::one()), of(bias, T::zero())]
    }

    /// For each plane Σ gradient and Σ gradient · normalised input.
    fn sums<T: Real>(&self, moments: &[[T; 2]], x: &[T], gradient: &[T]) -> Vec<[T; 2]> {
        let places = self.places;
        let planes = x.len().checked_div(self.places).unwrap_or(0);
        collect(
            planes,
            places,
            #[inline(always)]
            |plane| {
                let [mean, scale] = moments[plane / self.channels];
                let x = &x[plane * places..][..places];
                let gradient = &gradient[plane * places..][..places];
                let along_row = sum([gradient, x], |[g, x]| g * (x - mean));
                [sum([gradient], |[g]| g), along_row * scale]
            },
        )
    }

    fn input_gradient<T: Real>(
        &self,
        [x, weight, gradient]: [&[T]; 3],
        moments: &[[T; 2]],
        sums: &[[T; 2]],
    ) -> Vec<T> {
        let places = self.places;
        let width = self.width();
        let count = T::from_f64(width as f64);
        fill_rows(
            x.len(),
            width,
            width,
            #[inline(always)]
            |row, out| {
                let [mean, scale] = moments[row];
                // The normalised group is orthogonal to what moves its mean or its variance: both
                // are taken out of the gradient.
                let mut along = [T::zero(); 2];
                for channel in 0..self.channels {
                    let [weight, _] = self.parameters(row, channel, [weight, &[]]);
                    let sums = sums[row * self.channels + channel];
                    along[0] += weight * sums[0] / count;
                    along[1] += weight * sums[1] / count;
                }
                let along_row = along[1] * scale;
                for (channel, out) in out.chunks_exact_mut(places).enumerate() {
                    let [weight, _] = self.parameters(row, channel, [weight, &[]]);
                    let start = row * width + channel * places;
                    let arguments = x[start..].iter().zip(&gradient[start..]);
                    for (out, (&x, &g)) in out.iter_mut().zip(arguments) {
                        *out = (g * weight - along[0] - (x - mean) * along_row) * scale;
                    }
                }
            },
        )
    }
}

impl LayerKernel for Normalise {
    const NAME: &'static str = "group_norm";

    fn forward<T: Real>(
        &self,
        [x, weight, bias]: [Argument; 3],
    ) -> candle_core::Result<(Vec<T>, Shape)> {
        let shape = x.1.shape().clone();
        let parameters = [slice::<T>(weight)?, slice::<T>(bias)?];
        let x = slice::<T>(x)?;
        let places = self.places;
        let width = self.width();
        let y = fill_rows(
            x.len(),
            width,
            width,
            #[inline(always)]
            |row, y| {
                let x = &x[row * width..][..width];
                let [mean, scale] = self.moments(x);
                let planes = y.chunks_exact_mut(places).zip(x.chunks_exact(places));
                for (channel, (y, x)) in planes.enumerate() {
                    let [weight, bias] = self.parameters(row, channel, parameters);
                    let scale = scale * weight;
                    for (y, &x) in y.iter_mut().zip(x) {
                        *y = (x - mean) * scale + bias;
                    }
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
        let (input, sums) =
            with_elements::<T, _, 3>([x, weight, gradient], |[of_x, weight, gradient]| {
                let width = self.width();
                let moments = collect(
                    of_x.len().checked_div(width).unwrap_or(0),
                    width,
                    #[inline(always)]
                    |row| self.moments(&of_x[row * width..][..width]),
                );
                let sums = self.sums(&moments, of_x, gradient);
                let input = || self.input_gradient([of_x, weight, gradient], &moments, &sums);
                (x.track_op().then(input), sums)
            })?;
        let made = |values: Vec<T>, of: &Tensor| Tensor::from_vec(values, of.shape(), of.device());
        // Sample by sample.
        let of_channels = |of: &Tensor, which: usize| {
            let total = || {
                // In f64: of many samples a sum in f32 loses digits.
                let mut total = vec![0f64; of.elem_count()];
                for sample in sums.chunks(total.len().max(1)) {
                    for (total, sums) in total.iter_mut().zip(sample) {
                        *total += sums[which].to_f64();
                    }
                }
                total.into_iter().map(T::from_f64).collect()
            };
            of.track_op().then(|| made(total(), of)).transpose()
        };
        let input = input.map(|input| made(input, x)).transpose()?;
        Ok([input, of_channels(weight, 1)?, of_channels(bias, 0)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Var};
    use gradcheck::values;
    use proptest::prelude::*;

    /// Its epsilon is large, so that two close elements do not make it too steep for finite
    /// differences.
    fn norm(groups: usize, affine: Option<[&Tensor; 2]>) -> GroupNorm {
        let affine = affine.map(|[weight, bias]| (weight.clone(), bias.clone()));
        GroupNorm::new(affine, GroupNormConfig { groups, epsilon: 0.1 })
    }

    proptest! {
        #[test]
        fn the_gradients_are_right(
            samples in 0usize..3, groups in 1usize..4, channels in 1usize..4,
            places in proptest::collection::vec(1usize..4, 0..3), seed: u64,
        ) {
            let channels = groups * channels;
            // Not in the order of its memory.
            let x = values([&places[..], &[channels, samples]].concat(), seed);
            let order: Vec<usize> = [places.len() + 1, places.len()].into_iter().chain(0..places.len()).collect();
            let inputs = [x, values(channels, seed ^ 1), values(channels, seed ^ 2)];
            gradcheck::check("group_norm", &inputs, |t| {
                norm(groups, Some([&t[1], &t[2]])).forward(&t[0].permute(order.clone())?)
            });
            gradcheck::check("group_norm without parameters", &inputs[..1], |t| {
                norm(groups, None).forward(&t[0].permute(order.clone())?)
            });
        }
    }

    #[test]
    fn the_composition_agrees_in_values_and_gradients() {
        for shape in [&[4, 6, 5, 7][..], &[3, 6]] {
            let inputs = [values(shape, 1), values(6, 2), values(6, 3)];
            for groups in [1, 3, 6] {
                let of = |t: &[Tensor]| norm(groups, Some([&t[1], &t[2]]));
                gradcheck::check_same(
                    "group_norm",
                    &inputs,
                    |t| of(t).forward(&t[0]),
                    |t| of(t).composed(&t[0]),
                );
                gradcheck::check_same(
                    "group_norm without parameters",
                    &inputs[..1],
                    |t| norm(groups, None).forward(&t[0]),
                    |t| norm(groups, None).composed(&t[0]),
                );
            }
        }
    }

    #[test]
    fn one_group_is_layer_normalisation() -> candle_core::Result<()> {
        let (x, row) = (values((3, 6), 1), |seed| values(6, seed));
        let layer = crate::LayerNorm::new(row(2), row(3), crate::LayerNormConfig { epsilon: 0.1 });
        let y = norm(1, Some([&row(2), &row(3)])).forward(&x)?;
        let difference = (y - layer.forward(&x)?)?.abs()?.max_all()?.to_scalar::<f64>()?;
        assert!(difference < 1e-12, "{difference}");
        Ok(())
    }

    #[test]
    fn only_tracked_arguments_get_a_gradient() -> candle_core::Result<()> {
        let plain = [values((3, 4, 2), 1), values(4, 2), values(4, 3)];
        for tracked in 0..3 {
            let mut inputs = plain.clone();
            let var = Var::from_tensor(&plain[tracked])?;
            // An intermediate result, for which candle insists on a gradient.
            inputs[tracked] = var.affine(2.0, 0.0)?;
            let layer = norm(2, Some([&inputs[1], &inputs[2]]));
            let y = layer.forward(&inputs[0])?;
            assert!(y.sum_all()?.backward()?.get(&var).is_some());
            let made = layer.gradients(&inputs[0], &y.detach())?;
            assert_eq!(made.map(|made| made.is_some()), [0, 1, 2].map(|i| i == tracked));
        }
        Ok(())
    }

    #[test]
    fn misfits_are_named() {
        let weight = values(4, 1);
        let bias = values(4, 2);
        let layer = norm(2, Some([&weight, &bias]));
        let text = |layer: &GroupNorm, x: &Tensor| {
            layer.forward(x).err().map(|e| e.to_string()).unwrap_or_default()
        };
        let starts = |text: String, expected: &str| assert!(text.starts_with(expected), "{text}");
        let flat = "group_norm: its input has shape [4], expected [B, C, …]";
        starts(text(&layer, &values(4, 1)), flat);
        let odd = "group_norm: its input has shape [1, 3], expected [B, C, …] with C a multiple of 2 groups";
        starts(text(&norm(2, None), &values((1, 3), 1)), odd);
        let none = "group_norm: its input has shape [1, 3], expected [B, C, …] with C a multiple of 0 groups";
        starts(text(&norm(0, None), &values((1, 3), 1)), none);
        let other = "group_norm: weight has shape [4], expected [6]";
        starts(text(&layer, &values((2, 6), 1)), other);
        let single = values((2, 4), 1).to_dtype(DType::F32);
        let single = single.map(|x| text(&layer, &x)).unwrap_or_default();
        starts(single, "group_norm: weight is F64, expected F32");
    }
}
