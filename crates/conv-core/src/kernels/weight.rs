//! The weight's gradient: for each tap and output channel a sum over all output pixels of input times gradient.
//!
//! Nothing is unrolled. The output's gradient is turned so that a pixel's channels lie side by side; a tile has eight taps as
//! rows, which are eight pointers into the padded input, and channels as columns. The result is turned back at the end.
#![allow(unsafe_code)]

use std::ops::Range;

use super::blocks;
use super::plan::{Layout, Padded, Plan, Run, runs};
use super::scratch::{Buffer, Done, NoRoom, take};
use super::shared::Shared;
use super::tile::{PANEL, REGISTERS, Store, multiply, write};
use crate::element::Element;
use crate::simd::{Lanes, Work};

/// Pixels whose turned gradients are used by all taps before the next: 72 KiB for 48 channels in f32.
const PIXELS: usize = 384;
/// Numbers in the widest register: rows of the turned gradient are a multiple of it.
const WIDEST: usize = 16;
/// Half a panel: the rows of a tile where registers are few.
const HALF: usize = PANEL / 2;
/// Shares of the pixels that have sums of their own, and elements that all of these may have together.
const PIXEL_SHARES: usize = 16;
const SUMS: usize = 1 << 22;

pub(super) fn gradient<T: Element>(plan: &Plan, x: &[T], dy: &[T], dweight: &mut [T]) -> Done {
    let layout = Layout::new(plan);
    let padded = Padded::new(plan, &layout, x)?;
    let taps = layout.taps(plan);
    let (outputs, depth) = (plan.channels_out, plan.depth());
    let row = outputs.next_multiple_of(WIDEST);
    let pixel_blocks: Vec<_> = blocks::split(plan.columns(), PIXELS).collect();
    let panels = depth.div_ceil(PANEL);
    let len = panels * PANEL * row;
    // Shares of the pixels have sums of their own, which are added up in order; shares of the taps turn the gradients again. The
    // first where there are more pixels than taps, the second for what is left.
    let most = if plan.columns() > depth { SUMS / (plan.groups * len) } else { 1 };
    let pixel_shares = PIXEL_SHARES.min(pixel_blocks.len()).min(most).max(1);
    let tap_shares = blocks::worth(plan.groups * pixel_shares, panels);
    let pixel_shares: Vec<_> = blocks::parts(pixel_blocks.len(), pixel_shares).collect();
    let tap_shares: Vec<_> = blocks::parts(panels, tap_shares).collect();
    let mut sums = take::<T>(plan.groups * pixel_shares.len() * len)?;
    let turned = match tap_shares.len() {
        1 => None,
        _ => Some(turned(plan, dy, row, &pixel_blocks)?),
    };
    let shared = Shared::new(&mut sums);
    let tasks = plan.groups * pixel_shares.len() * tap_shares.len();
    blocks::each(tasks, plan.work(), |task| {
        let (number, task) = (task % tap_shares.len(), task / tap_shares.len());
        let panels = tap_shares[number].clone();
        let (start, part) = (panels.start * PANEL * row, panels.len() * PANEL * row);
        // SAFETY: tasks differ in group, pixels or taps.
        let sums = unsafe { shared.part(task * len + start, part) };
        let (share, group) = (task % pixel_shares.len(), task / pixel_shares.len());
        let pixels = &pixel_blocks[pixel_shares[share].clone()];
        T::vectorize(Sums {
            plan,
            padded: &padded,
            taps: &taps,
            dy,
            turned: turned.as_deref(),
            group,
            row,
            pixels,
            panels,
            sums,
        })
    })?;
    let of_group = pixel_shares.len() * len;
    let groups = sums.chunks_exact(of_group).zip(dweight.chunks_exact_mut(outputs * depth));
    for (sums, dweight) in groups {
        blocks::each_chunk(dweight, WIDEST * depth, of_group * PANEL, |number, dweight| {
            let sums = &sums[number * WIDEST..];
            T::vectorize(TurnBack { sums, len, row, depth, dweight })
        })?;
    }
    Ok(())
}

