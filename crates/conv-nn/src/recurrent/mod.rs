//! Recurrent layers, each a single operation over whole sequences.

mod backward;
mod cell;
mod composed;
mod forward;
mod gru;
mod lstm;
mod operation;
mod products;
mod sequences;
#[cfg(test)]
mod tests;

pub use gru::{Gru, GruConfig, gru};
pub use lstm::{Lstm, LstmConfig, LstmState, lstm};

use crate::kernel::check_real;
use crate::{Error, Init, Mode, Result, VarBuilder, dropout};
use candle_core::Tensor;
use cell::Cell;
use forward::Sizes;
use sequences::Sequences;
use std::marker::PhantomData;

/// The parameters of a recurrent layer in one direction, as PyTorch names and orders them.
#[derive(Debug, Clone)]
pub struct LayerWeights {
    /// Of the products with the input, `[G·H, D]`: gate by gate, G = 4 in the order i, f, g, o of
    /// an [`Lstm`], 3 in the order r, z, n of a [`Gru`].
    pub weight_ih: Tensor,
    /// Of the products with the output before, `[G·H, P]`.
    pub weight_hh: Tensor,
    /// `bias_ih` and `bias_hh`, both `[G·H]`.
    pub bias: Option<(Tensor, Tensor)>,
    /// Of an [`Lstm`]'s projection, `[P, H]`. Without one, P is H.
    pub weight_hr: Option<Tensor>,
}

impl LayerWeights {
    fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let biases = self.bias.iter().flat_map(|(of_input, of_state)| [of_input, of_state]);
        [&self.weight_ih, &self.weight_hh].into_iter().chain(biases).chain(&self.weight_hr)
    }

    fn sizes(&self) -> candle_core::Result<Sizes> {
        let (_, input) = self.weight_ih.dims2()?;
        let (_, output) = self.weight_hh.dims2()?;
        let units = self.weight_hr.as_ref().map_or(Ok(output), |projection| projection.dim(1))?;
        Ok(Sizes { input, units, output })
    }

    /// Refuses tensors that do not fit each other, or an input `[…, in_size]` of a type.
    fn check<C: Cell>(&self, x: &Tensor, in_size: usize) -> Result<Sizes> {
        let operation = C::NAME;
        let misfit = |argument, tensor: &Tensor, expected| {
            let found = tensor.dims().to_vec();
            Err(Error::Shape { operation, argument, found, expected })
        };
        let &[_, output] = self.weight_hh.dims() else {
            return misfit("weight_hh", &self.weight_hh, "[G·H, P]".into());
        };
        let units = match &self.weight_hr {
            None => output,
            Some(projection) => match *projection.dims() {
                [outputs, units] if outputs == output && output < units => units,
                _ => {
                    let expected = format!("[{output}, H] with H above {output}");
                    return misfit("weight_hr", projection, expected);
                }
            },
        };
        let sums = C::GATES * units;
        if self.weight_hh.dims() != [sums, output] || sums == 0 {
            let expected = format!("[{}·H, P] of {units} units", C::GATES);
            return misfit("weight_hh", &self.weight_hh, expected);
        }
        if self.weight_ih.dims() != [sums, in_size] || in_size == 0 {
            let expected = format!("[{sums}, {in_size}], and at least one input");
            return misfit("weight_ih", &self.weight_ih, expected);
        }
        if let Some((of_input, of_state)) = &self.bias {
            for (argument, bias) in [("bias_ih", of_input), ("bias_hh", of_state)] {
                if bias.dims() != [sums] {
                    return misfit(argument, bias, format!("[{sums}]"));
                }
            }
        }
        if let Some(other) = self.tensors().find(|tensor| tensor.dtype() != x.dtype()) {
            let argument = "a weight";
            let found = other.dtype();
            let expected = format!("{:?}, as its input has", x.dtype());
            return Err(Error::DType { operation, argument, found, expected });
        }
        Ok(Sizes { input: in_size, units, output })
    }
}

/// How layers are stacked.
#[derive(Debug, Clone, Copy)]
struct Stacking {
    layers: usize,
    is_bidirectional: bool,
    has_bias: bool,
    dropout: f64,
}

/// Layers of a cell, the first one first.
#[derive(Debug, Clone)]
struct Stack<C> {
    /// One direction after the other in each layer.
    weights: Vec<LayerWeights>,
    stacking: Stacking,
    cell: PhantomData<C>,
}

