//! Convolution row by row, for groups of few output channels, depthwise ones above all: too few to
//! be worth a packed weight.
//!
//! A group's input channels are padded into a buffer that stays in the nearest caches; a register
//! of outputs is summed over all taps and stored once. For the weight's gradient a register of the
//! output's gradient meets nine taps before the next.
#![allow(unsafe_code)]

use super::epilogue::Epilogue;
use super::layout::{Layout, Padded, Run};
use super::scratch::acquire;
use super::{Arguments, blocks};
use crate::element::Element;
use crate::geometry::{Axis, Geometry};
use crate::memory::AllocResult;
use crate::simd::{Lanes, Work};

/// Taps whose sums are kept in registers: those of the commonest kernel.
const TAPS: usize = 9;
/// Rows of outputs that are summed side by side, so that no sum waits for the one before.
const ROWS: usize = 4;

pub(super) fn convolve<T: Element>(of: Arguments<'_, T>) -> AllocResult {
    let Arguments { g, x, weight, epilogue, y } = of;
    let outputs = g.channels_out;
    let pixels = g.pixels_out();
    let depth = g.depth();
    let elements = weight.strides.elements(g);
    let mut ordered = acquire(g.groups * outputs * depth)?;
    for (channel, to) in ordered.chunks_exact_mut(depth).enumerate() {
        weight.pack::<1>(g, &elements, (channel / outputs, channel % outputs), to);
    }
    let one = &Geometry { batch: 1, groups: 1, ..*g };
    let layout = Layout::new(one);
    let taps = &layout.taps(one);
    let input_len = g.channels_in * g.pixels_in();
    // Where groups are few, rows are shared out as well: however many samples there are, since a
    // rest of rows is summed in another order.
    let parts = blocks::partitions(g.groups, g.h.output / ROWS);
    let rows = g.h.output.div_ceil(parts).next_multiple_of(ROWS);
    let work = g.work() / (g.batch * g.groups * outputs);
    blocks::each_chunk(y, outputs * pixels, g.work(), |number, y| {
        let group = number % g.groups;
        let padded = &Padded::new(one, &layout, &x[number * input_len..][..input_len])?;
        for (output, y) in y.chunks_exact_mut(pixels).enumerate() {
            let channel = group * outputs + output;
            let weight = &ordered[channel * depth..][..depth];
            let bias = epilogue.bias(channel);
            let size = rows * g.w.output;
            blocks::each_chunk(y, size, work, |part, y| {
                let first = part * rows;
                T::vectorize(Rows { g: one, padded, first, taps, weight, bias, y });
                Ok(())
            })?;
            Epilogue { bias: None, ..epilogue }.apply(channel, y);
        }
        Ok(())
    })
}

/// Some rows of the outputs of one channel.
struct Rows<'a, T: Element> {
    g: &'a Geometry,
    padded: &'a Padded<'a, T>,
    first: usize,
    taps: &'a [usize],
    weight: &'a [T],
    bias: T,
    y: &'a mut [T],
}

impl<T: Element> Work<T> for Rows<'_, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let Geometry { channels_in, h, w, .. } = *self.g;
        let is_three = |axis: Axis| (axis.kernel, axis.stride, axis.dilation) == (3, 1, 1);
        let three = channels_in == 1 && is_three(h) && is_three(w);
        // SAFETY: by contract.
        unsafe {
            match (self.y.len() >= ROWS * w.output, w.output >= L::WIDTH) {
                (true, true) if three => self.rows::<L, ROWS, true, true>(),
                (true, false) if three => self.rows::<L, ROWS, false, true>(),
                (true, true) => self.rows::<L, ROWS, true, false>(),
                (true, false) => self.rows::<L, ROWS, false, false>(),
                (false, _) => self.rows::<L, 1, false, false>(),
            }
        }
    }
}

