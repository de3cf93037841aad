//! Forward pass as a matrix product that never has its right side in memory as a whole (implicit GEMM).
//!
//! The left side is the weight, `[output channels] × [channels · taps]`, packed in panels. The right side has a column for each
//! output pixel. A block of columns is gathered panel by panel, a slice of the depth at a time, into a buffer that stays in the
//! second cache, and every panel of the weight is multiplied with it. Where a panel's columns lie side by side in the padded
//! input and few weights would read the gathered copy, it is read in place.
#![allow(unsafe_code)]

use std::ops::Range;

use super::blocks;
use super::gate::gate;
use super::kept::packed;
use super::plan::{Layout, Padded, Plan, Run, runs};
use super::scratch::{Done, take};
use super::shared::Shared;
use super::tile::{PANEL, Store, pack, panel, width};
use super::{Finish, Weight};
use crate::element::Element;
use crate::simd::{Lanes, Work};

/// Columns of the widest panel, which is AVX-512's, and of a block.
const WIDEST: usize = 48;
const COLUMNS: usize = 4 * WIDEST;
/// Steps of the depth that are gathered at once: with [`COLUMNS`], 384 KiB in f32.
const DEPTH: usize = 512;
/// Taps that are gathered for all panels before the next.
const TAPS: usize = 8;
/// Output channels up to which gathering costs more than it saves, if taps lie side by side; and else.
const READ_IN_PLACE: usize = 64;
const READ_IN_PLACE_FAR: usize = 16;
/// Taps of a row from which they do: registers at neighbouring taps share their cache lines.
const NEAR_TAPS: usize = 5;
/// Output channels below which a share of them is not worth gathering the input for once more.
const FEWEST_OUTPUTS: usize = 64;

/// Packs the weight of all groups in panels.
fn pack_all<T: Element>(plan: &Plan, weight: Weight<'_, T>, packed: &mut [T]) -> Done {
    let (outputs, depth) = (plan.channels_out, plan.depth());
    let panels = outputs.div_ceil(PANEL);
    let work = packed.len();
    blocks::each_chunk(packed, PANEL * depth, work, |number, panel| {
        let (group, first) = (number / panels, number % panels * PANEL);
        let rows = (outputs - first).min(PANEL);
        pack(plan, weight, weight.kernels(group, first), rows, panel);
        Ok(())
    })
}

/// `y = weight · x`, finished.
pub(super) fn convolve<T: Element>(
    plan: &Plan,
    x: &[T],
    weight: Weight<'_, T>,
    finish: Finish<'_, T>,
    y: &mut [T],
) -> Done {
    let panels = plan.channels_out.div_ceil(PANEL);
    let len = plan.groups * panels * PANEL * plan.depth();
    let weight = packed(finish.keep, ("product", plan), weight, len, |packed| {
        pack_all(plan, weight, packed)
    })?;
    let columns = plan.columns();
    let layout = Layout::new(plan);
    let padded = Padded::new(plan, &layout, x)?;
    let taps = layout.taps(plan);
    let whole_panels = |range: Range<usize>| range.start * WIDEST..columns.min(range.end * WIDEST);
    let column_blocks: Vec<_> =
        blocks::split(columns.div_ceil(WIDEST), COLUMNS / WIDEST).map(whole_panels).collect();
    let shares = plan.channels_out / FEWEST_OUTPUTS;
    let shares = blocks::worth(plan.groups * column_blocks.len(), shares);
    let shares: Vec<_> = blocks::parts(panels, shares).collect();
    let y = Shared::new(y);
    blocks::each(plan.groups * column_blocks.len() * shares.len(), plan.work(), |task| {
        let (share, task) = (task % shares.len(), task / shares.len());
        let (group, block) = (task / column_blocks.len(), task % column_blocks.len());
        T::vectorize(Block {
            plan,
            padded: &padded,
            taps: &taps,
            weight: &weight,
            finish,
            group,
            panels: shares[share].clone(),
            columns: column_blocks[block].clone(),
            y: &y,
        })
    })
}

struct Block<'a, T: Element> {
    plan: &'a Plan,
    padded: &'a Padded<'a, T>,
    taps: &'a [usize],
    weight: &'a [T],
    finish: Finish<'a, T>,
    group: usize,
    /// Panels of the weight.
    panels: Range<usize>,
    columns: Range<usize>,
    y: &'a Shared<'a, T>,
}

