//! The weight's gradient: for each tap and output channel a sum over all output pixels of input times gradient.
//!
//! Nothing is unrolled. The output's gradient is turned so that a pixel's channels lie side by side; a tile has eight taps as
//! rows, which are eight pointers into the padded input, and channels as columns. The result is turned back at the end.
#![allow(unsafe_code)]

use std::ops::Range;

use super::blocks;
use super::plan::{Padded, Plan, Run, runs};
use super::scratch::take;
use super::shared::Shared;
use super::tile::{PANEL, REGISTERS, Store, multiply, write};
use crate::element::Element;
use crate::simd::{Lanes, Work};

/// Pixels whose turned gradients are used by all taps before the next: 72 KiB for 48 channels in f32.
const PIXELS: usize = 384;
/// Numbers in the widest register: rows of the turned gradient are a multiple of it.
const WIDEST: usize = 16;

pub(super) fn gradient<T: Element>(plan: &Plan, x: &[T], dy: &[T], dweight: &mut [T]) {
    let columns = plan.columns();
    if columns == 0 {
        dweight.fill(T::zero());
        return;
    }
    let padded = Padded::new(plan, x);
    let taps = padded.taps(plan);
    let (outputs, depth) = (plan.channels_out, plan.depth());
    let row = outputs.next_multiple_of(WIDEST);
    let pixel_blocks: Vec<Range<usize>> = (0..columns.div_ceil(PIXELS))
        .map(|i| i * PIXELS..columns.min((i + 1) * PIXELS))
        .collect();
    for group in 0..plan.groups {
        let mut turned = take::<T>(columns * row);
        blocks::each_chunk(&mut turned, PIXELS * row, columns * row, |block, turned| {
            let pixels = pixel_blocks[block].clone();
            T::vectorize(Turn { plan, dy, group, pixels, row, turned });
        });
        let mut block_runs: Vec<Vec<Run>> = vec![Vec::new(); pixel_blocks.len()];
        for (pixels, of_block) in pixel_blocks.iter().zip(&mut block_runs) {
            runs(plan, &padded, group, pixels.start, pixels.len(), of_block);
        }
        let mut sums = take::<T>(depth.next_multiple_of(PANEL) * row);
        // Rows of taps in sixteen shares of near-equal size, or one for each panel.
        let panels = depth.div_ceil(PANEL);
        let shares: Vec<_> = blocks::parts(panels, blocks::worth(1, panels)).collect();
        let shared = Shared::new(&mut sums);
        blocks::each(shares.len(), plan.work() / plan.groups, |share| {
            let panels = shares[share].clone();
            let len = panels.len() * PANEL * row;
            // SAFETY: shares do not overlap.
            let sums = unsafe { shared.part(panels.start * PANEL * row, len) };
            T::vectorize(Sums {
                elements: padded.elements(),
                taps: &taps,
                runs: &block_runs,
                turned: &turned,
                row,
                outputs,
                panels,
                sums,
            });
        });
        let dweight = &mut dweight[group * outputs * depth..][..outputs * depth];
        T::vectorize(TurnBack { sums: &sums, row, outputs, depth, dweight });
    }
}

/// Turns `[channel][pixel]` of some columns into `[pixel][channel]`.
struct Turn<'a, T> {
    plan: &'a Plan,
    dy: &'a [T],
    group: usize,
    pixels: Range<usize>,
    row: usize,
    turned: &'a mut [T],
}

impl<T: Element> Work<T> for Turn<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let Self { plan, dy, group, pixels, row, turned } = self;
        let (outputs, all) = (plan.channels_out, plan.pixels_out());
        let mut start = pixels.start;
        while start < pixels.end {
            let (sample, pixel) = (start / all, start % all);
            let len = (all - pixel).min(pixels.end - start);
            let from = &dy[(sample * plan.groups + group) * outputs * all + pixel..];
            let to = &mut turned[(start - pixels.start) * row..];
            // SAFETY: `outputs` rows of `len` inside dy, and `len` rows inside the block.
            unsafe { transpose::<L>(from, all, (outputs, len), to, row) };
            start += len;
        }
    }
}

struct TurnBack<'a, T> {
    sums: &'a [T],
    row: usize,
    outputs: usize,
    depth: usize,
    dweight: &'a mut [T],
}

impl<T: Element> Work<T> for TurnBack<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let Self { sums, row, outputs, depth, dweight } = self;
        // SAFETY: `depth` rows of `outputs`, and as many the other way round.
        unsafe { transpose::<L>(sums, row, (depth, outputs), dweight, depth) };
    }
}

