//! A layer in one direction as one node of candle's graph, however many steps it has.

use super::backward::{Made, steps};
use super::cell::Cell;
use super::forward::{Sizes, Weights, forward};
use super::sequences::Sequences;
use super::{LayerWeights, composed};
use crate::Result;
use crate::kernel::{Argument, LayerKernel, apply_layer, slice, with_elements};
use crate::linear::column_sums;
use crate::real::Real;
use candle_core::{DType, Shape, Tensor};
use std::any::Any;
use std::marker::PhantomData;
use std::sync::OnceLock;

/// Outputs `[B, T, output]`, and final states `[B, output]` and, where one is carried, `[B, units]`.
pub(super) type Outputs = (Tensor, Tensor, Option<Tensor>);

/// One layer in one direction, from the initial state `[B, output (+ units)]`.
pub(super) fn apply<C: Cell>(
    sequences: &Sequences,
    x: &Tensor,
    weights: &LayerWeights,
    state: &Tensor,
) -> Result<Outputs> {
    let sizes = weights.sizes()?;
    if !x.device().is_cpu() {
        return composed::apply::<C>(sequences, x, weights, state);
    }
    let is_tracked = weights.tensors().chain([x, state]).any(Tensor::track_op);
    let y = match (is_tracked, x.dtype()) {
        (true, _) => {
            let flat = weights.tensors().map(Tensor::flatten_all);
            let flat = Tensor::cat(&flat.collect::<candle_core::Result<Vec<_>>>()?, 0)?;
            let operation = Operation::<C> {
                sequences: sequences.clone(),
                sizes,
                has_bias: weights.bias.is_some(),
                kept: OnceLock::new(),
                cell: PhantomData,
            };
            apply_layer(operation, [&x.contiguous()?, &flat, &state.contiguous()?])?
        }
        (false, DType::F64) => untracked::<C, f64>(sequences, x, weights, state)?,
        (false, _) => untracked::<C, f32>(sequences, x, weights, state)?,
    };
    let Sizes { units, output, .. } = sizes;
    let (batch, steps) = (sequences.batch(), sequences.steps);
    let [outputs, last] = [batch * steps * output, batch * output];
    let carried = match C::CARRIES {
        false => None,
        true => Some(y.narrow(0, outputs + last, batch * units)?.reshape((batch, units))?),
    };
    let last = y.narrow(0, outputs, last)?.reshape((batch, output))?;
    Ok((y.narrow(0, 0, outputs)?.reshape((batch, steps, output))?, last, carried))
}

/// Without a node, and without weights side by side.
fn untracked<C: Cell, T: Real>(
    sequences: &Sequences,
    x: &Tensor,
    weights: &LayerWeights,
    state: &Tensor,
) -> Result<Tensor> {
    let none = Tensor::zeros(0, x.dtype(), x.device())?;
    let [of_input, of_state] = weights.bias.as_ref().map_or([&none; 2], |(a, b)| [a, b]);
    let projection = weights.weight_hr.as_ref().unwrap_or(&none);
    let tensors =
        [x, &weights.weight_ih, &weights.weight_hh, of_input, of_state, projection, state];
    let sizes = weights.sizes()?;
    let run = |[x, ih, hh, b_ih, b_hh, projection, state]: [&[T]; 7]| {
        let weights = Weights { of_input: ih, of_state: hh, biases: [b_ih, b_hh], projection };
        forward::<C, T>(sequences, sizes, x, weights, state)
    };
    let (y, _) = with_elements::<T, _, 7>(tensors, run)??;
    let len = y.len();
    Ok(Tensor::from_vec(y, len, x.device())?)
}

struct Operation<C> {
    sequences: Sequences,
    sizes: Sizes,
    has_bias: bool,
    /// What the forward pass leaves for the backward pass: a `Vec<T>`.
    kept: OnceLock<Box<dyn Any + Send + Sync>>,
    cell: PhantomData<C>,
}

impl<C: Cell> Operation<C> {
    /// The lengths of the weights' parts that lie side by side.
    fn lens(&self) -> [usize; 5] {
        let Sizes { input, units, output } = self.sizes;
        let sums = C::GATES * units;
        let bias = if self.has_bias { sums } else { 0 };
        [sums * input, sums * output, bias, bias, if output < units { output * units } else { 0 }]
    }

    fn weights<'a, T>(&self, flat: &'a [T]) -> Weights<'a, T> {
        let mut rest = flat;
        let mut part = |len: usize| rest.split_off(..len).unwrap_or_default();
        let [of_input, of_state, b_ih, b_hh, projection] = self.lens().map(&mut part);
        Weights { of_input, of_state, biases: [b_ih, b_hh], projection }
    }

    /// The input without padding, `[rows, input]`.
    fn packed<T: Real>(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let (rows, input) = (self.sequences.rows(), self.sizes.input);
        if rows == self.sequences.batch() * self.sequences.steps {
            return x.reshape((rows, input));
        }
        let packed =
            with_elements::<T, _, 1>([x], |[x]| self.sequences.packed(x, input).into_owned())?;
        Tensor::from_vec(packed, (rows, input), x.device())
    }

    /// A gradient of what lies gate by gate, of the products with the input, in the weights' order.
    fn in_order(&self, of_input: &Tensor) -> candle_core::Result<Tensor> {
        let units = self.sizes.units;
        if C::OF_INPUT.is_sorted() {
            return Ok(of_input.clone());
        }
        let gates = C::OF_INPUT.iter().map(|gate| of_input.narrow(0, gate * units, units));
        Tensor::cat(&gates.collect::<candle_core::Result<Vec<_>>>()?, 0)
    }
}

