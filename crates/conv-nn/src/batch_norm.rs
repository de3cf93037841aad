//! Batch normalisation with running statistics, whose gradients reach the input, the weight and the
//! bias.

use crate::activation::rectify;
use crate::blocks::{collect, fill_rows};
use crate::kernel::{
    Argument, LayerKernel, apply_layer, check_real, contiguous, layer_gradients, slice,
    with_elements,
};
use crate::real::{Real, sum};
use crate::{Error, Init, Mode, Result, VarBuilder, gradients};
use candle_core::{DType, Shape, Tensor};
use serde::{Deserialize, Serialize};

/// How a [`BatchNorm`] works.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchNormConfig {
    /// What is added to the variance, so that a constant channel gives 0 and not NaN.
    pub epsilon: f64,
    /// The share of a batch's statistics in the new running ones, 0 to 1.
    pub momentum: f64,
}

impl Default for BatchNormConfig {
    fn default() -> Self {
        Self { epsilon: 1e-5, momentum: 0.1 }
    }
}

/// y = (x - mean) / √(variance + ε) · weight + bias, channel by channel (Ioffe and Szegedy 2015,
/// algorithm 1).
///
/// In training mean and variance are the batch's, over samples and places, and the running ones
/// move towards them, the variance unbiased (divided by n - 1). In evaluation they are the running
/// ones. As PyTorch's `BatchNorm1d` and `BatchNorm2d`, parameter names included.
///
/// # Shapes
/// `[B, C]`, `[B, C, T]` or `[B, C, H, W]` → the same; weight, bias and running statistics `[C]`;
/// f32 or f64.
#[derive(Debug, Clone)]
pub struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    config: BatchNormConfig,
}

/// A [`BatchNorm`] over `channels` from `weight` and `running_var` (at first 1), `bias` and
/// `running_mean` (at first 0).
///
/// The running statistics are buffers of the store: saved and restored with the parameters, and
/// none of them.
pub fn batch_norm(
    channels: usize,
    config: BatchNormConfig,
    vb: VarBuilder,
) -> candle_core::Result<BatchNorm> {
    let constant = |name, value| vb.get_with_hints(channels, name, Init::Const(value));
    let buffer =
        |name, value| vb.get_with_hints(channels, name, Init::Buffer(Box::new(Init::Const(value))));
    Ok(BatchNorm {
        weight: constant("weight", 1.0)?,
        bias: constant("bias", 0.0)?,
        running_mean: buffer("running_mean", 0.0)?,
        running_var: buffer("running_var", 1.0)?,
        config,
    })
}

impl BatchNorm {
    /// From given tensors, each `[C]`. Training writes the running statistics in place, into the
    /// memory of what is given.
    pub fn new(
        weight: Tensor,
        bias: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
        config: BatchNormConfig,
    ) -> Self {
        Self { weight, bias, running_mean, running_var, config }
    }

    /// The normalised `x`. In training also moves the running statistics.
    ///
    /// # Errors
    /// Another number of channels; in training fewer than two values a channel, which have no
    /// variance.
    pub fn forward(&self, x: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        self.normalised(x, mode, false)
    }

    /// [`relu`](crate::relu) of [`BatchNorm::forward`] in one walk: the graph keeps one tensor for
    /// the two.
    ///
    /// # Errors
    /// As there.
    pub fn forward_relu(&self, x: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        self.normalised(x, mode, true)
    }

    /// What it is in evaluation, a line a channel: y = x · scale + shift, each `[C]`, computed in
    /// doubles. A layer before it that is linear takes them in (Jacob et al. 2018, section 3.2).
    ///
    /// # Errors
    /// What the tensor library refuses.
    pub fn scale_and_shift(&self) -> candle_core::Result<[Tensor; 2]> {
        let double = |tensor: &Tensor| tensor.detach().to_dtype(DType::F64);
        let deviation = (double(&self.running_var)? + self.config.epsilon)?.sqrt()?;
        let scale = (double(&self.weight)? / deviation)?;
        let shift = (double(&self.bias)? - (double(&self.running_mean)? * &scale)?)?;
        let dtype = self.weight.dtype();
        Ok([scale.to_dtype(dtype)?, shift.to_dtype(dtype)?])
    }

