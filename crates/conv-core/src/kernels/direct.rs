//! Convolution row by row, for groups of few output channels, depthwise ones above all: too few to be worth a packed weight.
//!
//! A group's input channels are padded into a buffer that stays in the nearest caches; a register of outputs is summed over all
//! taps and stored once. For the weight's gradient a register of the output's gradient meets nine taps before the next.
#![allow(unsafe_code)]

use super::blocks;
use super::plan::{Layout, Padded, Plan, Side};
use super::scratch::{Done, take};
use super::{Finish, Weight};
use crate::element::Element;
use crate::simd::{Lanes, Work};

/// Taps whose sums are kept in registers: those of the commonest kernel.
const TAPS: usize = 9;
/// Rows of outputs that are summed side by side, so that no sum waits for the one before.
const ROWS: usize = 4;

pub(super) fn convolve<T: Element>(
    plan: &Plan,
    x: &[T],
    weight: Weight<'_, T>,
    finish: Finish<'_, T>,
    y: &mut [T],
) -> Done {
    let (outputs, pixels) = (plan.channels_out, plan.pixels_out());
    let depth = plan.depth();
    let mut ordered = take(plan.groups * outputs * depth)?;
    for (number, element) in ordered.iter_mut().enumerate() {
        let (channel, k) = (number / depth, number % depth);
        let (c, tap) = (k / plan.taps(), k % plan.taps());
        let (y, x) = (tap / plan.w.taps, tap % plan.w.taps);
        *element = weight.at(channel / outputs, channel % outputs, c, y, x);
    }
    let one = Plan { batch: 1, groups: 1, ..*plan };
    let layout = Layout::new(&one);
    let taps = layout.taps(&one);
    let input_len = plan.channels_in * plan.pixels_in();
    blocks::each_chunk(y, outputs * pixels, plan.work(), |number, y| {
        let group = number % plan.groups;
        let padded = Padded::new(&one, &layout, &x[number * input_len..][..input_len])?;
        for (output, y) in y.chunks_exact_mut(pixels).enumerate() {
            let channel = group * outputs + output;
            let weight = &ordered[channel * depth..][..depth];
            let bias = finish.bias.map_or(T::zero(), |bias| bias[channel]);
            let rectify = finish.rectify;
            T::vectorize(Rows {
                plan: &one,
                padded: &padded,
                taps: &taps,
                weight,
                bias,
                rectify,
                y,
            });
        }
        Ok(())
    })
}

/// The outputs of one channel.
struct Rows<'a, T: Element> {
    plan: &'a Plan,
    padded: &'a Padded<'a, T>,
    taps: &'a [usize],
    weight: &'a [T],
    bias: T,
    rectify: bool,
    y: &'a mut [T],
}

impl<T: Element> Work<T> for Rows<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(mut self) {
        let Plan { channels_in, h, w, .. } = *self.plan;
        let (height, width) = (h.output, w.output);
        let is_three = |side: Side| (side.taps, side.stride, side.dilation) == (3, 1, 1);
        let three = channels_in == 1 && is_three(h) && is_three(w);
        for column in (0..width).step_by(L::WIDTH) {
            let count = L::WIDTH.min(width - column);
            for first in (0..height).step_by(ROWS) {
                // SAFETY: by contract.
                unsafe {
                    match (height - first >= ROWS, count == L::WIDTH) {
                        (true, true) if three => self.three::<L, true>(first, column, count),
                        (true, false) if three => self.three::<L, false>(first, column, count),
                        (true, true) => self.rows::<L, ROWS, true>(first, column, count),
                        (true, false) => self.rows::<L, ROWS, false>(first, column, count),
                        (false, _) => {
                            for row in first..height {
                                self.rows::<L, 1, false>(row, column, count);
                            }
                        }
                    }
                }
            }
        }
    }
}

