//! Forward pass as a matrix product that never has its right side in memory as a whole (implicit GEMM).
//!
//! The left side is the weight, `[output channels] × [channels · taps]`, packed in panels. The right side has a column for each
//! output pixel. A block of columns is gathered panel by panel, a slice of the depth at a time, into a buffer that stays in the
//! second cache, and every panel of the weight is multiplied with it. Where a panel's columns lie side by side in the padded
//! input and few weights would read the gathered copy, it is read in place.
#![allow(unsafe_code)]

use std::ops::Range;

use super::blocks;
use super::plan::{Layout, Padded, Plan, Run, runs};
use super::scratch::{Buffer, Done, NoRoom, take};
use super::shared::Shared;
use super::tile::{PANEL, Store, pack, panel, width};
use super::{Finish, Weight};
use crate::element::Element;
use crate::simd::{Lanes, Work};

/// Columns of a block: four panels of AVX-512.
const COLUMNS: usize = 192;
/// Steps of the depth that are gathered at once: with [`COLUMNS`], 384 KiB in f32.
const DEPTH: usize = 512;
/// Output channels up to which gathering costs more than it saves.
const READ_IN_PLACE: usize = 64;
/// Output channels below which a share of them is not worth gathering the input for once more.
const FEWEST_OUTPUTS: usize = 64;

/// The weight of all groups in panels.
fn packed<T: Element>(plan: &Plan, weight: Weight<'_, T>) -> Result<Buffer<T>, NoRoom> {
    let (outputs, depth) = (plan.channels_out, plan.depth());
    let panels = outputs.div_ceil(PANEL);
    let mut packed = take(plan.groups * panels * PANEL * depth)?;
    let work = packed.len();
    blocks::each_chunk(&mut packed, PANEL * depth, work, |number, panel| {
        let (group, first) = (number / panels, number % panels * PANEL);
        let start = weight.start + group * weight.group + first * weight.output;
        pack(plan, weight, start, (outputs - first).min(PANEL), panel);
        Ok(())
    })?;
    Ok(packed)
}

/// `y = weight · x`, finished.
pub(super) fn convolve<T: Element>(
    plan: &Plan,
    x: &[T],
    weight: Weight<'_, T>,
    finish: Finish<'_, T>,
    y: &mut [T],
) -> Done {
    let weight = packed(plan, weight)?;
    let columns = plan.columns();
    let layout = Layout::new(plan);
    let padded = Padded::new(plan, &layout, x)?;
    let taps = layout.taps(plan);
    let column_blocks: Vec<_> = blocks::split(columns, COLUMNS).collect();
    let panels = plan.channels_out.div_ceil(PANEL);
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
        let in_place = |runs: &[Run]| {
            plan.channels_out <= READ_IN_PLACE && runs.len() == 1 && runs[0].len == width
        };
        let depth = taps.len();
        for p in (0..count).filter(|&p| in_place(&panel_runs[p])) {
            // SAFETY: all taps of a run's columns lie inside the padded input.
            unsafe {
                let x = elements.add(panel_runs[p][0].source);
                let right = |k: usize| x.add(*taps.get_unchecked(k));
                self.multiply::<L>(p, 0..depth, right);
            }
        }
        if panel_runs.iter().all(|runs| in_place(runs)) {
            return Ok(());
        }
        let mut gathered = take::<T>(count * DEPTH.min(depth) * width)?;
        for first in (0..depth).step_by(DEPTH) {
            let slice = first..depth.min(first + DEPTH);
            let panel_len = slice.len() * width;
            for (p, runs) in panel_runs.iter().enumerate().filter(|(_, runs)| !in_place(runs)) {
                let panel = &mut gathered[p * panel_len..][..panel_len];
                // SAFETY: all taps of the runs lie inside the padded input, and the runs inside a panel's width.
                unsafe { gather::<L>(elements, &taps[slice.clone()], runs, panel) };
            }
            let buffer = gathered.as_ptr();
            for (p, _) in panel_runs.iter().enumerate().filter(|(_, runs)| !in_place(runs)) {
                // SAFETY: a panel has as many rows of `width` as the slice is deep.
                unsafe {
                    let start = buffer.add(p * panel_len);
                    self.multiply::<L>(p, slice.clone(), |k| start.add(k * width));
                }
            }
        }
        Ok(())
    }
}

impl<T: Element> Block<'_, T> {
    /// Multiplies each of the block's weights, over a slice of the depth, with the panel `p` of columns.
    ///
    /// # Safety
    /// As [`panel`].
    #[inline(always)]
    unsafe fn multiply<L: Lanes<Element = T>>(
        &self,
        p: usize,
        slice: Range<usize>,
        right: impl Fn(usize) -> *const T + Copy,
    ) {
        let Self { plan, group, .. } = *self;
        let (outputs, depth, pixels) = (plan.channels_out, plan.depth(), plan.pixels_out());
        let start = self.columns.start + p * width::<L>();
        let columns = width::<L>().min(self.columns.end - start);
        let weight_panels = outputs.div_ceil(PANEL);
        let (sample, pixel) = (start / pixels, start % pixels);
        let is_last = slice.end == depth;
        // Wide enough for any set, and used where a panel's columns belong to several samples.
        let mut aside = [T::zero(); PANEL * 64];
        for number in self.panels.clone() {
            let first = number * PANEL;
            let rows = (outputs - first).min(PANEL);
            let channel = group * outputs + first;
            let bias = self.finish.bias.filter(|_| is_last).map(|bias| bias[channel..].as_ptr());
            let rectify = self.finish.rectify && is_last;
            let store = Store { add: slice.start > 0, bias, rectify };
            let left = &self.weight[(group * weight_panels + number) * PANEL * depth..];
            let left = left[slice.start * PANEL..slice.end * PANEL].as_ptr();
            let row =
                |sample: usize, i: usize| (sample * plan.groups * outputs + channel + i) * pixels;
            // SAFETY: blocks differ in group, weights or columns, so that no two write the same element.
            unsafe {
                if pixel + columns <= pixels {
                    let at = row(sample, 0) + pixel;
                    let y = self.y.pointer(at, (rows - 1) * pixels + columns);
                    panel::<L>(slice.len(), left, right, store, y, pixels, (rows, columns));
                    continue;
                }
                let to = aside.as_mut_ptr();
                let sum = Store { add: false, bias: None, rectify: false };
                panel::<L>(slice.len(), left, right, sum, to, 64, (rows, columns));
                for i in 0..rows {
                    let bias = bias.map(|bias| *bias.add(i));
                    let mut at = 0;
                    while at < columns {
                        let (sample, pixel) = ((start + at) / pixels, (start + at) % pixels);
                        let len = (pixels - pixel).min(columns - at);
                        let y = self.y.part(row(sample, i) + pixel, len);
                        for (y, &sum) in y.iter_mut().zip(&aside[i * 64 + at..]) {
                            let before = if store.add { *y } else { T::zero() };
                            let sum = before + sum + bias.unwrap_or(T::zero());
                            *y = if rectify && sum < T::zero() { T::zero() } else { sum };
                        }
                        at += len;
                    }
                }
            }
        }
    }
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
