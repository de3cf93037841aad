//! A layer over a batch of sequences, in one direction.
//!
//! The products with the input are taken for all steps at once. What is left to a step are those
//! with the state before it, some units of all gates at a time, and what the cell makes of them
//! while they are in the nearest cache. Sequences do not depend on each other, so each thread has
//! some of them from the first step to the last and waits for no other.

use super::cell::{Cell, Units};
use super::sequences::Sequences;
use crate::blocks::{each, fill};
use crate::real::Real;
use conv_core::cpu::Panels;

/// Rows of the input that a panel of the weight is multiplied with before the next panel.
const ROWS: usize = 32;

/// Numbers of a row: of the input, of the units, and of the output, which is smaller where it is
/// projected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub input: usize,
    pub units: usize,
    pub output: usize,
}

/// A layer's weights as PyTorch has them; those that it does not have are empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weights<'a, T> {
    pub of_input: &'a [T],
    pub of_state: &'a [T],
    pub biases: [&'a [T]; 2],
    pub projection: &'a [T],
}

/// The first `len` elements, which are taken away.
pub(super) fn cut<'a, T>(from: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    from.split_off_mut(..len).unwrap_or_default()
}

/// Outputs `[B, T, output]`, final states `[B, output]` and `[B, units]` if there are such, all in
/// one vector; and what the backward pass needs, a row a step.
pub(super) fn forward<C: Cell, T: Real>(
    sequences: &Sequences,
    sizes: Sizes,
    x: &[T],
    weights: Weights<'_, T>,
    state: &[T],
) -> conv_core::Result<(Vec<T>, Vec<T>)> {
    let Sizes { units, output, .. } = sizes;
    let mut kept = with_input::<C, T>(sequences, sizes, x, weights)?;
    let of_gate = |gate: usize| &weights.of_state[gate * units * output..][..units * output];
    let gates = (0..C::GATES).map(|gate| Panels::new(of_gate(gate), [units, output], [output, 1]));
    let gates = gates.collect::<conv_core::Result<Vec<_>>>()?;
    let is_projected = !weights.projection.is_empty();
    let projection = || Panels::new(weights.projection, [output, units], [units, 1]);
    let projection = is_projected.then(projection).transpose()?;
    let carried = if C::CARRIES { units } else { 0 };
    let batch = sequences.batch();
    let mut y = vec![T::zero(); batch * (sequences.steps * output + output + carried)];
    let (mut outputs, last) = y.split_at_mut(batch * sequences.steps * output);
    let (mut last, mut last_carried) = last.split_at_mut(batch * output);
    let mut rest = kept.as_mut_slice();
    let shares = sequences.shares().into_iter().map(|share| {
        let count = share.len();
        let rows = sequences.rows_of(share.clone());
        let kept = cut(&mut rest, rows.len() * C::KEPT * units);
        let outputs = cut(&mut outputs, count * sequences.steps * output);
        let (last, carried) =
            (cut(&mut last, count * output), cut(&mut last_carried, count * carried));
        let order = sequences.longest_first(share.clone());
        Share { first: (share.start, rows.start), order, kept, outputs, last, carried }
    });
    let shares: Vec<_> = shares.collect();
    let projection = projection.as_ref();
    each(
        shares,
        #[inline(always)]
        |share| share.run::<C>(sequences, sizes, (&gates, projection), state),
    );
    Ok((y, kept))
}

/// Rows with the products of the input and the biases.
fn with_input<C: Cell, T: Real>(
    sequences: &Sequences,
    sizes: Sizes,
    x: &[T],
    weights: Weights<'_, T>,
) -> conv_core::Result<Vec<T>> {
    let Sizes { input, units, .. } = sizes;
    let x = sequences.packed(x, input);
    let sums = C::GATES * units;
    let width = C::KEPT * units;
    let panels = Panels::new(weights.of_input, [sums, input], [input, 1])?;
    let biases = match weights.biases {
        [[], []] => vec![T::zero(); width],
        [of_input, of_state] => C::biases(of_input, of_state, units),
    };
    Ok(fill(
        sequences.rows() * width,
        ROWS * width,
        #[inline(always)]
        |start, out| {
            let rows = x[start / width * input..].chunks_exact(input);
            let rows: Vec<_> = rows.take(out.len() / width).collect();
            let mut made = vec![T::zero(); panels.room(rows.len())];
            for panel in 0..panels.count() {
                panels.multiply(panel, &rows, &mut made);
                let first = panel * panels.width();
                let count = panels.width().min(sums - first);
                let made = made.chunks_exact(panels.width());
                for (out, made) in out.chunks_exact_mut(width).zip(made) {
                    let biases = &biases[first..][..count];
                    for ((out, &made), &bias) in out[first..].iter_mut().zip(made).zip(biases) {
                        *out = made + bias;
                    }
                }
            }
            for out in out.chunks_exact_mut(width) {
                out[sums..].copy_from_slice(&biases[sums..]);
            }
        },
    ))
}

