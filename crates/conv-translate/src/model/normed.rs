//! Linear maps and convolutions with weight normalisation, by the reference's names and first
//! values.

use candle_core::{Module, Tensor};
use conv_core::Conv1dConfig;
use conv_nn::{Conv1d, Init, VarBuilder, direction_lengths, weight_norm};

/// A convolution of `[B, C, T]` whose weight is g · v / ‖v‖ for each output channel (Salimans and
/// Kingma 2016); a linear map is one of width 1.
///
/// Parameters: `weight_v` `[O, C]` (linear) or `[K, C, O]` (convolution), `weight_g` `[O, 1]` or
/// `[1, 1, O]`, `bias` `[O]`.
#[derive(Debug, Clone)]
pub(super) struct Normed {
    direction: Tensor,
    length: Tensor,
    bias: Tensor,
    config: Conv1dConfig,
}

/// A linear map. Its first weights are normal, of variance (1 - `dropped`) / C.
pub(super) fn linear(
    inputs: usize,
    outputs: usize,
    dropped: f64,
    vb: &VarBuilder,
) -> candle_core::Result<Normed> {
    let variance = (1.0 - dropped) / inputs as f64;
    normed(&[outputs, inputs], outputs, variance, Conv1dConfig::default(), vb)
}

/// A convolution to 2 · `outputs` channels for a gated linear unit. Its first weights are normal,
/// of variance 4 (1 - `dropped`) / (K · C).
pub(super) fn gated(
    inputs: usize,
    outputs: usize,
    width: usize,
    padding: (usize, usize),
    dropped: f64,
    vb: &VarBuilder,
) -> candle_core::Result<Normed> {
    let variance = 4.0 * (1.0 - dropped) / (width * inputs) as f64;
    let config = Conv1dConfig { padding, ..Default::default() };
    normed(&[width, inputs, 2 * outputs], 2 * outputs, variance, config, vb)
}

fn normed(
    shape: &[usize],
    outputs: usize,
    variance: f64,
    config: Conv1dConfig,
    vb: &VarBuilder,
) -> candle_core::Result<Normed> {
    let drawn = Init::Normal { mean: 0.0, std: variance.sqrt() };
    let direction = vb.get_with_hints(shape, "weight_v", drawn)?;
    let length = direction_lengths(&rows(&direction)?)?.flatten_all()?;
    let length = match shape.len() {
        2 => length.reshape((outputs, 1))?,
        _ => length.reshape((1, 1, outputs))?,
    };
    let length = vb.get_with_hints(length.shape(), "weight_g", Init::Value(length.clone()))?;
    let bias = vb.get_with_hints(outputs, "bias", Init::Const(0.0))?;
    Ok(Normed { direction, length, bias, config })
}

/// Directions as a convolution's weight, `[O, C, K]`.
fn rows(direction: &Tensor) -> candle_core::Result<Tensor> {
    match direction.rank() {
        2 => direction.unsqueeze(2),
        _ => direction.permute((2, 1, 0))?.contiguous(),
    }
}

impl Normed {
    /// The weight, `[O, C, K]`, computed at each call: a search lays it out once, and memory does
    /// not hold it beside v.
    pub fn weight(&self) -> candle_core::Result<Tensor> {
        Ok(weight_norm(&rows(&self.direction)?, &self.length)?)
    }

    /// C and K: the numbers of a position, and the positions that an output sees.
    pub fn window(&self) -> candle_core::Result<[usize; 2]> {
        match *self.direction.dims() {
            [width, inputs, _] => Ok([inputs, width]),
            _ => Ok([self.direction.dim(1)?, 1]),
        }
    }

    /// Zeros before the first position and behind the last.
    pub fn padding(&self) -> (usize, usize) {
        self.config.padding
    }

    pub fn bias(&self) -> &Tensor {
        &self.bias
    }

    fn convolution(&self) -> candle_core::Result<Conv1d> {
        Ok(Conv1d::new(self.weight()?, Some(self.bias.clone()), self.config))
    }

    /// Followed by a gated linear unit: `[B, C, T]` → `[B, O / 2, T]`.
    pub fn gate(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.convolution()?.forward_glu(x)
    }
}

impl Module for Normed {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.convolution()?.forward(x)
    }
}
