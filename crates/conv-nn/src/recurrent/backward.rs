//! The gradients of a layer over a batch of sequences, in one direction.
//!
//! The steps, from the last to the first, make the gradients of all sums, a row a step; those of
//! weights and input are then products of whole matrices.

use super::cell::{Cell, LongShortTerm, Slopes};
use super::forward::{Sizes, Weights, cut, multiply};
use super::sequences::Sequences;
use crate::blocks::{each, fill_rows};
use crate::real::Real;
use conv_core::cpu::Panels;

/// What the steps leave behind.
pub(super) struct Steps<T> {
    /// The gradients of the sums, a row a step.
    pub sums: Vec<T>,
    /// The gradients of what was projected, a row a step.
    pub projected: Vec<T>,
    /// Those of the initial state.
    pub state: Vec<T>,
}

/// What the forward pass was given and has made.
#[derive(Clone, Copy)]
pub(super) struct Made<'a, T> {
    pub state: &'a [T],
    pub y: &'a [T],
    pub kept: &'a [T],
}

impl<'a, T: Real> Made<'a, T> {
    /// The output before a sequence's step, and the carried state.
    #[inline(always)]
    fn before<C: Cell>(
        &self,
        sequences: &Sequences,
        sizes: Sizes,
        (sequence, step): (usize, usize),
    ) -> (&'a [T], &'a [T]) {
        let Sizes { units, output, .. } = sizes;
        let carry = if C::CARRIES { units } else { 0 };
        let Some(before) = step.checked_sub(1) else {
            return self.state[sequence * (output + carry)..][..output + carry].split_at(output);
        };
        let place = sequence * sequences.steps + sequences.time(sequence, before);
        let kept = &self.kept[sequences.row(sequence, before) * C::KEPT * units..];
        let carried = &kept[(C::KEPT - 1) * units..][..carry];
        (&self.y[place * output..][..output], carried)
    }

    /// The output before each step, a row a step.
    pub fn outputs_before<C: Cell>(&self, sequences: &Sequences, sizes: Sizes) -> Vec<T> {
        let output = sizes.output;
        let mut rows = vec![T::zero(); sequences.rows() * output];
        for sequence in 0..sequences.batch() {
            for step in 0..sequences.length(sequence) {
                let (before, _) = self.before::<C>(sequences, sizes, (sequence, step));
                rows[sequences.row(sequence, step) * output..][..output].copy_from_slice(before);
            }
        }
        rows
    }

    /// The output of each step before it was projected.
    pub fn unprojected(&self, rows: usize, units: usize) -> Vec<T> {
        let width = LongShortTerm::KEPT * units;
        fill_rows(
            rows * units,
            units,
            units,
            #[inline(always)]
            |row, out| LongShortTerm::output(&self.kept[row * width..][..width], out),
        )
    }
}

/// All steps, from the gradient of what [`forward`](super::forward::forward) gives.
pub(super) fn steps<C: Cell, T: Real>(
    sequences: &Sequences,
    sizes: Sizes,
    weights: Weights<'_, T>,
    made: Made<'_, T>,
    gradient: &[T],
) -> conv_core::Result<Steps<T>> {
    let Sizes { units, output, .. } = sizes;
    let gates = Panels::new(weights.of_state, [output, C::GATES * units], [1, output])?;
    let is_projected = !weights.projection.is_empty();
    let projection = || Panels::new(weights.projection, [units, output], [1, units]);
    let projection = is_projected.then(projection).transpose()?;
    let batch = sequences.batch();
    let rows = sequences.rows();
    let state = output + if C::CARRIES { units } else { 0 };
    let mut steps = Steps {
        sums: vec![T::zero(); rows * C::SLOPES * units],
        projected: vec![T::zero(); if is_projected { rows * output } else { 0 }],
        state: vec![T::zero(); batch * state],
    };
    let Steps { sums, projected, state: of_state } = &mut steps;
    let (mut sums, mut projected, mut of_state) =
        (&mut sums[..], &mut projected[..], &mut of_state[..]);
    let shares = sequences.shares().into_iter().map(|share| {
        let rows = sequences.rows_of(share.clone());
        Share {
            first: (share.start, rows.start),
            sums: cut(&mut sums, rows.len() * C::SLOPES * units),
            projected: cut(&mut projected, if is_projected { rows.len() * output } else { 0 }),
            state: cut(&mut of_state, share.len() * state),
            order: sequences.longest_first(share),
        }
    });
    let shares: Vec<_> = shares.collect();
    let matrices = (&gates, projection.as_ref());
    each(
        shares,
        #[inline(always)]
        |share| share.run::<C>(sequences, sizes, matrices, made, gradient),
    );
    Ok(steps)
}