impl<C: Cell> LayerKernel for Operation<C> {
    const NAME: &'static str = C::NAME;

    fn forward<T: Real>(
        &self,
        [x, weights, state]: [Argument; 3],
    ) -> candle_core::Result<(Vec<T>, Shape)> {
        let weights = self.weights(slice::<T>(weights)?);
        let (y, kept) = forward::<C, T>(
            &self.sequences,
            self.sizes,
            slice::<T>(x)?,
            weights,
            slice::<T>(state)?,
        )?;
        // A node's forward pass runs once.
        self.kept.get_or_init(|| Box::new(kept));
        let len = y.len();
        Ok((y, len.into()))
    }

    fn backward<T: Real>(
        &self,
        [x, weights, state]: [&Tensor; 3],
        y: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; 3]> {
        let (sequences, sizes) = (&self.sequences, self.sizes);
        let Sizes { input, units, output } = sizes;
        let (rows, device) = (sequences.rows(), x.device());
        let Some(kept) = self.kept.get().and_then(|kept| kept.downcast_ref::<Vec<T>>()) else {
            candle_core::bail!("{}: a backward pass without a forward pass", C::NAME)
        };
        let run = |[flat, state, y, gradient]: [&[T]; 4]| {
            let made = Made { state, y, kept };
            let steps = steps::<C, T>(sequences, sizes, self.weights(flat), made, gradient)?;
            // Nothing that only the weights need is made for others.
            let is_wanted = weights.track_op();
            let before = is_wanted.then(|| made.outputs_before::<C>(sequences, sizes));
            let unprojected = (is_wanted && output < units).then(|| made.unprojected(rows, units));
            conv_core::Result::Ok((steps, before.unwrap_or_default(), unprojected))
        };
        let (steps, before, unprojected) =
            with_elements::<T, _, 4>([weights, state, y, gradient], run)??;
        let sums = Tensor::from_vec(steps.sums, (rows, C::SLOPES * units), device)?;
        // Those of the products with the input are the first ones.
        let of_input = sums.narrow(1, 0, C::GATES * units)?;
        let of_state = sums.narrow(1, C::OF_STATE * units, C::GATES * units)?;
        let of_x = || {
            let weight = weights.narrow(0, 0, C::GATES * units * input)?;
            let weight = weight.reshape((C::GATES * units, input))?;
            let weight = match C::OF_INPUT.is_sorted() {
                true => weight,
                false => {
                    // Gate by gate as the gradients lie.
                    let place = |slot| C::OF_INPUT.iter().position(|other| *other == slot);
                    let gates = (0..C::GATES)
                        .map(|slot| weight.narrow(0, place(slot).unwrap_or(slot) * units, units));
                    Tensor::cat(&gates.collect::<candle_core::Result<Vec<_>>>()?, 0)?
                }
            };
            let rows = of_input.matmul(&weight)?.flatten_all()?;
            if sequences.rows() == sequences.batch() * sequences.steps {
                return rows.reshape(x.shape());
            }
            Tensor::from_vec(sequences.padded(rows.to_vec1::<T>()?, input), x.shape(), device)
        };
        let of_weights = || {
            let of_ih = self.in_order(&of_input.t()?.matmul(&self.packed::<T>(x)?)?)?;
            let before = Tensor::from_vec(before, (rows, output), device)?;
            let mut parts = vec![of_ih.flatten_all()?];
            parts.push(of_state.t()?.matmul(&before)?.flatten_all()?);
            if self.has_bias {
                let biases = column_sums::<T>(&sums)?;
                parts.push(self.in_order(&biases.narrow(0, 0, C::GATES * units)?)?);
                parts.push(biases.narrow(0, C::OF_STATE * units, C::GATES * units)?);
            }
            if let Some(unprojected) = unprojected {
                let projected = Tensor::from_vec(steps.projected, (rows, output), device)?;
                let unprojected = Tensor::from_vec(unprojected, (rows, units), device)?;
                parts.push(projected.t()?.matmul(&unprojected)?.flatten_all()?);
            }
            Tensor::cat(&parts, 0)
        };
        let of_x = x.track_op().then(of_x).transpose()?;
        let of_weights = weights.track_op().then(of_weights).transpose()?;
        let of_initial = || Tensor::from_vec(steps.state, state.shape(), device);
        Ok([of_x, of_weights, state.track_op().then(of_initial).transpose()?])
    }
}
