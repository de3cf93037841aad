//! Forward pass as a matrix product that never has its right side in memory as a whole (implicit
//! GEMM).
//!
//! The left side is the weight, `[output channels] × [channels · taps]`, packed in panels. The
//! right side has a column for each output pixel. A block of columns is gathered panel by panel, a
//! slice of the depth at a time, into a buffer that stays in the second cache, and every panel of
//! the weight is multiplied with it. Where a panel's columns lie side by side in the padded input
//! and few weights would read the gathered copy, it is read in place.
#![allow(unsafe_code)]

use std::ops::Range;

use super::epilogue::Output;
use super::layout::{Layout, Padded, Run};
use super::packed::packed;
use super::scratch::acquire;
use super::tile::{PANEL, REGISTERS, microkernel, width};
use super::{Arguments, blocks};
use crate::element::Element;
use crate::geometry::Geometry;
use crate::memory::AllocResult;
use crate::simd::{Lanes, WIDEST, Work};

/// Columns of the widest panel, which is AVX-512's, and of a block.
const PANEL_COLUMNS: usize = REGISTERS * WIDEST;
const COLUMNS: usize = 4 * PANEL_COLUMNS;
/// Steps of the depth that are gathered at once: with [`COLUMNS`], 384 KiB in f32.
const DEPTH: usize = 512;
/// Taps that are gathered for all panels before the next.
const TAPS: usize = 8;
/// Output channels up to which gathering costs more than it saves, if taps lie side by side; and
/// else.
const READ_IN_PLACE: usize = 64;
const READ_IN_PLACE_FAR: usize = 16;
/// Taps of a row from which they do: registers at neighbouring taps share their cache lines.
const NEAR_TAPS: usize = 5;
/// Output channels below which a share of them is not worth gathering the input for once more.
const FEWEST_OUTPUTS: usize = 64;

/// `y = weight · x`, finished.
pub(super) fn convolve<T: Element>(of: Arguments<'_, T>) -> AllocResult {
    let Arguments { g, x, weight, epilogue, y } = of;
    let columns = g.columns();
    let panels = g.channels_out.div_ceil(PANEL);
    let elements = weight.strides.elements(g);
    let panel_len = PANEL * g.depth();
    let len = g.groups * panels * panel_len;
    let weight = packed(epilogue.keep, ("product", g), weight, len, |packed| {
        blocks::each_chunk(packed, panel_len, len, |number, panel| {
            weight.pack::<PANEL>(g, &elements, (number / panels, number % panels), panel);
            Ok(())
        })
    })?;
    let layout = Layout::new(g);
    let padded = Padded::new(g, &layout, x)?;
    let taps = layout.taps(g);
    let block_panels = blocks::split(columns.div_ceil(PANEL_COLUMNS), COLUMNS / PANEL_COLUMNS);
    let tasks = g.groups * block_panels.len();
    let shares = blocks::partitions(tasks, g.channels_out / FEWEST_OUTPUTS);
    let y = Output::new(g, epilogue, y);
    blocks::each(tasks * shares, g.work(), |task| {
        let panels = blocks::part(panels, shares, task % shares);
        let task = task / shares;
        let group = task / block_panels.len();
        let block = task % block_panels.len();
        let block = blocks::part(columns.div_ceil(PANEL_COLUMNS), block_panels.len(), block);
        let columns = block.start * PANEL_COLUMNS..columns.min(block.end * PANEL_COLUMNS);
        let (padded, taps, weight) = (&padded, &taps, &weight);
        T::vectorize(Block { g, padded, taps, weight, group, panels, columns, y: &y })
    })
}

/// Some panels of the weight by some columns.
struct Block<'a, T: Element> {
    g: &'a Geometry,
    padded: &'a Padded<'a, T>,
    taps: &'a [usize],
    weight: &'a [T],
    group: usize,
    panels: Range<usize>,
    columns: Range<usize>,
    y: &'a Output<'a, T>,
}

