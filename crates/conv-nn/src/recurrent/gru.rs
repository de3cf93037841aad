//! Gated recurrent units.

use super::cell::Gated;
use super::{LayerWeights, Stack, Stacking};
use crate::{Mode, Result, VarBuilder};
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// How a [`Gru`] works.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GruConfig {
    /// Layers, each on the outputs of the one before.
    pub layers: usize,
    /// Whether each layer also reads the sequence from its end; its outputs are then those of both
    /// directions side by side.
    pub bidirectional: bool,
    /// Whether there are biases.
    pub bias: bool,
    /// The share of outputs between layers that is dropped in training, 0 to 1.
    pub dropout: f64,
}

impl Default for GruConfig {
    fn default() -> Self {
        Self { layers: 1, bidirectional: false, bias: true, dropout: 0.0 }
    }
}

/// Gated recurrent units over whole sequences (Cho et al. 2014, with the reset gate behind the
/// product), as PyTorch's `GRU` with `batch_first`, parameter names included:
///
/// r, z = σ(W x + b + W' h + b'), n = tanh(W x + b + r · (W' h + b')), h' = (1 - z) · n + z · h.
///
/// It is computed as an [`Lstm`](super::Lstm) is.
///
/// # Shapes
/// `[B, T, D]` of f32 or f64 → `[B, T, directions · H]`; the state `[layers · directions, B, H]`;
/// each layer's `weight_ih` `[3H, D]`, `weight_hh` `[3H, H]`, `bias_ih` and `bias_hh` `[3H]` in the
/// order r, z, n.
#[derive(Debug, Clone)]
pub struct Gru(Stack<Gated>);

/// A [`Gru`] of so many units from `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, the
/// same with `_reverse` behind them, and so on for each layer: at first uniform within 1/√units.
pub fn gru(
    in_size: usize,
    units: usize,
    config: GruConfig,
    vb: VarBuilder,
) -> candle_core::Result<Gru> {
    Ok(Gru(Stack::build((in_size, units, None), config.stacking(), &vb)?))
}

impl GruConfig {
    fn stacking(self) -> Stacking {
        let Self { layers, bidirectional, bias, dropout } = self;
        Stacking { layers, is_bidirectional: bidirectional, has_bias: bias, dropout }
    }
}

impl Gru {
    /// From given weights: of each layer, and there of each direction, as many as the configuration
    /// says.
    pub fn new(weights: Vec<LayerWeights>, config: GruConfig) -> Self {
        Self(Stack { weights, stacking: config.stacking(), cell: PhantomData })
    }

    /// Outputs and final state of the sequences `x`, from an initial state or from zeros; with
    /// lengths as an [`Lstm`](super::Lstm::forward).
    ///
    /// # Errors
    /// Weights, lengths or a state that do not fit the input.
    pub fn forward(
        &self,
        x: &Tensor,
        lengths: Option<&[usize]>,
        state: Option<&Tensor>,
        mode: &mut Mode,
    ) -> Result<(Tensor, Tensor)> {
        let (y, h, _) = self.0.forward(x, lengths, (state, None), mode)?;
        Ok((y, h))
    }
}
