//! Rows times a weight that was laid out for them once, as a decoder multiplies them word by word.
//!
//! The weight is the right side of the register tile: panels of some outputs side by side for each
//! input, read on and on. The left side are the rows as they lie. A sum is taken input by input,
//! whatever other rows there are.
#![allow(unsafe_code)]

use std::ops::Range;

use super::blocks;
use super::epilogue::{Epilogue, Output};
use super::packed::{Strides, Weight};
use super::tile::{PANEL, REGISTERS, microkernel, width};
use crate::element::Element;
use crate::geometry::Geometry;
use crate::memory::{AllocError, written};
use crate::simd::{Lanes, WIDEST, Work};

/// Outputs of a panel: the columns of the widest tile.
const OUTPUTS: usize = REGISTERS * WIDEST;
/// Steps of the depth by which a panel is asked for ahead: it is read once for each tile of rows,
/// from a cache further away.
const AHEAD: usize = 8;

/// How many numbers [`lay_out`] writes.
pub(crate) fn laid_out_len(g: &Geometry) -> usize {
    g.channels_out.div_ceil(OUTPUTS) * OUTPUTS * g.depth()
}

/// The weight `[outputs][inputs]` as panels, `[panel][input][OUTPUTS]` with zeros beyond the last
/// output; where one half of the outputs is to gate the other, from both by turns.
pub(crate) fn lay_out<T: Element>(g: &Geometry, weight: &[T], glu: bool, to: &mut [T]) {
    let weight = Weight { elements: weight, strides: Strides::plain(g, glu) };
    let elements = weight.strides.elements(g);
    for (panel, to) in to.chunks_exact_mut(OUTPUTS * g.depth()).enumerate() {
        weight.pack::<OUTPUTS>(g, &elements, (0, panel), to);
    }
}

/// One of the weight's rows that [`lay_out`] has written, of outputs in their order.
pub(crate) fn laid_out_row<T: Element>(
    panels: &[T],
    inputs: usize,
    output: usize,
) -> impl Iterator<Item = T> + '_ {
    let panel = &panels[output / OUTPUTS * OUTPUTS * inputs..][..OUTPUTS * inputs];
    panel[output % OUTPUTS..].iter().step_by(OUTPUTS).copied()
}

/// weight · x of each row, finished.
pub(crate) fn multiply_rows<T: Element>(
    g: &Geometry,
    x: &[T],
    panels: &[T],
    epilogue: Epilogue<'_, T>,
) -> Result<Vec<T>, AllocError> {
    let len = g.batch * g.channels_out / if epilogue.glu { 2 } else { 1 };
    let run = |y: &mut [T]| {
        let y = &Output::new(g, epilogue, y);
        blocks::each(g.channels_out.div_ceil(OUTPUTS), g.work(), |panel| {
            let outputs = panel * OUTPUTS..g.channels_out.min((panel + 1) * OUTPUTS);
            let weight = &panels[panel * OUTPUTS * g.depth()..][..OUTPUTS * g.depth()];
            T::vectorize(Rows { g, x, weight, outputs, y });
            Ok(())
        })
    };
    // SAFETY: panels cover all outputs, and a panel's task writes its own of every row.
    unsafe { written(len, run) }
}

/// A panel's outputs of all rows.
struct Rows<'a, T: Element> {
    g: &'a Geometry,
    x: &'a [T],
    weight: &'a [T],
    outputs: Range<usize>,
    y: &'a Output<'a, T>,
}

impl<T: Element> Work<T> for Rows<'_, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let depth = self.g.depth();
        let batch = self.g.batch;
        let mut sums = [[T::zero(); OUTPUTS]; PANEL];
        let biases = self.y.biases::<OUTPUTS>(self.outputs.clone());
        for first in (0..batch).step_by(PANEL) {
            let count = PANEL.min(batch - first);
            // Beyond the last row the last one once more.
            let row = |i: usize| self.x[(first + i).min(batch - 1) * depth..][..depth].as_ptr();
            let rows: [_; PANEL] = std::array::from_fn(row);
            for column in (0..self.outputs.len()).step_by(width::<L>()) {
                let columns = width::<L>().min(self.outputs.len() - column);
                let weight = self.weight[column..].as_ptr();
                let to = (sums.as_flattened_mut()[column..].as_mut_ptr(), OUTPUTS);
                // SAFETY: rows have `depth` numbers (sliced above), and so many steps of OUTPUTS
                // numbers has the panel; a tile's columns lie inside of a step, and inside of a row
                // of the sums, of which there are PANEL.
                unsafe {
                    let left = |k: usize, i: usize| *rows[i].add(k);
                    let right = |k: usize| {
                        let step = weight.add(k * OUTPUTS);
                        for register in (0..width::<L>()).step_by(L::WIDTH) {
                            L::prefetch(step.wrapping_add(AHEAD * OUTPUTS + register));
                        }
                        step
                    };
                    microkernel::<L>(depth, left, right, false, to, (count, columns));
                }
            }
            for (sample, sums) in (first..first + count).zip(&sums) {
                // SAFETY: tasks differ in outputs.
                unsafe { self.y.write_channels(sample, self.outputs.clone(), (sums, &biases)) };
            }
        }
    }
}
