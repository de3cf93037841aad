//! Layers with torchvision's names and first values.

use candle_core::{Module, Result, Tensor};
use conv_core::{Conv2dConfig, Padding2d};
use conv_nn::{Conv2d, Init, VarBuilder};

/// How a convolution's weight begins.
#[derive(Clone, Copy)]
pub(super) enum First {
    /// Normal of variance 2 / (outputs · kernel²): before a rectifier, in residual networks.
    FanOut,
    /// Uniform of variance 1 / (inputs · kernel²): the pyramid's.
    FanIn,
    /// Normal of deviation 0.01: the region proposal network's.
    Small,
}

/// A convolution with a square kernel, padded to keep places where the stride is 1. Its bias, where
/// it has one, begins at 0.
pub(super) fn convolution(
    [inputs, outputs, kernel, stride]: [usize; 4],
    first: First,
    has_bias: bool,
    vb: &VarBuilder,
) -> Result<Conv2d> {
    let spread = (kernel * kernel) as f64;
    let init = match first {
        First::FanOut => Init::Normal { mean: 0.0, std: (2.0 / (outputs as f64 * spread)).sqrt() },
        First::FanIn => {
            let bound = (3.0 / (inputs as f64 * spread)).sqrt();
            Init::Uniform { low: -bound, high: bound }
        }
        First::Small => Init::Normal { mean: 0.0, std: 0.01 },
    };
    let weight = vb.get_with_hints((outputs, inputs, kernel, kernel), "weight", init)?;
    let bias =
        if has_bias { Some(vb.get_with_hints(outputs, "bias", Init::Const(0.0))?) } else { None };
    let config = Conv2dConfig {
        stride: (stride, stride),
        padding: Padding2d::all(kernel / 2),
        ..Conv2dConfig::default()
    };
    Ok(Conv2d::new(weight, bias, config))
}

/// A convolution and a rectifier in one walk.
pub(super) fn rectified(layer: &Conv2d, x: &Tensor) -> Result<Tensor> {
    Ok(conv_core::conv2d_relu(x, layer.weight(), layer.bias(), layer.config())?)
}

/// All of `layers`, one behind the other, each rectified.
pub(super) fn all_rectified(layers: &[Conv2d], x: &Tensor) -> Result<Tensor> {
    layers.iter().try_fold(x.clone(), |x, layer| rectified(layer, &x))
}

/// `layer` of `x`, with the rows that a list names only. Rows may repeat.
pub(super) fn rows(x: &Tensor, rows: &[usize]) -> Result<Tensor> {
    let index: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
    x.index_select(&Tensor::new(index, x.device())?, 0)
}

/// A layer's result, for `?` in the crate's functions.
pub(super) fn through(layer: &impl Module, x: &Tensor) -> Result<Tensor> {
    layer.forward(x)
}
