//! Windows that are the whole input, as in a fully connected layer: each output is the inner
//! product of a sample with a channel's weight, both of which lie in order.
//!
//! A tile of samples times a few channels is summed in registers along the depth, and what the
//! registers hold is added up at the end, four of them at once: nothing is gathered or packed, and
//! a few samples cost one walk through the weight. A sum is taken in the same order whatever else
//! is in the batch.
#![allow(unsafe_code)]

use std::ops::Range;

use super::epilogue::Output;
use super::packed::{Strides, Weight};
use super::tile::PANEL;
use super::{Arguments, blocks};
use crate::element::Element;
use crate::geometry::Geometry;
use crate::memory::AllocResult;
use crate::simd::{Lanes, Work};

/// Channels of a tile.
const CHANNELS: usize = 4;
/// Samples of a tile where registers are many; with the samples' own and one of a channel, they
/// take 31. Else half of them.
const SAMPLES: usize = 6;
/// Channels of a task, whose weights stay in the second cache up to a depth of some thousands.
const TASK: usize = 32;

/// Whether windows are the whole input, of one group, and a channel's weight lies as the input
/// does.
pub(super) fn suits(g: &Geometry, strides: Strides) -> bool {
    g.groups == 1 && g.h.is_whole() && g.w.is_whole() && strides.is_plain(g)
}

pub(super) fn convolve<T: Element>(of: Arguments<'_, T>) -> AllocResult {
    let Arguments { g, x, weight, epilogue, y } = of;
    let outputs = g.channels_out;
    let y = &Output::new(g, epilogue, y);
    let tasks = outputs.div_ceil(TASK);
    let shares = blocks::partitions(tasks, g.batch / SAMPLES);
    blocks::each(tasks * shares, g.work(), |task| {
        let samples = blocks::part(g.batch, shares, task % shares);
        let task = task / shares;
        let channels = task * TASK..outputs.min((task + 1) * TASK);
        let biases = y.biases(channels.clone());
        T::vectorize(Products { g, x, weight, samples, channels, biases, y });
        Ok(())
    })
}

/// The outputs of some samples and channels.
struct Products<'a, T: Element> {
    g: &'a Geometry,
    x: &'a [T],
    weight: Weight<'a, T>,
    samples: Range<usize>,
    channels: Range<usize>,
    biases: [T; TASK],
    y: &'a Output<'a, T>,
}

impl<T: Element> Work<T> for Products<'_, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        for tile in blocks::split(self.samples.len(), SAMPLES * L::ROWS / PANEL) {
            let first = self.samples.start + tile.start;
            // SAFETY: by contract.
            unsafe {
                match tile.len() {
                    6 => self.tiles::<L, 6>(first),
                    5 => self.tiles::<L, 5>(first),
                    4 => self.tiles::<L, 4>(first),
                    3 => self.tiles::<L, 3>(first),
                    2 => self.tiles::<L, 2>(first),
                    _ => self.tiles::<L, 1>(first),
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
        let mut sums = [[T::zero(); TASK]; S];
        for (tile, channel) in self.channels.clone().step_by(CHANNELS).enumerate() {
            // SAFETY: by contract.
            let of_tile = unsafe { self.tile::<L, S>(first, channel) };
            for (sums, of_tile) in sums.iter_mut().zip(of_tile) {
                sums[tile * CHANNELS..][..CHANNELS].copy_from_slice(&of_tile);
            }
        }
        for (sample, sums) in (first..).zip(&sums) {
            // SAFETY: tasks differ in samples or channels.
            unsafe { self.y.write_channels(sample, self.channels.clone(), (sums, &self.biases)) };
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
        let depth = self.g.depth();
        let last = self.channels.end - 1;
        let sample = |i: usize| self.x[(first + i) * depth..][..depth].as_ptr();
        // Beyond the last channel the last one once more.
        let kernel = |i: usize| self.weight.strides.kernel(0, (channel + i).min(last));
        let weight = |i: usize| self.weight.elements[kernel(i)..][..depth].as_ptr();
        let samples: [_; S] = std::array::from_fn(sample);
        let weights: [_; CHANNELS] = std::array::from_fn(weight);
        let (samples, weights) = (&samples, &weights);
        // SAFETY: samples and weights have `depth` elements each (sliced above), of which the last
        // register takes what is left.
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
