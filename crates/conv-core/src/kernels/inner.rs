//! Windows that are the whole input, as in a fully connected layer: each output is the inner product of a sample with a channel's weight,
//! both of which lie in order.
//!
//! A tile of samples times a few channels is summed in registers along the depth, and what the registers hold is added up at the end:
//! nothing is gathered or packed, so that a few samples cost one walk through the weight. A sum is taken in the same order whatever else
//! is in the batch.
#![allow(unsafe_code)]

use std::ops::Range;

use super::blocks;
use super::plan::Plan;
use super::scratch::Done;
use super::shared::Shared;
use super::{Finish, Weight};
use crate::element::Element;
use crate::simd::{Lanes, Work};

/// Samples of a tile, and the most channels: with AVX-512 24 sums, a register of a sample and four of weights.
const SAMPLES: usize = 6;
const CHANNELS: usize = 4;
/// Numbers of the widest register.
const WIDEST: usize = 16;
/// Sums of a tile, and room for whole squares of registers.
const SUMS: usize = 2 * WIDEST;
/// Channels of a task, whose weights stay in the second cache.
const TASK: usize = 32;

/// Samples up to which a walk through the weight as it lies costs less than packing it, or the samples; with more of them `exact` sums
/// are still taken here, so that they do not depend on how many there are.
const FEW: usize = 16;

pub(super) fn suits<T: Element>(plan: &Plan, weight: &Weight<'_, T>, exact: bool) -> bool {
    let is_inner = plan.groups == 1 && plan.h.is_whole() && plan.w.is_whole();
    is_inner && weight.is_in_order(plan) && (exact || plan.batch <= FEW)
}

pub(super) fn convolve<T: Element>(
    plan: &Plan,
    x: &[T],
    weight: Weight<'_, T>,
    finish: Finish<'_, T>,
    y: &mut [T],
) -> Done {
    let outputs = plan.channels_out;
    let y = &Shared::new(y);
    blocks::each(outputs.div_ceil(TASK), plan.work(), |task| {
        let channels = task * TASK..outputs.min((task + 1) * TASK);
        T::vectorize(Channels { plan, x, weight, finish, channels, y });
        Ok(())
    })
}

/// What a tile's registers hold, a square of them turned, and the sums.
type Room<'a, T> = (&'a mut [T; SUMS * WIDEST], &'a mut [T; WIDEST * WIDEST], &'a mut [T; SUMS]);

/// The outputs of some channels.
struct Channels<'a, T: Element> {
    plan: &'a Plan,
    x: &'a [T],
    weight: Weight<'a, T>,
    finish: Finish<'a, T>,
    channels: Range<usize>,
    y: &'a Shared<'a, T>,
}

impl<T: Element> Work<T> for Channels<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        // SAFETY: by contract.
        unsafe {
            match L::ROWS / 2 {
                CHANNELS => self.tiles::<L, CHANNELS>(),
                _ => self.tiles::<L, 2>(),
            }
        }
    }
}

