//! A layer in one direction as one node of candle's graph, however many steps it has.

use super::backward::{Made, Steps, steps};
use super::cell::Cell;
use super::forward::{Sizes, Weights, forward};
use super::products::{of_columns, of_rows};
use super::sequences::Sequences;
use super::{LayerWeights, composed};
use crate::Result;
use crate::kernel::{Argument, LayerKernel, apply_layer, contiguous, slice, with_elements};
use crate::linear::column_sums;
use crate::real::Real;
use candle_core::{DType, Shape, Tensor};
use conv_core::cpu::Panels;
use std::any::Any;
use std::marker::PhantomData;
use std::sync::OnceLock;

/// Outputs `[B, T, output]`, and final states `[B, output]` and, where one is carried, `[B,
/// units]`.
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
            let [x, state] = [x, state].map(|x| contiguous(C::NAME, x));
            apply_layer(operation, [&x?, &flat, &state?])?
        }
        (false, DType::F64) => untracked::<C, f64>(sequences, x, weights, state)?,
        (false, _) => untracked::<C, f32>(sequences, x, weights, state)?,
    };
    let Sizes { units, output, .. } = sizes;
    let batch = sequences.batch();
    let steps = sequences.steps;
    let [outputs, last] = [batch * steps * output, batch * output];
    let carried = if !C::CARRIES {
        None
    } else {
        Some(y.narrow(0, outputs + last, batch * units)?.reshape((batch, units))?)
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

    /// What lies gate by gate in the order of the gradients of the products with the input, in the
    /// weights' order.
    fn in_order<T: Real>(&self, gates: Vec<T>) -> Vec<T> {
        if C::OF_INPUT.is_sorted() {
            return gates;
        }
        let len = gates.len() / C::GATES;
        C::OF_INPUT.iter().flat_map(|gate| &gates[gate * len..][..len]).copied().collect()
    }

    /// The gradient of the input.
    fn of_input<T: Real>(&self, sums: &[T], weight: &[T]) -> conv_core::Result<Vec<T>> {
        let Sizes { input, units, .. } = self.sizes;
        let gates = C::GATES * units;
        let len = units * input;
        let mut turned = Vec::new();
        if !C::OF_INPUT.is_sorted() {
            turned.resize(weight.len(), T::zero());
            for (weight, to) in weight.chunks_exact(len).zip(C::OF_INPUT) {
                turned[to * len..][..len].copy_from_slice(weight);
            }
        }
        let weight = if turned.is_empty() { weight } else { &turned };
        let panels = Panels::new(weight, [input, gates], [1, input])?;
        let rows = of_rows((sums, C::SLOPES * units), gates, &panels);
        Ok(self.sequences.padded(rows, input))
    }

    /// The gradients of all weights, side by side.
    fn of_weights<T: Real>(
        &self,
        x: &[T],
        made: Made<'_, T>,
        steps: &Steps<T>,
    ) -> conv_core::Result<Vec<T>> {
        let Sizes { input, units, output } = self.sizes;
        let gates = C::GATES * units;
        let width = C::SLOPES * units;
        let rows = self.sequences.rows();
        let sums = (&steps.sums[..], width);
        let of_state = C::OF_STATE * units..C::OF_STATE * units + gates;
        let x = self.sequences.packed(x, input);
        let mut all = self.in_order(of_columns(sums, 0..gates, (&x, input))?);
        let before = made.outputs_before::<C>(&self.sequences, self.sizes);
        all.extend(of_columns(sums, of_state.clone(), (&before, output))?);
        if self.has_bias {
            let biases = column_sums(sums.0, rows, width);
            all.extend(self.in_order(biases[..gates].to_vec()));
            all.extend(&biases[of_state]);
        }
        if output < units {
            let unprojected = made.unprojected(rows, units);
            let projected = (&steps.projected[..], output);
            all.extend(of_columns(projected, 0..output, (&unprojected, units))?);
        }
        Ok(all)
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
        let sequences = &self.sequences;
        let sizes = self.sizes;
        let device = x.device();
        let Some(kept) = self.kept.get().and_then(|kept| kept.downcast_ref::<Vec<T>>()) else {
            candle_core::bail!("{}: a backward pass without a forward pass", C::NAME)
        };
        let [of_x, of_weights] = [x, weights].map(Tensor::track_op);
        let run = |[x, flat, state, y, gradient]: [&[T]; 5]| {
            let made = Made { state, y, kept };
            let weights = self.weights(flat);
            let steps = steps::<C, T>(sequences, sizes, weights, made, gradient)?;
            let of_x = of_x.then(|| self.of_input(&steps.sums, weights.of_input)).transpose()?;
            let of_weights = of_weights.then(|| self.of_weights(x, made, &steps)).transpose()?;
            conv_core::Result::Ok((of_x, of_weights, steps.state))
        };
        let (of_x, of_weights, of_state) =
            with_elements::<T, _, 5>([x, weights, state, y, gradient], run)??;
        let made = |values: Option<Vec<T>>, of: &Tensor| {
            values.map(|values| Tensor::from_vec(values, of.shape(), device)).transpose()
        };
        let of_state = state.track_op().then_some(of_state);
        Ok([made(of_x, x)?, made(of_weights, weights)?, made(of_state, state)?])
    }
}