/// What some sequences have of everything.
struct Share<'a, T> {
    /// The first sequence, and its first row.
    first: (usize, usize),
    /// The sequences, the longest first.
    order: Vec<usize>,
    kept: &'a mut [T],
    outputs: &'a mut [T],
    last: &'a mut [T],
    carried: &'a mut [T],
}

impl<T: Real> Share<'_, T> {
    /// All steps.
    #[inline(always)]
    fn run<C: Cell>(
        self,
        sequences: &Sequences,
        sizes: Sizes,
        (gates, projection): (&[Panels<T>], Option<&Panels<T>>),
        state: &[T],
    ) {
        let Self { first: (first, first_row), order, kept, outputs, last, carried } = self;
        let Sizes { units, output, .. } = sizes;
        let carry = if C::CARRIES { units } else { 0 };
        let state_of = |sequence: usize| {
            state[sequence * (output + carry)..][..output + carry].split_at(output)
        };
        // In the order of the sequences here.
        let mut h: Vec<_> = order.iter().flat_map(|one| state_of(*one).0).copied().collect();
        let mut c: Vec<_> = order.iter().flat_map(|one| state_of(*one).1).copied().collect();
        let mut made = vec![T::zero(); order.len() * units];
        let width = gates[0].width();
        let room = gates[0].room(order.len());
        let mut sums = vec![T::zero(); C::GATES * room];
        let mut projected = vec![T::zero(); projection.map_or(0, |p| p.room(order.len()))];
        let longest = order.first().map_or(0, |sequence| sequences.length(*sequence));
        for step in 0..longest {
            let active = order.partition_point(|sequence| sequences.length(*sequence) > step);
            let rows: Vec<_> = h.chunks_exact(output).take(active).collect();
            for panel in 0..gates[0].count() {
                for (gate, sums) in gates.iter().zip(sums.chunks_exact_mut(room)) {
                    gate.multiply(panel, &rows, sums);
                }
                let range = panel * width..units.min((panel + 1) * width);
                for (row, &sequence) in order[..active].iter().enumerate() {
                    let start = (sequences.row(sequence, step) - first_row) * C::KEPT * units;
                    let of = Units {
                        range: range.clone(),
                        kept: &mut kept[start..][..C::KEPT * units],
                        before: rows[row],
                        carried: &mut c[row * carry..][..carry],
                        output: &mut made[row * units..][..units],
                    };
                    let sums = |gate: usize| &sums[gate * room + row * width..][..width];
                    C::step(of, sums);
                }
            }
            match projection {
                None => h[..active * units].copy_from_slice(&made[..active * units]),
                Some(projection) => {
                    let rows: Vec<_> = made.chunks_exact(units).take(active).collect();
                    multiply(projection, &rows, &mut projected, &mut h, |h, sum| *h = sum);
                }
            }
            for (h, &sequence) in h.chunks_exact(output).zip(&order[..active]) {
                let place = (sequence - first) * sequences.steps + sequences.time(sequence, step);
                outputs[place * output..][..output].copy_from_slice(h);
            }
        }
        for (row, &sequence) in order.iter().enumerate() {
            let to = (sequence - first) * output;
            let h = &h[row * output..][..output];
            last[to..][..output].copy_from_slice(h);
            let to = (sequence - first) * carry;
            let c = &c[row * carry..][..carry];
            carried[to..][..carry].copy_from_slice(c);
        }
    }
}

/// The products of all rows with a matrix, each number handed to `put` with its place in rows of
/// `to`.
#[inline(always)]
pub(super) fn multiply<T: Real>(
    matrix: &Panels<T>,
    rows: &[&[T]],
    sums: &mut [T],
    to: &mut [T],
    put: impl Fn(&mut T, T),
) {
    let outputs = matrix.outputs();
    for panel in 0..matrix.count() {
        matrix.multiply(panel, rows, sums);
        let first = panel * matrix.width();
        let count = matrix.width().min(outputs - first);
        let sums = sums.chunks_exact(matrix.width()).take(rows.len());
        for (to, sums) in to.chunks_exact_mut(outputs).zip(sums) {
            for (to, &sum) in to[first..][..count].iter_mut().zip(sums) {
                put(to, sum);
            }
        }
    }
}