impl<T: Element> Channels<'_, T> {
    /// # Safety
    /// The set of `L`.
    #[inline(always)]
    unsafe fn tiles<L: Lanes<Element = T>, const C: usize>(&self) {
        // Not in the loop: they would be zeroed for each tile.
        let mut lanes = [T::zero(); SUMS * WIDEST];
        let mut turned = [T::zero(); WIDEST * WIDEST];
        let mut sums = [T::zero(); SUMS];
        for first in (0..self.plan.batch).step_by(SAMPLES) {
            for channel in self.channels.clone().step_by(C) {
                let room = (&mut lanes, &mut turned, &mut sums);
                // SAFETY: by contract.
                unsafe {
                    match self.plan.batch - first {
                        1 => self.tile::<L, 1, C>(first, channel, room),
                        2 => self.tile::<L, 2, C>(first, channel, room),
                        3 => self.tile::<L, 3, C>(first, channel, room),
                        4 => self.tile::<L, 4, C>(first, channel, room),
                        5 => self.tile::<L, 5, C>(first, channel, room),
                        _ => self.tile::<L, SAMPLES, C>(first, channel, room),
                    }
                }
                let samples = SAMPLES.min(self.plan.batch - first);
                for (i, sums) in sums.chunks_exact_mut(C).enumerate().take(samples) {
                    let count = C.min(self.channels.end - channel);
                    self.finish(first + i, channel, &mut sums[..count]);
                }
            }
        }
    }

    /// The inner products of `S` samples and `C` channels into `sums`, a sample after the other.
    ///
    /// # Safety
    /// The set of `L`.
    #[inline(always)]
    unsafe fn tile<L: Lanes<Element = T>, const S: usize, const C: usize>(
        &self,
        first: usize,
        channel: usize,
        (lanes, turned, sums): Room<'_, T>,
    ) {
        let depth = self.plan.depth();
        let samples = self.x[first * depth..][..S * depth].as_ptr();
        let mut weights = [samples; C];
        for (i, weight) in weights.iter_mut().enumerate() {
            // Beyond the last channel the last one once more.
            let start = self.weight.kernel(0, (channel + i).min(self.channels.end - 1));
            *weight = self.weight.elements[start..][..depth].as_ptr();
        }
        // SAFETY: samples and weights have `depth` elements each (sliced above), of which the last register takes what is left; SUMS
        // registers fit `lanes`, and S · C, at most SUMS, are whole squares of registers or part of one.
        unsafe {
            let mut acc = [[L::constant(0.0); C]; S];
            let whole = depth - depth % L::WIDTH;
            for k in (0..whole).step_by(L::WIDTH) {
                let mut of_channels = [L::constant(0.0); C];
                for (register, weight) in of_channels.iter_mut().zip(weights) {
                    *register = L::load(weight.add(k));
                }
                for (i, acc) in acc.iter_mut().enumerate() {
                    let sample = L::load(samples.add(i * depth + k));
                    for (acc, weight) in acc.iter_mut().zip(of_channels) {
                        *acc = acc.mul_add(sample, weight);
                    }
                }
            }
            if whole < depth {
                let rest = depth - whole;
                for (i, acc) in acc.iter_mut().enumerate() {
                    let sample = L::load_first(samples.add(i * depth + whole), rest);
                    for (acc, weight) in acc.iter_mut().zip(weights) {
                        *acc = acc.mul_add(sample, L::load_first(weight.add(whole), rest));
                    }
                }
            }
            for (number, acc) in acc.iter().flatten().enumerate() {
                acc.store(lanes[number * L::WIDTH..][..L::WIDTH].as_mut_ptr());
            }
            // Turned, a register has a number of each sum, and adding registers adds up as many sums at once.
            for square in (0..S * C).step_by(L::WIDTH) {
                let from = lanes[square * L::WIDTH..][..L::WIDTH * L::WIDTH].as_ptr();
                L::transpose(from, L::WIDTH, turned.as_mut_ptr(), L::WIDTH);
                let (mut even, mut odd) = (L::constant(0.0), L::constant(0.0));
                for row in (0..L::WIDTH).step_by(2) {
                    even = even.add(L::load(turned[row * L::WIDTH..].as_ptr()));
                    odd = odd.add(L::load(turned[(row + 1) * L::WIDTH..].as_ptr()));
                }
                even.add(odd).store(sums[square..][..L::WIDTH].as_mut_ptr());
            }
        }
    }

    /// Finishes a sample's sums of some channels and writes them.
    #[inline(always)]
    fn finish(&self, sample: usize, channel: usize, sums: &mut [T]) {
        let Finish { bias, rectify, gate, .. } = self.finish;
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum += bias.map_or(T::zero(), |bias| bias[channel + i]);
            if rectify && *sum < T::zero() {
                *sum = T::zero();
            }
        }
        let outputs = self.plan.channels_out;
        if gate {
            // SAFETY: no other task has these channels.
            let y = unsafe { self.y.part((sample * outputs + channel) / 2, sums.len() / 2) };
            for (y, pair) in y.iter_mut().zip(sums.chunks_exact(2)) {
                *y = pair[0] * pair[1].sigmoid();
            }
        } else {
            // SAFETY: as above.
            let y = unsafe { self.y.part(sample * outputs + channel, sums.len()) };
            y.copy_from_slice(sums);
        }
    }
}