impl<T: Element> Rows<'_, T> {
    /// [`Rows::rows`] of ROWS rows for 3×3 taps of one channel: each register of the input is read once for all three taps above each
    /// other, since reading is what takes the time.
    ///
    /// # Safety
    /// The set of `L`.
    #[inline(always)]
    unsafe fn three<L: Lanes<Element = T>, const WHOLE: bool>(
        &mut self,
        row: usize,
        column: usize,
        count: usize,
    ) {
        let (width, stride) = (self.plan.w.output, self.padded.layout.row);
        let x = self.padded.elements()[row * stride + column..].as_ptr();
        let weight: &[T; TAPS] = self.weight.first_chunk().expect("3×3 taps");
        let y = self.y[row * width + column..][..(ROWS - 1) * width + count].as_mut_ptr();
        // SAFETY: as in `rows`; three taps side by side lie side by side.
        unsafe {
            let weight = weight.map(|weight| L::splat(weight));
            let mut sums = [L::splat(self.bias); ROWS];
            for kx in 0..3 {
                let mut lines = [L::constant(0.0); ROWS + 2];
                for (i, line) in lines.iter_mut().enumerate() {
                    let x = x.add(i * stride + kx);
                    *line = if WHOLE { L::load(x) } else { L::load_first(x, count) };
                }
                for ky in 0..3 {
                    for (i, sum) in sums.iter_mut().enumerate() {
                        *sum = sum.mul_add(lines[i + ky], weight[3 * ky + kx]);
                    }
                }
            }
            self.finish::<L, ROWS, WHOLE>(sums, y, count);
        }
    }

    /// Stores the sums of `R` rows.
    ///
    /// # Safety
    /// The set of `L`, and `y` writable for `count` elements of each row.
    #[inline(always)]
    unsafe fn finish<L: Lanes<Element = T>, const R: usize, const WHOLE: bool>(
        &self,
        sums: [L; R],
        y: *mut T,
        count: usize,
    ) {
        for (i, sum) in sums.into_iter().enumerate() {
            // SAFETY: by contract.
            unsafe {
                let sum = if self.rectify { sum.max(L::constant(0.0)) } else { sum };
                let y = y.add(i * self.plan.w.output);
                if WHOLE { sum.store(y) } else { sum.store_first(y, count) }
            }
        }
    }

    /// `count` outputs of `R` rows, where `WHOLE` a register of them.
    ///
    /// # Safety
    /// The set of `L`.
    #[inline(always)]
    unsafe fn rows<L: Lanes<Element = T>, const R: usize, const WHOLE: bool>(
        &mut self,
        row: usize,
        column: usize,
        count: usize,
    ) {
        let width = self.plan.w.output;
        let stride = self.plan.h.stride * self.padded.layout.row;
        let x = self.padded.elements()[row * stride + column..].as_ptr();
        let y = self.y[row * width + column..][..(R - 1) * width + count].as_mut_ptr();
        // SAFETY: every tap of a row's outputs lies inside of the padded input, and `count` of them in the row.
        unsafe {
            let mut sums = [L::splat(self.bias); R];
            for (&tap, &weight) in self.taps.iter().zip(self.weight) {
                let weight = L::splat(weight);
                for (i, sum) in sums.iter_mut().enumerate() {
                    let x = x.add(tap + i * stride);
                    let x = if WHOLE { L::load(x) } else { L::load_first(x, count) };
                    *sum = sum.mul_add(x, weight);
                }
            }
            self.finish::<L, R, WHOLE>(sums, y, count);
        }
    }
}

pub(super) fn weight_gradient<T: Element>(
    plan: &Plan,
    x: &[T],
    dy: &[T],
    dweight: &mut [T],
) -> Done {
    let (outputs, inputs, taps) = (plan.channels_out, plan.channels_in, plan.taps());
    let one = Plan { batch: 1, groups: 1, channels_in: 1, channels_out: 1, ..*plan };
    let layout = Layout::new(&one);
    let places = layout.taps(&one);
    // A chunk is an input channel of a group, with all of its outputs.
    let mut sums = take(plan.groups * inputs * outputs * taps)?;
    sums.fill(T::zero());
    blocks::each_chunk(&mut sums, outputs * taps, plan.work(), |channel, sums| {
        let group = channel / inputs;
        for sample in 0..plan.batch {
            let number = sample * plan.groups * inputs + channel;
            let x = &x[number * plan.pixels_in()..][..plan.pixels_in()];
            let padded = Padded::new(&one, &layout, x)?;
            for (output, sums) in sums.chunks_exact_mut(taps).enumerate() {
                let number = (sample * plan.groups + group) * outputs + output;
                let dy = &dy[number * plan.pixels_out()..][..plan.pixels_out()];
                T::vectorize(Products { plan: &one, padded: &padded, taps: &places, dy, sums });
            }
        }
        Ok(())
    })?;
    for (channel, sums) in sums.chunks_exact(outputs * taps).enumerate() {
        let (group, input) = (channel / inputs, channel % inputs);
        for (output, sums) in sums.chunks_exact(taps).enumerate() {
            let place = ((group * outputs + output) * inputs + input) * taps;
            dweight[place..place + taps].copy_from_slice(sums);
        }
    }
    Ok(())
}

/// The products of one channel's gradient with one channel's taps, added to `sums`.
struct Products<'a, T: Element> {
    plan: &'a Plan,
    padded: &'a Padded<'a, T>,
    taps: &'a [usize],
    dy: &'a [T],
    sums: &'a mut [T],
}

impl<T: Element> Work<T> for Products<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let Self { plan, padded, taps, dy, sums } = self;
        let width = plan.w.output;
        assert!(dy.len() == plan.pixels_out() && sums.len() == taps.len());
        for (taps, sums) in taps.chunks(TAPS).zip(sums.chunks_mut(TAPS)) {
            let places: [usize; TAPS] = std::array::from_fn(|i| taps[i.min(taps.len() - 1)]);
            // SAFETY: as in `Rows`; a register has at most 16 numbers.
            unsafe {
                let mut acc = [L::splat(T::zero()); TAPS];
                for (row, dy) in dy.chunks_exact(width).enumerate() {
                    let start = row * plan.h.stride * padded.layout.row;
                    let x = padded.elements()[start..].as_ptr();
                    let mut i = 0;
                    while i + L::WIDTH <= width {
                        let dy = L::load(dy.as_ptr().add(i));
                        for (acc, place) in acc.iter_mut().zip(places) {
                            *acc = acc.mul_add(L::load(x.add(place + i)), dy);
                        }
                        i += L::WIDTH;
                    }
                    if i < width {
                        let dy = L::load_first(dy.as_ptr().add(i), width - i);
                        for (acc, place) in acc.iter_mut().zip(places) {
                            *acc = acc.mul_add(L::load_first(x.add(place + i), width - i), dy);
                        }
                    }
                }
                for (sum, acc) in sums.iter_mut().zip(acc) {
                    let mut lanes = [T::zero(); 16];
                    acc.store(lanes.as_mut_ptr());
                    *sum += lanes[..L::WIDTH].iter().fold(T::zero(), |sum, &lane| sum + lane);
                }
            }
        }
    }
}