/// The gradients of all groups and pixels, turned block by block.
fn turned<T: Element>(
    plan: &Plan,
    dy: &[T],
    row: usize,
    pixel_blocks: &[Range<usize>],
) -> Result<Buffer<T>, NoRoom> {
    let len = plan.columns() * row;
    let mut turned = take(plan.groups * len)?;
    let shared = Shared::new(&mut turned);
    blocks::each(plan.groups * pixel_blocks.len(), dy.len(), |task| {
        let (group, block) = (task / pixel_blocks.len(), task % pixel_blocks.len());
        let pixels = pixel_blocks[block].clone();
        // SAFETY: tasks differ in group or pixels.
        let turned = unsafe { shared.part(group * len + pixels.start * row, pixels.len() * row) };
        T::vectorize(Turn { plan, dy, group, pixels, turned });
        Ok(())
    })?;
    Ok(turned)
}

/// The sum of all shares' sums of up to WIDEST output channels, the first of `sums`, turned to `[output channel][channel · tap]`.
struct TurnBack<'a, T> {
    sums: &'a [T],
    len: usize,
    row: usize,
    depth: usize,
    dweight: &'a mut [T],
}

impl<T: Element> Work<T> for TurnBack<'_, T> {
    type Output = Done;

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) -> Done {
        let Self { sums, len, row, depth, dweight } = self;
        let size = (depth, dweight.len() / depth);
        if sums.len() <= len {
            // SAFETY: by contract.
            unsafe { transpose::<L>(sums, row, size, dweight, depth) };
            return Ok(());
        }
        let mut total = take::<T>(depth * WIDEST)?;
        for (number, share) in sums.chunks(len).enumerate() {
            for (total, sums) in total.chunks_exact_mut(WIDEST).zip(share.chunks(row)) {
                for (total, &sum) in total.iter_mut().zip(sums) {
                    *total = if number == 0 { sum } else { *total + sum };
                }
            }
        }
        // SAFETY: by contract.
        unsafe { transpose::<L>(&total, WIDEST, size, dweight, depth) };
        Ok(())
    }
}

/// Turns `rows` by `columns` elements, whose rows lie a stride apart on both sides.
///
/// # Safety
/// The set of `L`.
#[inline(always)]
pub(super) unsafe fn transpose<L: Lanes>(
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

/// Some panels of taps, over some blocks of pixels and all output channels.
struct Sums<'a, T: Element> {
    plan: &'a Plan,
    padded: &'a Padded<'a, T>,
    taps: &'a [usize],
    dy: &'a [T],
    /// The gradients of all groups and pixels, turned, where more than one task needs them.
    turned: Option<&'a [T]>,
    group: usize,
    /// Elements of a pixel's turned gradients.
    row: usize,
    pixels: &'a [Range<usize>],
    panels: Range<usize>,
    sums: &'a mut [T],
}

