//! The cases as Convoke computes them.

use crate::cases::{Arguments, Case, Operation, Then, statistics};
use anyhow::{Result, bail};
use candle_core::{Module, Tensor};
use conv_core::{
    Conv1dConfig, Conv2dConfig, ConvTranspose2dConfig, Padding2d, Pool2dConfig, gradients,
};
use conv_nn::{
    BatchNorm, BatchNormConfig, Conv1d, CrossEntropyConfig, LayerNorm, LayerNormConfig,
    LayerWeights, Lstm, LstmConfig, Mode, rng,
};

fn convolution(operation: Operation) -> Result<(Conv2dConfig, Then)> {
    let Operation::Convolution { stride, padding: [top, bottom, left, right], groups, then } =
        operation
    else {
        bail!("not a convolution")
    };
    let padding = Padding2d { top, bottom, left, right };
    Ok((Conv2dConfig { stride: (stride, stride), padding, groups, ..Default::default() }, then))
}

fn pool(window: usize, stride: usize) -> Pool2dConfig {
    let stride = Some((stride, stride));
    Pool2dConfig { kernel: (window, window), stride, ..Default::default() }
}

fn transposed(stride: usize) -> ConvTranspose2dConfig {
    ConvTranspose2dConfig { stride: (stride, stride), ..Default::default() }
}

fn smoothed() -> CrossEntropyConfig {
    CrossEntropyConfig { label_smoothing: 0.1, ..Default::default() }
}

fn batch_norm(case: &Case, of: &Arguments) -> Result<BatchNorm> {
    let [mean, variance] = statistics(case)?;
    let weight = of.weight.clone();
    let bias = of.bias.clone();
    Ok(BatchNorm::new(weight, bias, mean, variance, BatchNormConfig::default()))
}

fn layer_norm(of: &Arguments) -> LayerNorm {
    LayerNorm::new(of.weight.clone(), of.bias.clone(), LayerNormConfig::default())
}

fn lstm(of: &Arguments) -> Lstm {
    let [weight, bias] = of.of_state.clone();
    let weights = LayerWeights {
        weight_ih: of.weight.clone(),
        weight_hh: weight,
        bias: Some((of.bias.clone(), bias)),
        weight_hr: None,
    };
    Lstm::new(vec![weights], LstmConfig::default())
}

/// A sequence's convolution with a gated linear unit, `[B, C, 1, T]`.
fn gated(of: &Arguments, config: &Conv2dConfig) -> Result<Tensor> {
    let padding = (config.padding.left, config.padding.right);
    let config = Conv1dConfig { padding, ..Default::default() };
    let layer = Conv1d::new(of.weight.squeeze(2)?, Some(of.bias.clone()), config);
    Ok(layer.forward_glu(&of.x.squeeze(2)?)?.unsqueeze(2)?)
}

/// The result.
///
/// # Errors
/// None: the cases are possible.
pub fn forward(case: &Case, of: &Arguments) -> Result<Tensor> {
    Ok(match case.operation {
        Operation::Convolution { .. } => {
            let (config, then) = convolution(case.operation)?;
            if then == Then::Glu {
                return gated(of, &config);
            }
            let y = conv_core::conv2d(&of.x, &of.weight, Some(&of.bias), &config)?;
            match then {
                Then::MaxOverTime => conv_nn::relu(&conv_nn::max_over_time(&y.squeeze(2)?, None)?)?,
                _ => y,
            }
        }
        Operation::Transposed { stride } => {
            conv_core::conv_transpose2d(&of.x, &of.weight, Some(&of.bias), &transposed(stride))?
        }
        Operation::MaxPool { window, stride } => {
            conv_core::max_pool2d(&of.x, &pool(window, stride))?
        }
        Operation::AvgPool { window, stride } => {
            conv_core::avg_pool2d(&of.x, &pool(window, stride))?
        }
        Operation::BatchNorm => {
            let mut stream = rng::seeded(1, "step");
            batch_norm(case, of)?.forward(&of.x, &mut Mode::Train(&mut stream))?
        }
        Operation::LayerNorm => layer_norm(of).forward(&of.x)?,
        Operation::Lstm => lstm(of).forward(&of.x, None, None, &mut Mode::Eval)?.0,
        Operation::Softmax => conv_nn::softmax(&of.x, 1)?,
        Operation::Relu => conv_nn::relu(&of.x)?,
        Operation::CrossEntropy => conv_nn::cross_entropy(&of.x, &of.targets, &smoothed())?,
    })
}

/// The result, and the gradients of the arguments that are tracked, where the result's is `dy`:
/// without candle's graph.
///
/// # Errors
/// None: the cases are possible.
pub fn forward_backward(case: &Case, of: &Arguments, dy: &Tensor) -> Result<()> {
    let plain = of.detached();
    match case.operation {
        Operation::Convolution { .. } => {
            let (config, then) = convolution(case.operation)?;
            let y = conv_core::conv2d(&plain.x, &plain.weight, Some(&plain.bias), &config)?;
            let dy = match then {
                Then::Nothing => dy.clone(),
                Then::MaxOverTime => {
                    let line = y.squeeze(2)?;
                    let (largest, places) = conv_nn::argmax_over_time(&line, None)?;
                    conv_nn::relu(&largest)?;
                    let dy = conv_nn::gradients::relu(&largest, dy)?;
                    conv_nn::gradients::max_over_time(&line, &places, &dy)?.reshape(y.shape())?
                }
                Then::Glu => {
                    conv_nn::glu(&y, 1)?;
                    conv_nn::gradients::glu(&y, dy, 1)?
                }
            };
            gradients::conv2d(&of.x, &of.weight, Some(&of.bias), &dy, &config)?;
        }
        Operation::Transposed { stride } => {
            forward(case, &plain)?;
            let config = transposed(stride);
            gradients::conv_transpose2d(&of.x, &of.weight, Some(&of.bias), dy, &config)?;
        }
        Operation::MaxPool { window, stride } => {
            let y = forward(case, &plain)?;
            gradients::max_pool2d(&of.x, &y, dy, &pool(window, stride))?;
        }
        Operation::AvgPool { window, stride } => {
            forward(case, &plain)?;
            gradients::avg_pool2d(&of.x, dy, &pool(window, stride))?;
        }
        Operation::BatchNorm => {
            forward(case, &plain)?;
            conv_nn::gradients::batch_norm(&batch_norm(case, of)?, &of.x, dy)?;
        }
        Operation::LayerNorm => {
            forward(case, &plain)?;
            conv_nn::gradients::layer_norm(&layer_norm(of), &of.x, dy)?;
        }
        // Its own backward pass has no other way in.
        Operation::Lstm => drop(forward(case, of)?.backward()?),
        Operation::Softmax => {
            conv_nn::gradients::softmax(&forward(case, &plain)?, dy, 1)?;
        }
        Operation::Relu => {
            forward(case, &plain)?;
            conv_nn::gradients::relu(&of.x, dy)?;
        }
        Operation::CrossEntropy => {
            conv_nn::gradients::cross_entropy(&of.x, &of.targets, &smoothed())?;
        }
    }
    Ok(())
}