/// Turns `rows` by `columns` elements, whose rows lie a stride apart on both sides.
///
/// # Safety
/// The set of `L`.
#[inline(always)]
unsafe fn transpose<L: Lanes>(
    from: &[L::Element],
    from_stride: usize,
    (rows, columns): (usize, usize),
    to: &mut [L::Element],
    to_stride: usize,
) {
    assert!(rows > 0 && columns > 0);
    assert!((rows - 1) * from_stride + columns <= from.len());
    assert!((columns - 1) * to_stride + rows <= to.len());
    let step = L::WIDTH;
    for i in (0..rows).step_by(step) {
        for j in (0..columns).step_by(step) {
            if i + step <= rows && j + step <= columns {
                // SAFETY: inside both, by the two assertions.
                unsafe {
                    let from = from.as_ptr().add(i * from_stride + j);
                    let to = to.as_mut_ptr().add(j * to_stride + i);
                    L::transpose(from, from_stride, to, to_stride);
                }
            } else {
                for i in i..rows.min(i + step) {
                    for j in j..columns.min(j + step) {
                        to[j * to_stride + i] = from[i * from_stride + j];
                    }
                }
            }
        }
    }
}

/// Some panels of taps, over all pixels and channels.
struct Sums<'a, T> {
    elements: &'a [T],
    taps: &'a [usize],
    runs: &'a [Vec<Run>],
    turned: &'a [T],
    row: usize,
    outputs: usize,
    panels: Range<usize>,
    sums: &'a mut [T],
}

impl<T: Element> Work<T> for Sums<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(mut self) {
        // Registers of a pixel's channels, in near-equal shares of at most three.
        let registers = self.outputs.div_ceil(L::WIDTH);
        let shares: Vec<_> = blocks::split(registers, REGISTERS).collect();
        for block in 0..self.runs.len() {
            for share in &shares {
                for panel in 0..self.panels.len() {
                    let first = share.start * L::WIDTH;
                    // SAFETY: by contract.
                    unsafe {
                        match (share.len(), L::ROWS == PANEL) {
                            (1, true) => self.tile::<L, PANEL, 1>(block, panel, first),
                            (2, true) => self.tile::<L, PANEL, 2>(block, panel, first),
                            (_, true) => self.tile::<L, PANEL, 3>(block, panel, first),
                            (1, false) => self.tile::<L, { PANEL / 2 }, 1>(block, panel, first),
                            (2, false) => self.tile::<L, { PANEL / 2 }, 2>(block, panel, first),
                            (_, false) => self.tile::<L, { PANEL / 2 }, 3>(block, panel, first),
                        }
                    }
                }
            }
        }
    }
}

impl<T: Element> Sums<'_, T> {
    /// Adds a block's pixels to the sums of a panel of taps and `V` registers of channels from `first` on.
    ///
    /// # Safety
    /// The set of `L`.
    #[inline(always)]
    unsafe fn tile<L: Lanes<Element = T>, const R: usize, const V: usize>(
        &mut self,
        block: usize,
        panel: usize,
        first: usize,
    ) {
        for part in (0..PANEL).step_by(R) {
            let tap = (self.panels.start + panel) * PANEL + part;
            // Past the last tap the last one is computed again, into rows that nobody reads.
            let last = self.taps.len() - 1;
            let taps: [usize; R] = std::array::from_fn(|i| self.taps[(tap + i).min(last)]);
            // SAFETY: every tap of every run lies inside of the padded input; a block's turned gradients have a row for each pixel,
            // as wide as whole registers; the sums have PANEL rows for each panel.
            unsafe {
                let mut acc = [[L::splat(T::zero()); V]; R];
                let turned = self.turned[block * PIXELS * self.row + first..].as_ptr();
                for run in &self.runs[block] {
                    let x = self.elements.as_ptr().add(run.source);
                    let x: [*const T; R] = std::array::from_fn(|i| x.add(taps[i]));
                    let dy = turned.add(run.at * self.row);
                    let row = self.row;
                    multiply(run.len, |n, i| *x[i].add(n), |n| dy.add(n * row), &mut acc);
                }
                let to = &mut self.sums[(panel * PANEL + part) * self.row + first..];
                let store = Store { add: block > 0, bias: None, rectify: false };
                write(&acc, store, to.as_mut_ptr(), self.row, R, V * L::WIDTH);
            }
        }
    }
}
