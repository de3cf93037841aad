//! Windows that are the whole input, as in a fully connected layer: each output is the inner product of a sample with a channel's weight,
//! both of which lie in order.
//!
//! A tile of samples times a few channels is summed in registers along the depth, and what the registers hold is added up at the end:
//! nothing is gathered or packed, so that a few samples cost one walk through the weight. A sum is taken in the same order whatever else
//! is in the batch.
#![allow(unsafe_code)]

use std::ops::Range;

use super::blocks;
use super::finish::{Finish, Output, Piece};
use super::packed::Weight;
use super::scratch::Done;
use crate::element::Element;
use crate::geometry::Geometry;
use crate::simd::{Lanes, Work};

/// Channels of a tile, which has as many samples where registers are many, and else half of them.
const CHANNELS: usize = 4;
/// Channels of a task, whose weights stay in the second cache.
const TASK: usize = 32;
/// Samples up to which a walk through the weight as it lies costs less than packing it, or the samples; with more of them `exact` sums
/// are still taken here, so that they do not depend on how many there are.
const FEW: usize = 16;

pub(super) fn suits<T: Element>(g: &Geometry, weight: &Weight<'_, T>, exact: bool) -> bool {
    let is_inner = g.groups == 1 && g.h.is_whole() && g.w.is_whole();
    is_inner && weight.order.is_plain(g) && (exact || g.batch <= FEW)
}

pub(super) fn convolve<T: Element>(
    g: &Geometry,
    x: &[T],
    weight: Weight<'_, T>,
    finish: Finish<'_, T>,
    y: &mut [T],
) -> Done {
    let outputs = g.channels_out;
    let y = &Output::new(g, finish, y);
    blocks::each(outputs.div_ceil(TASK), g.work(), |task| {
        let channels = task * TASK..outputs.min((task + 1) * TASK);
        T::vectorize(Products { g, x, weight, channels, y });
        Ok(())
    })
}

/// The outputs of some channels.
struct Products<'a, T: Element> {
    g: &'a Geometry,
    x: &'a [T],
    weight: Weight<'a, T>,
    channels: Range<usize>,
    y: &'a Output<'a, T>,
}

impl<T: Element> Work<T> for Products<'_, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let mut sample = 0;
        while sample < self.g.batch {
            let samples = (self.g.batch - sample).min(L::ROWS / 2);
            for channel in self.channels.clone().step_by(CHANNELS) {
                // SAFETY: by contract.
                unsafe {
                    match samples {
                        4 => self.tile::<L, 4>(sample, channel),
                        2 | 3 => self.tile::<L, 2>(sample, channel),
                        _ => self.tile::<L, 1>(sample, channel),
                    }
                }
            }
            sample += if samples == 3 { 2 } else { samples };
        }
    }
}

impl<T: Element> Products<'_, T> {
    /// `S` samples by [`CHANNELS`] channels.
    ///
    /// # Safety
    /// The set of `L`.
    #[inline(always)]
    unsafe fn tile<L: Lanes<Element = T>, const S: usize>(&self, first: usize, channel: usize) {
        let (depth, end) = (self.g.depth(), self.channels.end);
        let sample = |i: usize| self.x[(first + i) * depth..][..depth].as_ptr();
        // Beyond the last channel the last one once more.
        let kernel = |i: usize| self.weight.order.kernel(0, (channel + i).min(end - 1));
        let weight = |i: usize| self.weight.elements[kernel(i)..][..depth].as_ptr();
        let samples: [_; S] = std::array::from_fn(sample);
        let weights: [_; CHANNELS] = std::array::from_fn(weight);
        // SAFETY: samples and weights have `depth` elements each (sliced above), of which the last register takes what is left. Tasks
        // differ in channels.
        unsafe {
            let mut sums = [[L::constant(0.0); CHANNELS]; S];
            for k in (0..depth).step_by(L::WIDTH) {
                let count = L::WIDTH.min(depth - k);
                let mut of_channels = [L::constant(0.0); CHANNELS];
                for (register, weight) in of_channels.iter_mut().zip(weights) {
                    *register = L::load_first(weight.add(k), count);
                }
                for (sums, sample) in sums.iter_mut().zip(samples) {
                    let sample = L::load_first(sample.add(k), count);
                    for (sum, weight) in sums.iter_mut().zip(of_channels) {
                        *sum = sum.mul_add(sample, weight);
                    }
                }
            }
            for (sample, registers) in (first..).zip(sums) {
                let mut sums = [T::zero(); CHANNELS];
                for (sum, register) in sums.iter_mut().zip(registers) {
                    *sum = register.sum();
                }
                let piece = Piece { at: 0, sample, pixel: 0, len: 1 };
                self.y.write::<L>(channel..end.min(channel + CHANNELS), &[piece], &sums, 1);
            }
        }
    }
}