/// What a stack gives: outputs, final outputs and, where there is one, the final carried state,
/// `[layers · directions, B, …]`.
type Stacked = (Tensor, Tensor, Option<Tensor>);

impl<C: Cell> Stack<C> {
    /// From a builder, every parameter uniform within 1/√units at first, as in PyTorch.
    fn build(
        (input, units, projection): (usize, usize, Option<usize>),
        stacking: Stacking,
        vb: &VarBuilder,
    ) -> candle_core::Result<Self> {
        let sums = C::GATES * units;
        let output = projection.unwrap_or(units);
        let directions = if stacking.is_bidirectional { 2 } else { 1 };
        let init = Init::uniform_fan_in(units);
        let mut weights = Vec::new();
        for layer in 0..stacking.layers {
            let input = if layer == 0 { input } else { directions * output };
            for suffix in &["", "_reverse"][..directions] {
                let name = |name: &str| format!("{name}_l{layer}{suffix}");
                let matrix = |shape: (usize, usize), of: &str| {
                    vb.get_with_hints(shape, &name(of), init.clone())
                };
                let bias = |of: &str| vb.get_with_hints(sums, &name(of), init.clone());
                let biases = || Ok::<_, candle_core::Error>((bias("bias_ih")?, bias("bias_hh")?));
                weights.push(LayerWeights {
                    weight_ih: matrix((sums, input), "weight_ih")?,
                    weight_hh: matrix((sums, output), "weight_hh")?,
                    bias: stacking.has_bias.then(biases).transpose()?,
                    weight_hr: projection
                        .map(|output| matrix((output, units), "weight_hr"))
                        .transpose()?,
                });
            }
        }
        Ok(Self { weights, stacking, cell: PhantomData })
    }

    /// Outputs and final states, from initial ones (else zeros), `[layers · directions, B, …]`.
    fn forward(
        &self,
        x: &Tensor,
        lengths: Option<&[usize]>,
        (h, c): (Option<&Tensor>, Option<&Tensor>),
        mode: &mut Mode,
    ) -> Result<Stacked> {
        check_real(C::NAME, "its input", x.dtype())?;
        let forward = Sequences::of(C::NAME, x, lengths)?;
        let directions = if self.stacking.is_bidirectional { 2 } else { 1 };
        let both = [forward.clone(), forward.reversed()];
        let mut x = x.clone();
        let mut last = Vec::new();
        let mut carried = Vec::new();
        for (layer, weights) in self.weights.chunks(directions).enumerate() {
            if layer > 0 && self.stacking.dropout > 0.0 {
                x = dropout(&x, self.stacking.dropout, mode)?;
            }
            let mut outputs = Vec::new();
            for (direction, weights) in weights.iter().enumerate() {
                let number = layer * directions + direction;
                let Sizes { units, output, .. } = weights.check::<C>(&x, x.dims()[2])?;
                let initial = |state: Option<&Tensor>, argument, width| {
                    self.initial(state, argument, (number, width), &x)
                };
                let state = initial(h, "the initial h", output)?;
                let state = if !C::CARRIES {
                    state
                } else {
                    Tensor::cat(&[state, initial(c, "the initial c", units)?], 1)?
                };
                let (y, h, c) = operation::apply::<C>(&both[direction], &x, weights, &state)?;
                outputs.push(y);
                last.push(h);
                carried.extend(c);
            }
            x = match &outputs[..] {
                [one] => one.clone(),
                both => Tensor::cat(both, 2)?,
            };
        }
        let carried = C::CARRIES.then(|| Tensor::stack(&carried, 0)).transpose()?;
        Ok((x, Tensor::stack(&last, 0)?, carried))
    }

    /// The initial state `[B, width]` of a direction of a layer.
    fn initial(
        &self,
        state: Option<&Tensor>,
        argument: &'static str,
        (number, width): (usize, usize),
        x: &Tensor,
    ) -> Result<Tensor> {
        let batch = x.dim(0)?;
        let Some(state) = state else {
            return Ok(Tensor::zeros((batch, width), x.dtype(), x.device())?);
        };
        let operation = C::NAME;
        let shape = [self.weights.len(), batch, width];
        if state.dims() != shape {
            let found = state.dims().to_vec();
            let expected = format!("{shape:?}");
            return Err(Error::Shape { operation, argument, found, expected });
        }
        if state.dtype() != x.dtype() {
            let found = state.dtype();
            let expected = format!("{:?}, as its input has", x.dtype());
            return Err(Error::DType { operation, argument, found, expected });
        }
        Ok(state.get(number)?)
    }
}
