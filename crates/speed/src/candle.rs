//! The cases as candle's own operations compute them, where it has them.

use crate::cases::{Arguments, Case, Operation, Then, statistics};
use anyhow::{Context, Result, bail};
use candle_core::{D, DType, Module, ModuleT, Tensor};
use candle_nn::{RNN, VarBuilder};

/// The result.
///
/// # Errors
/// A case that candle cannot compute.
pub fn forward(case: &Case, of: &Arguments) -> Result<Tensor> {
    let bias =
        |y: Tensor| Ok::<_, anyhow::Error>(y.broadcast_add(&of.bias.reshape((1, (), 1, 1))?)?);
    Ok(match case.operation {
        Operation::Convolution { stride, padding, groups, then } => {
            let [top, bottom, left, right] = padding;
            let y = if case.x[2] == 1 {
                // Its one-dimensional form is the faster one.
                let x = of.x.squeeze(2)?.pad_with_zeros(2, left, right)?;
                x.conv1d(&of.weight.squeeze(2)?, 0, stride, 1, groups)?.unsqueeze(2)?
            } else {
                let all = [top, bottom, left, right].iter().all(|&side| side == top);
                all.then_some(()).context("uneven padding")?;
                of.x.conv2d(&of.weight, top, stride, 1, groups)?
            };
            let y = bias(y)?;
            match then {
                Then::Nothing => y,
                Then::MaxOverTime => y.squeeze(2)?.relu()?.max(D::Minus1)?,
                Then::Glu => {
                    let halves = y.chunk(2, 1)?;
                    (&halves[0] * candle_nn::ops::sigmoid(&halves[1])?)?
                }
            }
        }
        Operation::Transposed { stride } => {
            bias(of.x.conv_transpose2d(&of.weight, 0, 0, stride, 1)?)?
        }
        Operation::MaxPool { window, stride } => of.x.max_pool2d_with_stride(window, stride)?,
        Operation::AvgPool { window, stride } => of.x.avg_pool2d_with_stride(window, stride)?,
        Operation::BatchNorm => {
            let [mean, variance] = statistics(case)?;
            let weight = of.weight.clone();
            let bias = of.bias.clone();
            let layer =
                candle_nn::BatchNorm::new(case.weight[0], mean, variance, weight, bias, 1e-5)?;
            layer.forward_t(&of.x, true)?
        }
        Operation::LayerNorm => {
            candle_nn::LayerNorm::new(of.weight.clone(), of.bias.clone(), 1e-5).forward(&of.x)?
        }
        Operation::Lstm => {
            let tensors = [&of.weight, &of.of_state[0], &of.bias, &of.of_state[1]];
            let names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"];
            let tensors = names.into_iter().zip(tensors);
            let tensors = tensors.map(|(name, tensor)| (name.to_string(), tensor.clone()));
            let vb = VarBuilder::from_tensors(tensors.collect(), DType::F32, of.x.device());
            let layer = candle_nn::lstm(case.weight[1], case.weight[1], Default::default(), vb)?;
            layer.states_to_tensor(&layer.seq(&of.x)?)?
        }
        Operation::Softmax => candle_nn::ops::softmax(&of.x, 1)?,
        Operation::Relu => of.x.relu()?,
        Operation::CrossEntropy => {
            // It has no smoothing.
            let log = candle_nn::ops::log_softmax(&of.x, 1)?;
            ((candle_nn::loss::nll(&log, &of.targets)? * 0.9)? + (log.mean_all()? * -0.1)?)?
        }
    })
}

/// Nothing but candle's own graph delivers its gradients.
///
/// # Errors
/// Always.
pub fn forward_backward(_: &Case, _: &Arguments, _: &Tensor) -> Result<()> {
    bail!("candle has no backward pass of an operation alone")
}