/// What some sequences have of everything.
struct Share<'a, T> {
    /// The first sequence, and its first row.
    first: (usize, usize),
    /// The sequences, the longest first.
    order: Vec<usize>,
    sums: &'a mut [T],
    projected: &'a mut [T],
    state: &'a mut [T],
}

impl<T: Real> Share<'_, T> {
    #[inline(always)]
    fn run<C: Cell>(
        self,
        sequences: &Sequences,
        sizes: Sizes,
        (gates, projection): (&Panels<T>, Option<&Panels<T>>),
        made: Made<'_, T>,
        gradient: &[T],
    ) {
        let Self { first: (first, first_row), order, sums, projected, state } = self;
        let Sizes { units, output, .. } = sizes;
        let carry = if C::CARRIES { units } else { 0 };
        let (of_outputs, of_last) = gradient.split_at(sequences.batch() * sequences.steps * output);
        let (of_last, of_carried) = of_last.split_at(sequences.batch() * output);
        // In the order of the sequences here.
        let of = |all: &[T], width: usize| -> Vec<T> {
            order.iter().flat_map(|one| &all[one * width..][..width]).copied().collect()
        };
        let mut h = of(of_last, output);
        let mut c = of(of_carried, carry);
        let mut unprojected =
            vec![T::zero(); if projection.is_some() { order.len() * units } else { 0 }];
        let room = projection.map_or(0, |projection| projection.room(order.len()));
        let mut products = vec![T::zero(); room.max(gates.room(order.len()))];
        let width = C::SLOPES * units;
        let longest = order.first().map_or(0, |sequence| sequences.length(*sequence));
        for step in (0..longest).rev() {
            let active = order.partition_point(|sequence| sequences.length(*sequence) > step);
            let row_of = |sequence: usize| sequences.row(sequence, step) - first_row;
            for (h, &sequence) in h.chunks_exact_mut(output).zip(&order[..active]) {
                let place = sequence * sequences.steps + sequences.time(sequence, step);
                for (h, &of_output) in h.iter_mut().zip(&of_outputs[place * output..]) {
                    *h += of_output;
                }
                if projection.is_some() {
                    projected[row_of(sequence) * output..][..output].copy_from_slice(h);
                }
            }
            if let Some(projection) = projection {
                let rows: Vec<_> = h.chunks_exact(output).take(active).collect();
                multiply(projection, &rows, &mut products, &mut unprojected, |to, sum| *to = sum);
            }
            let of_units = if projection.is_some() { &mut unprojected } else { &mut h };
            for (row, &sequence) in order[..active].iter().enumerate() {
                let (before, carried_before) = made.before::<C>(sequences, sizes, (sequence, step));
                let kept = &made.kept[sequences.row(sequence, step) * C::KEPT * units..];
                C::back(Slopes {
                    kept: &kept[..C::KEPT * units],
                    carried_before,
                    before,
                    output: &mut of_units[row * units..][..units],
                    carried: &mut c[row * carry..][..carry],
                    sums: &mut sums[row_of(sequence) * width..][..width],
                });
            }
            if projection.is_some() {
                h[..active * output].fill(T::zero());
            }
            let rows = order[..active].iter().map(|&sequence| {
                let sums = &sums[row_of(sequence) * width..][..width];
                &sums[C::OF_STATE * units..][..C::GATES * units]
            });
            let rows: Vec<_> = rows.collect();
            multiply(gates, &rows, &mut products, &mut h, |h, sum| *h += sum);
        }
        for (row, &sequence) in order.iter().enumerate() {
            let state = &mut state[(sequence - first) * (output + carry)..][..output + carry];
            state[..output].copy_from_slice(&h[row * output..][..output]);
            state[output..].copy_from_slice(&c[row * carry..][..carry]);
        }
    }
}