impl<T: Element> Work<T> for Block<'_, T> {
    type Output = Done;

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) -> Done {
        let Self { plan, padded, taps, .. } = self;
        let width = width::<L>();
        let count = self.columns.len().div_ceil(width);
        let mut panel_runs = vec![Vec::new(); count];
        for (p, runs_of) in panel_runs.iter_mut().enumerate() {
            let start = self.columns.start + p * width;
            runs(
                plan,
                padded.layout,
                self.group,
                start,
                width.min(self.columns.end - start),
                runs_of,
            );
        }
        let elements = padded.elements().as_ptr();
        let near = plan.w.taps >= NEAR_TAPS;
        let few_outputs = plan.channels_out <= if near { READ_IN_PLACE } else { READ_IN_PLACE_FAR };
        let few_outputs = few_outputs && !self.finish.gate;
        let in_place = |runs: &[Run]| few_outputs && runs.len() == 1 && runs[0].len == width;
        let depth = taps.len();
        for p in (0..count).filter(|&p| in_place(&panel_runs[p])) {
            // SAFETY: all taps of a run's columns lie inside the padded input.
            unsafe {
                let x = elements.add(panel_runs[p][0].source);
                let right = |k: usize| x.add(*taps.get_unchecked(k));
                self.multiply::<L>(p, 0..depth, right, &mut []);
            }
        }
        if panel_runs.iter().all(|runs| in_place(runs)) {
            return Ok(());
        }
        let mut gathered = take::<T>(count * DEPTH.min(depth) * width)?;
        // Sums of columns that belong to several samples, until the last slice, and ones to be gated.
        let crosses = |p: usize| self.finish.gate || self.spans(p, width).len() > 1;
        let held = if (0..count).any(crosses) { self.panels.len() * PANEL * width } else { 0 };
        let mut sums = take::<T>(count * held)?;
        for first in (0..depth).step_by(DEPTH) {
            let slice = first..depth.min(first + DEPTH);
            let panel_len = slice.len() * width;
            // A few taps of all panels before the next: what lies side by side in memory is read together.
            for (chunk, taps) in taps[slice.clone()].chunks(TAPS).enumerate() {
                let at = chunk * TAPS * width;
                for (p, runs) in panel_runs.iter().enumerate().filter(|(_, runs)| !in_place(runs)) {
                    let panel = &mut gathered[p * panel_len + at..][..taps.len() * width];
                    // SAFETY: all taps of the runs lie inside the padded input, and the runs inside a panel's width.
                    unsafe { gather::<L>(elements, taps, runs, panel) };
                }
            }
            let buffer = gathered.as_ptr();
            for (p, _) in panel_runs.iter().enumerate().filter(|(_, runs)| !in_place(runs)) {
                // SAFETY: a panel has as many rows of `width` as the slice is deep.
                unsafe {
                    let start = buffer.add(p * panel_len);
                    let sums = &mut sums[p * held..][..held];
                    self.multiply::<L>(p, slice.clone(), |k| start.add(k * width), sums);
                }
            }
        }
        Ok(())
    }
}