impl<T: Element> Rows<'_, T> {
    /// The outputs, `R` rows of them at a time, and `WHOLE` registers where there are as many in a
    /// row. Where taps are the `THREE` by three of one channel, each register of the input is read
    /// once for all that lie above each other: reading is what takes the time.
    ///
    /// # Safety
    /// The set of `L`.
    #[inline(always)]
    unsafe fn rows<L, const R: usize, const WHOLE: bool, const THREE: bool>(self)
    where
        L: Lanes<Element = T>,
    {
        let width = self.g.w.output;
        let height = self.y.len() / width;
        let line = self.padded.layout.row;
        let stride = self.g.h.stride * line;
        let lines = (self.first..self.first + height).map(|row| row * stride);
        self.padded.assert_inside(self.taps, lines.map(|source| Run { source, at: 0, len: width }));
        for row in (0..height).step_by(R) {
            // Some are computed once more where whole tiles leave a rest.
            let row = row.min(height - R);
            for column in (0..width).step_by(L::WIDTH) {
                let column = column.min(width.saturating_sub(L::WIDTH));
                let count = if WHOLE { L::WIDTH } else { L::WIDTH.min(width - column) };
                let x = self.padded.elements()[(self.first + row) * stride + column..].as_ptr();
                let y = self.y[row * width + column..][..(R - 1) * width + count].as_mut_ptr();
                // SAFETY: every tap of a row's outputs lies inside of the padded input, and `count`
                // of them in the row; a weight of three by three has nine numbers.
                unsafe {
                    let mut sums = [L::splat(self.bias); R];
                    if THREE {
                        for kx in 0..3 {
                            let mut lines = [L::constant(0.0); ROWS + 2];
                            for (i, register) in lines.iter_mut().enumerate() {
                                *register = L::load_first(x.add(i * line + kx), count);
                            }
                            for ky in 0..3 {
                                let weight = L::splat(*self.weight.get_unchecked(3 * ky + kx));
                                for (i, sum) in sums.iter_mut().enumerate() {
                                    *sum = sum.mul_add(lines[i + ky], weight);
                                }
                            }
                        }
                    } else {
                        for (&tap, &weight) in self.taps.iter().zip(self.weight) {
                            let weight = L::splat(weight);
                            for (i, sum) in sums.iter_mut().enumerate() {
                                let x = L::load_first(x.add(tap + i * stride), count);
                                *sum = sum.mul_add(x, weight);
                            }
                        }
                    }
                    for (i, sum) in sums.into_iter().enumerate() {
                        sum.store_first(y.add(i * width), count);
                    }
                }
            }
        }
    }
}

pub(super) fn weight_gradient<T: Element>(
    g: &Geometry,
    x: &[T],
    dy: &[T],
    dweight: &mut [T],
) -> AllocResult {
    let outputs = g.channels_out;
    let inputs = g.channels_in;
    let taps = g.taps();
    let one = &Geometry { batch: 1, groups: 1, channels_in: 1, channels_out: 1, ..*g };
    let layout = Layout::new(one);
    let places = &layout.taps(one);
    // A chunk is an input channel of a group, with all of its outputs.
    let mut sums = acquire(g.groups * inputs * outputs * taps)?;
    sums.fill(T::zero());
    blocks::each_chunk(&mut sums, outputs * taps, g.work(), |channel, sums| {
        let group = channel / inputs;
        for sample in 0..g.batch {
            let number = sample * g.groups * inputs + channel;
            let x = &x[number * g.pixels_in()..][..g.pixels_in()];
            let padded = &Padded::new(one, &layout, x)?;
            for (output, sums) in sums.chunks_exact_mut(taps).enumerate() {
                let number = (sample * g.groups + group) * outputs + output;
                let dy = &dy[number * g.pixels_out()..][..g.pixels_out()];
                T::vectorize(Products { g: one, padded, taps: places, dy, sums });
            }
        }
        Ok(())
    })?;
    for (number, sums) in sums.chunks_exact(taps).enumerate() {
        let channel = number / outputs;
        let output = number % outputs;
        let group = channel / inputs;
        let input = channel % inputs;
        let place = ((group * outputs + output) * inputs + input) * taps;
        dweight[place..place + taps].copy_from_slice(sums);
    }
    Ok(())
}

/// The products of one channel's gradient with one channel's taps, added to `sums`.
struct Products<'a, T: Element> {
    g: &'a Geometry,
    padded: &'a Padded<'a, T>,
    taps: &'a [usize],
    dy: &'a [T],
    sums: &'a mut [T],
}

impl<T: Element> Work<T> for Products<'_, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let Self { g, padded, taps, dy, sums } = self;
        let width = g.w.output;
        assert!(dy.len() == g.pixels_out() && sums.len() == taps.len());
        let lines = (0..g.h.output).map(|row| row * g.h.stride * padded.layout.row);
        padded.assert_inside(taps, lines.map(|source| Run { source, at: 0, len: width }));
        for (taps, sums) in taps.chunks(TAPS).zip(sums.chunks_mut(TAPS)) {
            let places: [usize; TAPS] = std::array::from_fn(|i| taps[i.min(taps.len() - 1)]);
            // SAFETY: every tap of a row's outputs lies inside of the padded input, and `count` of
            // them in the row.
            unsafe {
                let mut registers = [L::constant(0.0); TAPS];
                for (row, dy) in dy.chunks_exact(width).enumerate() {
                    let start = row * g.h.stride * padded.layout.row;
                    let x = padded.elements()[start..].as_ptr();
                    for i in (0..width).step_by(L::WIDTH) {
                        let count = L::WIDTH.min(width - i);
                        let dy = L::load_first(dy.as_ptr().add(i), count);
                        for (register, place) in registers.iter_mut().zip(places) {
                            *register =
                                register.mul_add(L::load_first(x.add(place + i), count), dy);
                        }
                    }
                }
                for (sum, register) in sums.iter_mut().zip(registers) {
                    *sum += register.sum();
                }
            }
        }
    }
}