impl<T: Element> Work<T, AllocResult> for Block<'_, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) -> AllocResult {
        let Self { g, padded, taps, group, .. } = self;
        let outputs = g.channels_out;
        let depth = taps.len();
        let width = width::<L>();
        let near = g.w.kernel >= NEAR_TAPS;
        let few_outputs = outputs <= if near { READ_IN_PLACE } else { READ_IN_PLACE_FAR };
        let elements = padded.elements().as_ptr();
        let of_columns: Vec<_> = self
            .columns
            .clone()
            .step_by(width)
            .map(|start| {
                let columns = start..self.columns.end.min(start + width);
                let runs = padded.layout.runs(g, group, columns.clone());
                let in_place = few_outputs && runs.len() == 1 && runs[0].len == width;
                (columns.len(), g.pieces(columns), runs, in_place)
            })
            .collect();
        let runs = of_columns.iter().flat_map(|(_, _, runs, _)| runs.iter().copied());
        padded.assert_inside(taps, runs);
        let mut gathered = acquire::<T>(of_columns.len() * DEPTH.min(depth) * width)?;
        // One tile of sums after the other, or all of them where there are several slices of the
        // depth.
        let tiles = if depth > DEPTH { of_columns.len() * self.panels.len() } else { 1 };
        let mut sums = acquire::<T>(tiles * PANEL * width)?;
        for start in (0..depth).step_by(DEPTH) {
            let slice = start..depth.min(start + DEPTH);
            let len = slice.len() * width;
            // A few taps of all panels before the next: what lies side by side in memory is read
            // together.
            for (chunk, taps) in taps[slice.clone()].chunks(TAPS).enumerate() {
                for (p, (_, _, runs, in_place)) in of_columns.iter().enumerate() {
                    let panel = &mut gathered[p * len + chunk * TAPS * width..];
                    if !in_place {
                        // SAFETY: all taps of the runs lie inside the padded input, and the runs
                        // inside a panel's width.
                        unsafe {
                            gather::<L>(elements, taps, runs, &mut panel[..taps.len() * width])
                        };
                    }
                }
            }
            for (p, (columns, pieces, runs, in_place)) in of_columns.iter().enumerate() {
                let x = elements.wrapping_add(runs[0].source);
                let right = gathered[p * len..].as_ptr();
                for (n, panel) in self.panels.clone().enumerate() {
                    let channels = panel * PANEL..outputs.min((panel + 1) * PANEL);
                    let left = (group * outputs.div_ceil(PANEL) + panel) * depth + slice.start;
                    let left = self.weight[left * PANEL..][..slice.len() * PANEL].as_ptr();
                    let tile = (p * self.panels.len() + n) % tiles;
                    let sums = &mut sums[tile * PANEL * width..][..PANEL * width];
                    let to = (sums.as_mut_ptr(), width);
                    let add = start > 0;
                    let size = (channels.len(), *columns);
                    // SAFETY: a panel of the weight has PANEL numbers, and one of columns `width`,
                    // for each step of the slice; all taps of a run lie inside the padded input.
                    // Blocks differ in group, weights or columns, so that no two write the same.
                    unsafe {
                        let left = |k: usize, i: usize| *left.add(k * PANEL + i);
                        if *in_place {
                            let right = |k: usize| x.add(*taps.get_unchecked(start + k));
                            microkernel::<L>(slice.len(), left, right, add, to, size);
                        } else {
                            let right = |k: usize| right.add(k * width);
                            microkernel::<L>(slice.len(), left, right, add, to, size);
                        }
                        if slice.end == depth {
                            let first = group * outputs;
                            let channels = first + channels.start..first + channels.end;
                            self.y.write(channels, pieces, sums, width);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// The columns of `runs` at each of `taps`, side by side.
///
/// # Safety
/// The set of `L`; every tap of every run lies inside of `elements`, and the runs inside of the
/// panel's width.
#[inline(always)]
pub(super) unsafe fn gather<L: Lanes>(
    elements: *const L::Element,
    taps: &[usize],
    runs: &[Run],
    panel: &mut [L::Element],
) {
    for (&tap, row) in taps.iter().zip(panel.chunks_exact_mut(width::<L>())) {
        for run in runs {
            for i in (0..run.len).step_by(L::WIDTH) {
                let count = L::WIDTH.min(run.len - i);
                // SAFETY: by contract.
                unsafe {
                    let numbers = L::load_first(elements.add(run.source + tap + i), count);
                    numbers.store_first(row.as_mut_ptr().add(run.at + i), count);
                }
            }
        }
    }
}