impl<T: Element> Block<'_, T> {
    /// The output's columns of panel `p`, sample by sample: where in the panel, and the sample and pixel of the first.
    fn spans(&self, p: usize, width: usize) -> impl ExactSizeIterator<Item = Span> + Clone {
        let pixels = self.plan.pixels_out();
        let start = self.columns.start + p * width;
        let end = self.columns.end.min(start + width);
        (start / pixels..(end - 1) / pixels + 1).map(move |sample| {
            let columns = start.max(sample * pixels)..end.min((sample + 1) * pixels);
            Span {
                at: columns.start - start,
                len: columns.len(),
                sample,
                pixel: columns.start % pixels,
            }
        })
    }

    /// Multiplies each of the block's weights, over a slice of the depth, with the panel `p` of columns. Where those belong to
    /// several samples, or are to be gated, they are summed up in `sums`.
    ///
    /// # Safety
    /// As [`panel`].
    #[inline(always)]
    unsafe fn multiply<L: Lanes<Element = T>>(
        &self,
        p: usize,
        slice: Range<usize>,
        right: impl Fn(usize) -> *const T + Copy,
        sums: &mut [T],
    ) {
        let Self { plan, group, finish, .. } = *self;
        let (outputs, depth, pixels) = (plan.channels_out, plan.depth(), plan.pixels_out());
        let width = width::<L>();
        let columns = width.min(self.columns.end - self.columns.start - p * width);
        let weight_panels = outputs.div_ceil(PANEL);
        let mut spans = self.spans(p, width);
        let only = if spans.len() == 1 && !finish.gate { spans.next() } else { None };
        let (add, is_last) = (slice.start > 0, slice.end == depth);
        for number in self.panels.clone() {
            let first = number * PANEL;
            let rows = (outputs - first).min(PANEL);
            let channel = group * outputs + first;
            let bias = finish.bias.filter(|_| is_last).map(|bias| bias[channel..].as_ptr());
            let rectify = finish.rectify && is_last;
            let left = &self.weight[(group * weight_panels + number) * PANEL * depth..];
            let left = left[slice.start * PANEL..slice.end * PANEL].as_ptr();
            let row =
                |sample: usize, i: usize| (sample * plan.groups * outputs + channel + i) * pixels;
            // SAFETY: blocks differ in group, weights or columns, so that no two write the same element; sums have a tile for each
            // panel of the weight.
            unsafe {
                if let Some(Span { sample, pixel, .. }) = only {
                    let store = Store { add, bias, rectify };
                    let y = self.y.pointer(row(sample, 0) + pixel, (rows - 1) * pixels + columns);
                    panel::<L>(slice.len(), left, right, store, y, pixels, (rows, columns));
                    continue;
                }
                let sums = &mut sums[(number - self.panels.start) * PANEL * width..];
                let store = Store { add, bias: None, rectify: false };
                let to = sums[..PANEL * width].as_mut_ptr();
                panel::<L>(slice.len(), left, right, store, to, width, (rows, columns));
                if !is_last {
                    continue;
                }
                for (i, sums) in sums.chunks_exact_mut(width).enumerate().take(rows) {
                    let bias = bias.map_or(T::zero(), |bias| *bias.add(i));
                    if finish.gate {
                        sums.iter_mut().for_each(|sum| *sum += bias);
                        continue;
                    }
                    for Span { at, len, sample, pixel } in spans.clone() {
                        let y = self.y.part(row(sample, i) + pixel, len);
                        for (y, &sum) in y.iter_mut().zip(&sums[at..]) {
                            let sum = sum + bias;
                            *y = if rectify && sum < T::zero() { T::zero() } else { sum };
                        }
                    }
                }
                let pairs = sums[..rows * width].chunks_exact(2 * width).filter(|_| finish.gate);
                for (pair, sums) in pairs.enumerate() {
                    let (a, b) = sums.split_at(width);
                    for Span { at, len, sample, pixel } in spans.clone() {
                        let channel = (sample * outputs + first) / 2 + pair;
                        let y = self.y.part(channel * pixels + pixel, len);
                        gate(&a[at..], &b[at..], y);
                    }
                }
            }
        }
    }
}

/// Columns of one sample in a panel.
#[derive(Debug, Clone, Copy)]
struct Span {
    at: usize,
    len: usize,
    sample: usize,
    pixel: usize,
}

/// The columns of `runs` at each of `taps`, side by side.
///
/// # Safety
/// The set of `L`; every tap of every run lies inside of `elements`, and the runs inside of the panel's width.
#[inline(always)]
pub(super) unsafe fn gather<L: Lanes>(
    elements: *const L::Element,
    taps: &[usize],
    runs: &[Run],
    panel: &mut [L::Element],
) {
    let mut to = panel.as_mut_ptr();
    for &tap in taps {
        for run in runs {
            // SAFETY: by contract.
            unsafe {
                let (from, to) = (elements.add(run.source + tap), to.add(run.at));
                let mut i = 0;
                while i + L::WIDTH <= run.len {
                    L::load(from.add(i)).store(to.add(i));
                    i += L::WIDTH;
                }
                if i < run.len {
                    L::load_first(from.add(i), run.len - i).store_first(to.add(i), run.len - i);
                }
            }
        }
        // SAFETY: a panel has `taps` rows.
        to = unsafe { to.add(width::<L>()) };
    }
}
