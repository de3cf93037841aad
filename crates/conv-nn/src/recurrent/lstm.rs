//! Long short-term memory.

use super::cell::LongShortTerm;
use super::{LayerWeights, Stack, Stacking};
use crate::{Mode, Result, VarBuilder};
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// How an [`Lstm`] works.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LstmConfig {
    /// Layers, each on the outputs of the one before.
    pub layers: usize,
    /// Whether each layer also reads the sequence from its end; its outputs are then those of both
    /// directions side by side.
    pub bidirectional: bool,
    /// Numbers that each direction's output is projected to, fewer than the units; without one it
    /// is the units'.
    pub projection: Option<usize>,
    /// Whether there are biases.
    pub bias: bool,
    /// The share of outputs between layers that is dropped in training, 0 to 1.
    pub dropout: f64,
}

impl Default for LstmConfig {
    fn default() -> Self {
        Self { layers: 1, bidirectional: false, projection: None, bias: true, dropout: 0.0 }
    }
}

/// Long short-term memory over whole sequences (Hochreiter and Schmidhuber 1997, with the forget
/// gate of Gers et al. 2000; the projection of Sak et al. 2014), as PyTorch's `LSTM` with
/// `batch_first`, parameter names included:
///
/// i, f, o = σ(W x + b + W' h + b'), g = tanh(W x + b + W' h + b'), c' = f · c + i · g, h' = o ·
/// tanh(c'), projected: W'' h'.
///
/// A layer's direction is one node of the graph however long the sequence is. What it computes for
/// a step does not depend on the steps behind it nor on other sequences, to the last bit: one step
/// at a time, with the state carried, gives what the whole sequence does.
///
/// # Shapes
/// `[B, T, D]` of f32 or f64 → `[B, T, directions · P]`, where P is the projection's size or the
/// number of units H; states h `[layers · directions, B, P]` and c `[layers · directions, B, H]`;
/// each layer's `weight_ih` `[4H, D]`, `weight_hh` `[4H, P]`, `bias_ih` and `bias_hh` `[4H]` in the
/// order i, f, g, o, `weight_hr` `[P, H]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use conv_nn::{LstmConfig, Mode, Parameters, lstm};
///
/// let parameters = Parameters::new(1);
/// let vb = parameters.builder(DType::F32, &Device::Cpu);
/// let layer = lstm(3, 4, LstmConfig::default(), vb)?;
/// let x = Tensor::ones((2, 5, 3), DType::F32, &Device::Cpu)?;
/// let (y, state) = layer.forward(&x, Some(&[5, 2]), None, &mut Mode::Eval)?;
/// assert_eq!((y.dims(), state.h.dims()), (&[2, 5, 4][..], &[1, 2, 4][..]));
///
/// // Step by step, from one state to the next.
/// let mut state = None;
/// for step in 0..5 {
///     let (one, next) = layer.forward(&x.narrow(1, step, 1)?, None, state.as_ref(), &mut Mode::Eval)?;
///     let [one, whole] = [one, y.narrow(1, step, 1)?].map(|y| y.get(0)?.to_vec2::<f32>());
///     assert_eq!(one?, whole?);
///     state = Some(next);
/// }
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Lstm(Stack<LongShortTerm>);

/// What an [`Lstm`] knows of a batch of sequences.
#[derive(Debug, Clone)]
pub struct LstmState {
    /// The output, `[layers · directions, B, P]`.
    pub h: Tensor,
    /// The cell, `[layers · directions, B, H]`.
    pub c: Tensor,
}

/// An [`Lstm`] of so many units from `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`,
/// `weight_hr_l0`, the same with `_reverse` behind them, and so on for each layer: at first uniform
/// within 1/√units.
pub fn lstm(
    in_size: usize,
    units: usize,
    config: LstmConfig,
    vb: VarBuilder,
) -> candle_core::Result<Lstm> {
    let sizes = (in_size, units, config.projection);
    Ok(Lstm(Stack::build(sizes, config.stacking(), &vb)?))
}

impl LstmConfig {
    fn stacking(self) -> Stacking {
        let Self { layers, bidirectional, bias, dropout, .. } = self;
        Stacking { layers, is_bidirectional: bidirectional, has_bias: bias, dropout }
    }
}

impl Lstm {
    /// From given weights: of each layer, and there of each direction, as many as the configuration
    /// says.
    pub fn new(weights: Vec<LayerWeights>, config: LstmConfig) -> Self {
        Self(Stack { weights, stacking: config.stacking(), cell: PhantomData })
    }

    /// Outputs and final states of the sequences `x`, from initial states or from zeros.
    ///
    /// Of sequences of given lengths, outputs behind their ends are 0, final states are those at
    /// their own ends, and the other direction starts there; what `x` holds behind them does not
    /// matter.
    ///
    /// # Errors
    /// Weights, lengths or states that do not fit the input.
    pub fn forward(
        &self,
        x: &Tensor,
        lengths: Option<&[usize]>,
        state: Option<&LstmState>,
        mode: &mut Mode,
    ) -> Result<(Tensor, LstmState)> {
        let initial = state.map(|state| (&state.h, &state.c)).unzip();
        let (y, h, c) = self.0.forward(x, lengths, initial, mode)?;
        let c = c.unwrap_or_else(|| h.clone());
        Ok((y, LstmState { h, c }))
    }
}