    fn normalised(&self, x: &Tensor, mode: &mut Mode, rectify: bool) -> Result<Tensor> {
        self.check(x)?;
        let training = mode.rng().is_some();
        let values = x.elem_count() / self.weight.elem_count().max(1);
        if training && values < 2 {
            return Err(misfit("its input", x, "two values a channel to train on".into()));
        }
        let (y, moments) = if x.device().is_cpu() {
            let x = contiguous(Normalise::NAME, x)?;
            let moments = if training {
                batch_moments(&x)?
            } else {
                of_tensors(&self.running_mean, &self.running_var)?
            };
            let operation = Normalise::new(&moments, self.config.epsilon, training);
            let operation = Normalise { rectify, ..operation };
            let [weight, bias] = [&self.weight, &self.bias].map(Tensor::contiguous);
            (apply_layer(operation, [&x, &weight?, &bias?])?, moments)
        } else {
            let (y, moments) = self.composed(x, training)?;
            (if rectify { crate::relu(&y)? } else { y }, moments)
        };
        if training {
            self.update_running_stats(&moments, values)?;
        }
        Ok(y)
    }

    pub(crate) fn gradients(&self, x: &Tensor, dy: &Tensor) -> Result<[Option<Tensor>; 3]> {
        self.check(x)?;
        let operation = Normalise::new(&batch_moments(x)?, self.config.epsilon, true);
        layer_gradients(operation, [x, &self.weight, &self.bias], dy)
    }

    /// Of operations whose gradients are right in candle; also the moments.
    fn composed(&self, x: &Tensor, training: bool) -> candle_core::Result<(Tensor, Vec<Moments>)> {
        let channels = self.weight.elem_count();
        let row = |tensor: &Tensor| tensor.reshape((1, channels, 1));
        let flat = x.reshape((x.dim(0)?, channels, ()))?;
        let (mean, variance) = if training {
            let mean = flat.mean_keepdim((0, 2))?;
            let variance = flat.broadcast_sub(&mean)?.sqr()?.mean_keepdim((0, 2))?;
            (mean, variance)
        } else {
            (row(&self.running_mean.detach())?, row(&self.running_var.detach())?)
        };
        let y = flat
            .broadcast_sub(&mean)?
            .broadcast_div(&(&variance + self.config.epsilon)?.sqrt()?)?
            .broadcast_mul(&row(&self.weight)?)?
            .broadcast_add(&row(&self.bias)?)?;
        Ok((y.reshape(x.shape())?, of_tensors(&mean, &variance)?))
    }

    fn check(&self, x: &Tensor) -> Result<()> {
        check_real(Normalise::NAME, "its input", x.dtype())?;
        let channels = self.weight.elem_count();
        if !matches!(x.rank(), 2..=4) || x.dims()[1] != channels {
            return Err(misfit("its input", x, format!("[B, {channels}, …]")));
        }
        for (argument, tensor) in [
            ("weight", &self.weight),
            ("bias", &self.bias),
            ("running_mean", &self.running_mean),
            ("running_var", &self.running_var),
        ] {
            if tensor.dims() != [channels] {
                return Err(misfit(argument, tensor, format!("[{channels}]")));
            }
            if tensor.dtype() != x.dtype() {
                let operation = Normalise::NAME;
                let found = tensor.dtype();
                let expected = format!("{:?}", x.dtype());
                return Err(Error::DType { operation, argument, found, expected });
            }
        }
        Ok(())
    }

