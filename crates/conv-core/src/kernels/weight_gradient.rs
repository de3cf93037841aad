//! The weight's gradient: for each tap and output channel a sum over all output pixels of input
//! times gradient.
//!
//! Nothing is unrolled. The output's gradient is transposed so that a pixel's channels lie side by
//! side; a tile has eight taps as rows, which are eight pointers into the padded input, and
//! channels as columns. The result is transposed back at the end.
#![allow(unsafe_code)]

use std::ops::Range;

use super::blocks;
use super::layout::{Layout, Padded};
use super::scratch::acquire;
use super::shared::Shared;
use super::tile::{PANEL, REGISTERS, microkernel};
use super::transpose::Transpose;
use crate::element::Element;
use crate::geometry::Geometry;
use crate::memory::AllocResult;
use crate::simd::{Lanes, WIDEST, Work};

/// Pixels whose transposed gradients are used by all taps before the next: 72 KiB for 48 channels
/// in f32.
const PIXELS: usize = 384;
/// Shares of the pixels that have sums of their own, and elements that all of these may have
/// together.
const PIXEL_SHARES: usize = 16;
const SUMS: usize = 1 << 22;

pub(super) fn gradient<T: Element>(
    g: &Geometry,
    x: &[T],
    dy: &[T],
    dweight: &mut [T],
) -> AllocResult {
    let layout = Layout::new(g);
    let padded = Padded::new(g, &layout, x)?;
    let taps = layout.taps(g);
    let outputs = g.channels_out;
    let depth = g.depth();
    let row = outputs.next_multiple_of(WIDEST);
    let pixel_blocks: Vec<_> = blocks::split(g.columns(), PIXELS).collect();
    let panels = depth.div_ceil(PANEL);
    let len = panels * PANEL * row;
    // Shares of the pixels have sums of their own, which are added up in order; shares of the taps
    // transpose the gradients again. The first where there are more pixels than taps, the second
    // for what is left.
    let most = if g.columns() > depth { SUMS / (g.groups * len) } else { 1 };
    let pixel_shares = PIXEL_SHARES.min(pixel_blocks.len()).min(most).max(1);
    let tap_shares = blocks::partitions(g.groups * pixel_shares, panels);
    let mut sums = acquire::<T>(g.groups * pixel_shares * len)?;
    let shared = Shared::new(&mut sums);
    blocks::each(g.groups * pixel_shares * tap_shares, g.work(), |task| {
        let (panels, task) =
            (blocks::part(panels, tap_shares, task % tap_shares), task / tap_shares);
        let group = task / pixel_shares;
        let share = task % pixel_shares;
        let start = task * len + panels.start * PANEL * row;
        // SAFETY: tasks differ in group, pixels or taps.
        let sums = unsafe { shared.part(start, panels.len() * PANEL * row) };
        let pixels = &pixel_blocks[blocks::part(pixel_blocks.len(), pixel_shares, share)];
        let (padded, taps) = (&padded, &taps);
        T::vectorize(Sums { g, padded, taps, dy, group, row, pixels, panels, sums })
    })?;
    let groups = sums.chunks_exact_mut(pixel_shares * len);
    for (sums, dweight) in groups.zip(dweight.chunks_exact_mut(outputs * depth)) {
        let (total, others) = sums.split_at_mut(len);
        blocks::each_chunk(total, PANEL * row, others.len(), |number, total| {
            for share in others.chunks_exact(len) {
                let sums = &share[number * PANEL * row..];
                total.iter_mut().zip(sums).for_each(|(total, &sum)| *total += sum);
            }
            Ok(())
        })?;
        blocks::each_chunk(dweight, WIDEST * depth, len, |number, dweight| {
            let size = (depth, dweight.len() / depth);
            let from = &total[number * WIDEST..];
            let from_stride = row;
            T::vectorize(Transpose { from, from_stride, size, to: dweight, to_stride: depth });
            Ok(())
        })?;
    }
    Ok(())
}

/// Some panels of taps, over some blocks of pixels and all output channels.
struct Sums<'a, T: Element> {
    g: &'a Geometry,
    padded: &'a Padded<'a, T>,
    taps: &'a [usize],
    dy: &'a [T],
    group: usize,
    /// Elements of a pixel's transposed gradients.
    row: usize,
    pixels: &'a [Range<usize>],
    panels: Range<usize>,
    sums: &'a mut [T],
}

impl<T: Element> Work<T, AllocResult> for Sums<'_, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) -> AllocResult {
        let g = self.g;
        let row = self.row;
        let from_stride = self.g.pixels_out();
        // Past the last tap the last one is computed again, into rows that nobody reads.
        let x = self.padded.elements().as_ptr();
        let last = self.taps.len() - 1;
        let mut transposed = acquire::<T>(PIXELS.min(g.columns()) * row)?;
        for (block, pixels) in self.pixels.iter().enumerate() {
            let runs = self.padded.layout.runs(g, self.group, pixels.clone());
            self.padded.assert_inside(self.taps, runs.iter().copied());
            let places: Vec<_> =
                runs.iter().flat_map(|run| run.source..run.source + run.len).collect();
            for share in blocks::split(g.channels_out.div_ceil(L::WIDTH), REGISTERS) {
                let width = share.len() * L::WIDTH;
                let channels = share.start * L::WIDTH..g.channels_out.min(share.end * L::WIDTH);
                // From `[channel][pixel]` to `[pixel][channel]`: a tile then reads on and on, and
                // not with jumps of all channels, which may all fall on the same places of a cache.
                for piece in g.pieces(pixels.clone()) {
                    let sample = piece.sample * g.groups + self.group;
                    let channel = sample * g.channels_out + channels.start;
                    let from = &self.dy[channel * from_stride + piece.pixel..];
                    let (size, to) =
                        ((channels.len(), piece.len), &mut transposed[piece.at * width..]);
                    let transpose = Transpose { from, from_stride, size, to, to_stride: width };
                    // SAFETY: by contract.
                    unsafe { transpose.run::<L>() };
                }
                for (n, panel) in self.panels.clone().enumerate() {
                    let tap = |i: usize| x.wrapping_add(self.taps[(panel * PANEL + i).min(last)]);
                    let taps: [_; PANEL] = std::array::from_fn(tap);
                    let to = self.sums[n * PANEL * row + channels.start..].as_mut_ptr();
                    // SAFETY: every tap of every place lies inside of the padded input; the
                    // transposed gradients have a row for each pixel of the block, as wide as whole
                    // registers; the sums have PANEL rows for each panel.
                    unsafe {
                        let left = |k: usize, i: usize| *taps[i].add(*places.get_unchecked(k));
                        let right = |k: usize| transposed.as_ptr().add(k * width);
                        let size = (PANEL, width);
                        microkernel::<L>(pixels.len(), left, right, block > 0, (to, row), size);
                    }
                }
            }
        }
        Ok(())
    }
}