impl<T: Element> Work<T> for Sums<'_, T> {
    type Output = Done;

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(mut self) -> Done {
        let mut own = match self.turned {
            Some(_) => None,
            None => Some(take::<T>(PIXELS.min(self.plan.columns()) * self.row)?),
        };
        let mut runs_of = Vec::new();
        for (number, pixels) in self.pixels.iter().enumerate() {
            runs(
                self.plan,
                self.padded.layout,
                self.group,
                pixels.start,
                pixels.len(),
                &mut runs_of,
            );
            let turned: &[T] = match (&mut own, self.turned) {
                (Some(own), _) => {
                    let (plan, dy, group) = (self.plan, self.dy, self.group);
                    let turn = Turn { plan, dy, group, pixels: pixels.clone(), turned: own };
                    // SAFETY: by contract.
                    unsafe { turn.run::<L>() };
                    own
                }
                (None, all) => {
                    let start = (self.group * self.plan.columns() + pixels.start) * self.row;
                    &all.unwrap_or_default()[start..]
                }
            };
            for share in shares::<L>(self.plan.channels_out) {
                for panel in 0..self.panels.len() {
                    let place = (panel, share.start * L::WIDTH);
                    let turned = &turned[place.1 * pixels.len()..];
                    let add = number > 0;
                    // SAFETY: by contract.
                    unsafe {
                        match (share.len(), L::ROWS == PANEL) {
                            (1, true) => self.tile::<L, PANEL, 1>(&runs_of, turned, place, add),
                            (2, true) => self.tile::<L, PANEL, 2>(&runs_of, turned, place, add),
                            (_, true) => self.tile::<L, PANEL, 3>(&runs_of, turned, place, add),
                            (1, false) => self.tile::<L, HALF, 1>(&runs_of, turned, place, add),
                            (2, false) => self.tile::<L, HALF, 2>(&runs_of, turned, place, add),
                            (_, false) => self.tile::<L, HALF, 3>(&runs_of, turned, place, add),
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// A block of pixels' gradients, turned.
struct Turn<'a, T> {
    plan: &'a Plan,
    dy: &'a [T],
    group: usize,
    pixels: Range<usize>,
    turned: &'a mut [T],
}

impl<T: Element> Work<T> for Turn<'_, T> {
    type Output = ();

    /// From `[channel][pixel]` to `[pixel][channel]`, each share of channels for itself: a tile then reads on and on, and not with
    /// jumps of all channels, which may all fall on the same places of a cache.
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let Self { plan, dy, group, pixels, turned } = self;
        let (outputs, all) = (plan.channels_out, plan.pixels_out());
        let mut start = pixels.start;
        while start < pixels.end {
            let (sample, pixel) = (start / all, start % all);
            let len = (all - pixel).min(pixels.end - start);
            let from = (sample * plan.groups + group) * outputs * all + pixel;
            for share in shares::<L>(outputs) {
                let channels = share.start * L::WIDTH..outputs.min(share.end * L::WIDTH);
                let row = share.len() * L::WIDTH;
                let to = channels.start * pixels.len() + (start - pixels.start) * row;
                let from = &dy[from + channels.start * all..];
                // SAFETY: by contract.
                unsafe {
                    transpose::<L>(from, all, (channels.len(), len), &mut turned[to..], row);
                }
            }
            start += len;
        }
    }
}

/// Registers of a pixel's channels, in near-equal shares of at most three.
fn shares<L: Lanes>(outputs: usize) -> impl ExactSizeIterator<Item = Range<usize>> + Clone {
    blocks::split(outputs.div_ceil(L::WIDTH), REGISTERS)
}

impl<T: Element> Sums<'_, T> {
    /// A panel of taps times some registers of channels, over a block of pixels.
    ///
    /// # Safety
    /// The set of `L`.
    #[inline(always)]
    unsafe fn tile<L: Lanes<Element = T>, const R: usize, const V: usize>(
        &mut self,
        runs: &[Run],
        turned: &[T],
        (panel, first): (usize, usize),
        add: bool,
    ) {
        for part in (0..PANEL).step_by(R) {
            let tap = (self.panels.start + panel) * PANEL + part;
            // Past the last tap the last one is computed again, into rows that nobody reads.
            let last = self.taps.len() - 1;
            let taps: [usize; R] = std::array::from_fn(|i| self.taps[(tap + i).min(last)]);
            let row = self.row;
            let to = &mut self.sums[(panel * PANEL + part) * row + first..];
            // SAFETY: every tap of every run lies inside of the padded input; the turned gradients have a row for each pixel of the
            // block, as wide as whole registers; the sums have PANEL rows for each panel.
            unsafe {
                let mut acc = [[L::constant(0.0); V]; R];
                for run in runs {
                    let x = self.padded.elements().as_ptr().add(run.source);
                    let x: [*const T; R] = std::array::from_fn(|i| x.add(taps[i]));
                    let width = V * L::WIDTH;
                    let dy = turned[run.at * width..].as_ptr();
                    multiply(run.len, |n, i| *x[i].add(n), |n| dy.add(n * width), &mut acc);
                }
                let store = Store { add, bias: None, rectify: false };
                write(&acc, store, to.as_mut_ptr(), row, R, V * L::WIDTH);
            }
        }
    }
}