    /// Moves the running statistics towards a batch's of so many values a channel.
    fn update_running_stats(&self, moments: &[Moments], values: usize) -> Result<()> {
        let unbiased = values as f64 / (values - 1) as f64;
        let means: Vec<_> = moments.iter().map(|[mean, _]| *mean).collect();
        let variances: Vec<_> = moments.iter().map(|[_, variance]| variance * unbiased).collect();
        let momentum = self.config.momentum;
        for (running, towards) in [(&self.running_mean, means), (&self.running_var, variances)] {
            let towards = Tensor::from_vec(towards, running.shape(), running.device())?;
            let towards = (towards.to_dtype(running.dtype())? * momentum)?;
            // In place: the parameter store has the same memory.
            running.slice_set(&((running.detach() * (1.0 - momentum))? + towards)?, 0, 0)?;
        }
        Ok(())
    }
}

fn misfit(argument: &'static str, found: &Tensor, expected: String) -> Error {
    let operation = Normalise::NAME;
    let found = found.dims().to_vec();
    Error::Shape { operation, argument, found, expected }
}

/// Mean and variance, divided by n, of a channel.
type Moments = [f64; 2];

fn of_tensors(mean: &Tensor, variance: &Tensor) -> candle_core::Result<Vec<Moments>> {
    let read = |tensor: &Tensor| tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
    Ok(read(mean)?.into_iter().zip(read(variance)?).map(Into::into).collect())
}

fn batch_moments(x: &Tensor) -> candle_core::Result<Vec<Moments>> {
    let planes = Planes::of(x.dims());
    match x.dtype() {
        DType::F64 => with_elements::<f64, _, 1>([x], |[x]| planes.moments(x)),
        _ => with_elements::<f32, _, 1>([x], |[x]| planes.moments(x)),
    }
}

/// Where the elements of a channel are: a plane of `width` for each sample.
#[derive(Debug, Clone, Copy)]
struct Planes {
    samples: usize,
    channels: usize,
    width: usize,
}

impl Planes {
    fn of(dims: &[usize]) -> Self {
        Self { samples: dims[0], channels: dims[1], width: dims[2..].iter().product() }
    }

    #[inline(always)]
    fn get<'a, T>(&self, x: &'a [T], sample: usize, channel: usize) -> &'a [T] {
        &x[(sample * self.channels + channel) * self.width..][..self.width]
    }

    /// Something of each channel.
    fn each<R: Copy + Default + Send>(&self, of: impl Fn(usize) -> R + Sync) -> Vec<R> {
        collect(self.channels, self.samples * self.width, of)
    }

    /// The sum of a channel's planes, each by `of(its sample)`: in f64, since there may be millions
    /// of samples, whose sum in f32 would lose what the last ones add.
    #[inline(always)]
    fn sum<T: Real>(&self, of: impl Fn(usize) -> T) -> f64 {
        let mut sum = 0.0;
        for sample in 0..self.samples {
            sum += of(sample).to_f64();
        }
        sum
    }

    fn moments<T: Real>(&self, x: &[T]) -> Vec<Moments> {
        let count = (self.samples * self.width) as f64;
        self.each(
            #[inline(always)]
            |channel| {
                let mean = self.sum(
                    #[inline(always)]
                    |sample| sum([self.get(x, sample, channel)], |[x]| x),
                ) / count;
                let shift = T::from_f64(mean);
                let squares = self.sum(
                    #[inline(always)]
                    |sample| sum([self.get(x, sample, channel)], |[x]| (x - shift) * (x - shift)),
                );
                [mean, squares / count]
            },
        )
    }
}

/// The operation, with given moments: those of a batch move with its elements, running ones do not.
struct Normalise {
    /// The mean of each channel, and what deviations from it are multiplied by.
    channels: Vec<[f64; 2]>,
    of_batch: bool,
    rectify: bool,
}

impl Normalise {
    fn new(moments: &[Moments], epsilon: f64, of_batch: bool) -> Self {
        let channel = |[mean, variance]: &Moments| [*mean, (variance + epsilon).sqrt().recip()];
        Self { channels: moments.iter().map(channel).collect(), of_batch, rectify: false }
    }

    #[inline(always)]
    fn channel<T: Real>(&self, number: usize) -> [T; 2] {
        self.channels[number].map(T::from_f64)
    }

