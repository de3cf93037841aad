//! Windows that are the whole input, as in a fully connected layer: each output is the inner product of a sample with a channel's weight,
//! both of which lie in order.
//!
//! A tile of samples times a few channels is summed in registers along the depth, and what the registers hold is added up at the end,
//! four of them at once: nothing is gathered or packed, and a few samples cost one walk through the weight. A sum is taken in the
//! same order whatever else is in the batch.
#![allow(unsafe_code)]

use std::ops::Range;

use super::finish::Output;
use super::packed::{Order, Weight};
use super::scratch::Done;
use super::tile::PANEL;
use super::{Arguments, blocks};
use crate::element::Element;
use crate::geometry::Geometry;
use crate::simd::{Lanes, Work};

/// Channels of a tile.
const CHANNELS: usize = 4;
/// Samples of a tile where registers are many; with the samples' own and one of a channel, they take 31. Else half of them.
const SAMPLES: usize = 6;
/// Channels of a task, whose weights stay in the second cache.
const TASK: usize = 32;
pub(super) fn suits(g: &Geometry, order: Order) -> bool {
    g.groups == 1 && g.h.is_whole() && g.w.is_whole() && order.is_plain(g)
}

pub(super) fn convolve<T: Element>(of: Arguments<'_, T>) -> Done {
    let Arguments { g, x, weight, finish, y } = of;
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
        for samples in blocks::split(self.g.batch, SAMPLES * L::ROWS / PANEL) {
            // SAFETY: by contract.
            unsafe {
                match samples.len() {
                    6 => self.tiles::<L, 6>(samples.start),
                    5 => self.tiles::<L, 5>(samples.start),
                    4 => self.tiles::<L, 4>(samples.start),
                    3 => self.tiles::<L, 3>(samples.start),
                    2 => self.tiles::<L, 2>(samples.start),
                    _ => self.tiles::<L, 1>(samples.start),
                }
            }
        }
    }
}

impl<T: Element> Products<'_, T> {
    /// `S` samples by all channels.
    ///
    /// # Safety
    /// The set of `L`.
    #[inline(always)]
    unsafe fn tiles<L: Lanes<Element = T>, const S: usize>(&self, first: usize) {
        let (mut sums, mut biases) = ([[T::zero(); TASK]; S], [T::zero(); TASK]);
        for (bias, channel) in biases.iter_mut().zip(self.channels.clone()) {
            *bias = self.y.bias(channel);
        }
        for (tile, channel) in self.channels.clone().step_by(CHANNELS).enumerate() {
            // SAFETY: by contract.
            let of_tile = unsafe { self.tile::<L, S>(first, channel) };
            for (sums, of_tile) in sums.iter_mut().zip(of_tile) {
                sums[tile * CHANNELS..][..CHANNELS].copy_from_slice(&of_tile);
            }
        }
        for (sample, sums) in (first..).zip(&sums) {
            // SAFETY: tasks differ in channels.
            unsafe { self.y.write_channels(sample, self.channels.clone(), (sums, &biases)) };
        }
    }

    /// `S` samples by [`CHANNELS`] channels.
    ///
    /// # Safety
    /// The set of `L`.
    #[inline(always)]
    unsafe fn tile<L: Lanes<Element = T>, const S: usize>(
        &self,
        first: usize,
        channel: usize,
    ) -> [[T; CHANNELS]; S] {
        let (depth, last) = (self.g.depth(), self.channels.end - 1);
        let sample = |i: usize| self.x[(first + i) * depth..][..depth].as_ptr();
        // Beyond the last channel the last one once more.
        let kernel = |i: usize| self.weight.order.kernel(0, (channel + i).min(last));
        let weight = |i: usize| self.weight.elements[kernel(i)..][..depth].as_ptr();
        let samples: [_; S] = std::array::from_fn(sample);
        let weights: [_; CHANNELS] = std::array::from_fn(weight);
        let (samples, weights) = (&samples, &weights);
        // SAFETY: samples and weights have `depth` elements each (sliced above), of which the last register takes what is left.
        unsafe {
            let mut sums = [[L::constant(0.0); CHANNELS]; S];
            let whole = depth - depth % L::WIDTH;
            for k in (0..whole).step_by(L::WIDTH) {
                sums = products(sums, samples, weights, |from| L::load(from.add(k)));
            }
            if whole < depth {
                let load = |from: *const T| L::load_part(from.add(whole), depth - whole);
                sums = products(sums, samples, weights, load);
            }
            let mut totals = [[T::zero(); CHANNELS]; S];
            for (totals, sums) in totals.iter_mut().zip(sums) {
                *totals = L::sums(sums);
            }
            totals
        }
    }
}

/// `sums`, and a register of each sample times one of each channel.
///
/// # Safety
/// The set of `L`, and whatever `load` asks for.
#[inline(always)]
unsafe fn products<L: Lanes, const S: usize>(
    mut sums: [[L; CHANNELS]; S],
    samples: &[*const L::Element; S],
    weights: &[*const L::Element; CHANNELS],
    load: impl Fn(*const L::Element) -> L,
) -> [[L; CHANNELS]; S] {
    // SAFETY: by contract.
    unsafe {
        let mut of_samples = [L::constant(0.0); S];
        for (register, &sample) in of_samples.iter_mut().zip(samples) {
            *register = load(sample);
        }
        for (channel, &weight) in weights.iter().enumerate() {
            let weight = load(weight);
            for (sums, &sample) in sums.iter_mut().zip(&of_samples) {
                sums[channel] = sums[channel].mul_add(sample, weight);
            }
        }
        sums
    }
}