    /// For each channel Σ gradient and Σ gradient · normalised input: the gradients of bias and
    /// weight.
    fn parameter_gradients<T: Real>(&self, planes: Planes, x: &[T], gradient: &[T]) -> Vec<[T; 2]> {
        planes.each(
            #[inline(always)]
            |channel| {
                let [mean, scale] = self.channel(channel);
                let mut sums = [0.0; 2];
                for sample in 0..planes.samples {
                    let x = planes.get(x, sample, channel);
                    let gradient = planes.get(gradient, sample, channel);
                    sums[0] += sum([gradient], |[g]| g).to_f64();
                    sums[1] += sum([gradient, x], |[g, x]| g * (x - mean)).to_f64();
                }
                let [of_bias, of_weight] = sums.map(T::from_f64);
                [of_bias, of_weight * scale]
            },
        )
    }

    fn input_gradient<T: Real>(
        &self,
        planes: Planes,
        [x, weight, gradient]: [&[T]; 3],
        sums: &[[T; 2]],
    ) -> Vec<T> {
        let width = planes.width;
        let count = T::from_f64((planes.samples * width) as f64);
        fill_rows(
            x.len(),
            width,
            width,
            #[inline(always)]
            |plane, out| {
                let channel = plane % planes.channels;
                let [mean, scale] = self.channel(channel);
                let factor = weight[channel] * scale;
                // A batch's normalised channel is orthogonal to what moves its mean or its
                // variance: both are taken out.
                let [along_mean, along_row] = if self.of_batch {
                    [sums[channel][0] / count, sums[channel][1] * scale / count]
                } else {
                    [T::zero(); 2]
                };
                let arguments = x[plane * width..].iter().zip(&gradient[plane * width..]);
                for (out, (&x, &g)) in out.iter_mut().zip(arguments) {
                    *out = (g - along_mean - (x - mean) * along_row) * factor;
                }
            },
        )
    }
}

impl LayerKernel for Normalise {
    const NAME: &'static str = "batch_norm";

    fn forward<T: Real>(
        &self,
        [x, weight, bias]: [Argument; 3],
    ) -> candle_core::Result<(Vec<T>, Shape)> {
        let Planes { channels, width, .. } = Planes::of(x.1.dims());
        let shape = x.1.shape().clone();
        let x = slice::<T>(x)?;
        let weight = slice::<T>(weight)?;
        let bias = slice::<T>(bias)?;
        let y = fill_rows(
            x.len(),
            width,
            width,
            #[inline(always)]
            |plane, y| {
                let channel = plane % channels;
                let [mean, scale] = self.channel(channel);
                let scale = scale * weight[channel];
                let bias = bias[channel];
                for (y, &x) in y.iter_mut().zip(&x[plane * width..]) {
                    *y = (x - mean) * scale + bias;
                }
                if self.rectify {
                    rectify(y);
                }
            },
        );
        Ok((y, shape))
    }

    fn backward<T: Real>(
        &self,
        [x, weight, bias]: [&Tensor; 3],
        y: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; 3]> {
        // What is behind the rectifier's 0 says as much as what is before it.
        let behind = self.rectify.then(|| gradients::relu(y, gradient)).transpose()?;
        let gradient = behind.as_ref().unwrap_or(gradient);
        let planes = Planes::of(x.dims());
        let (input, sums) =
            with_elements::<T, _, 3>([x, weight, gradient], |[of_x, weight, gradient]| {
                let sums = self.parameter_gradients(planes, of_x, gradient);
                let input = || self.input_gradient(planes, [of_x, weight, gradient], &sums);
                (x.track_op().then(input), sums)
            })?;
        let made = |values: Vec<T>, of: &Tensor| Tensor::from_vec(values, of.shape(), of.device());
        let row = |of: &Tensor, which: usize| {
            let values = || sums.iter().map(|sums| sums[which]).collect();
            of.track_op().then(|| made(values(), of)).transpose()
        };
        Ok([input.map(|input| made(input, x)).transpose()?, row(weight, 1)?, row(bias, 0)?])
    }
}

#[cfg(test)]
mod tests;
