//! What is done to sums as they become the result: a bias is added, negative ones become 0, one half of the channels gates the other.
#![allow(unsafe_code)]

use std::ops::Range;

use super::shared::Shared;
use crate::element::Element;
use crate::geometry::Geometry;
use crate::simd::{Lanes, WIDEST};

/// What is done to a sum before it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish<'a, T> {
    /// Added, one for each output channel.
    pub bias: Option<&'a [T]>,
    /// Negative ones become 0.
    pub rectify: bool,
    /// Those of the output channels' first half, a, and second half, b, become a · σ(b). For [`forward`](super::forward) of one group,
    /// not rectified.
    pub gate: bool,
    /// Only what computes each sum as it is defined (no Winograd).
    pub exact: bool,
    /// The packed weight is kept for the next call.
    pub keep: bool,
}

impl<T: Element> Finish<'_, T> {
    pub(super) fn bias(&self, channel: usize) -> T {
        self.bias.map_or(T::zero(), |bias| bias[channel])
    }

    #[inline(always)]
    fn rectified(&self, sum: T) -> T {
        if self.rectify && sum < T::zero() { T::zero() } else { sum }
    }

    /// Finishes a channel's sums, which nothing gates, where they lie.
    pub(super) fn apply(&self, channel: usize, sums: &mut [T]) {
        let bias = self.bias(channel);
        if self.rectify || self.bias.is_some() {
            sums.iter_mut().for_each(|sum| *sum = self.rectified(*sum + bias));
        }
    }
}

/// A result that tasks write sums to, each other ones.
pub(super) struct Output<'a, T> {
    g: &'a Geometry,
    finish: Finish<'a, T>,
    y: Shared<'a, T>,
}

/// Neighbouring pixels of a sample, and where in a row of sums theirs begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub at: usize,
    pub sample: usize,
    pub pixel: usize,
    pub len: usize,
}

impl<'a, T: Element> Output<'a, T> {
    pub fn new(g: &'a Geometry, finish: Finish<'a, T>, y: &'a mut [T]) -> Self {
        Self { g, finish, y: Shared::new(y) }
    }

    /// How many channels become one.
    pub fn step(&self) -> usize {
        if self.finish.gate { 2 } else { 1 }
    }

    /// Finishes the sums of some channels (counted over groups), whose rows lie a stride apart, and writes them. Where channels gate each
    /// other they come by turns, as a [`Weight`](super::packed::Weight) gives them, and both of a pair at once.
    ///
    /// # Safety
    /// The set of `L`, and no other task writes these channels of these pieces.
    #[inline(always)]
    pub unsafe fn write<L: Lanes<Element = T>>(
        &self,
        channels: Range<usize>,
        pieces: &[Piece],
        sums: &[T],
        stride: usize,
    ) {
        let Self { g, finish, .. } = self;
        let of_sample = g.groups * g.channels_out;
        let step = self.step();
        for (channel, sums) in channels.step_by(step).zip(sums.chunks(step * stride)) {
            for &Piece { at, sample, pixel, len } in pieces {
                let plane = (sample * of_sample + channel) / step;
                // SAFETY: by contract.
                let y = unsafe { self.y.part(plane * g.pixels_out() + pixel, len) };
                let sums = &sums[at..];
                assert!(len <= sums.len());
                if finish.gate {
                    let bias = finish.bias(channel / 2);
                    let bias_of_gate = finish.bias((channel + of_sample) / 2);
                    for ((y, &sum), &gate) in y.iter_mut().zip(sums).zip(&sums[stride..]) {
                        *y = (sum + bias).gated(gate + bias_of_gate);
                    }
                    continue;
                }
                for (y, sums) in y.chunks_mut(L::WIDTH).zip(sums.chunks(L::WIDTH)) {
                    // SAFETY: `y` has that many numbers, and there is a sum for each.
                    unsafe {
                        let sum = L::load_first(sums.as_ptr(), y.len());
                        let mut sum = sum.add(L::splat(finish.bias(channel)));
                        if finish.rectify {
                            sum = L::constant(0.0).max(sum);
                        }
                        sum.store_first(y.as_mut_ptr(), y.len());
                    }
                }
            }
        }
    }

    /// [`Output::write`] of one sum for each channel, where an output is a single pixel: channels lie side by side.
    ///
    /// # Safety
    /// No other task writes these channels of this sample.
    #[inline(always)]
    pub unsafe fn write_channels(&self, sample: usize, channels: Range<usize>, sums: &[T]) {
        let (finish, step, outputs) = (&self.finish, self.step(), self.g.channels_out);
        let first = channels.start / step;
        // SAFETY: by contract.
        let y = unsafe { self.y.part(sample * (outputs / step) + first, channels.len() / step) };
        let none = [T::zero(); WIDEST];
        for (i, y) in y.chunks_mut(WIDEST).enumerate() {
            let (sums, first) = (&sums[i * step * WIDEST..], first + i * WIDEST);
            let bias =
                |first| finish.bias.map_or(&none[..y.len()], |bias| &bias[first..][..y.len()]);
            let bias_of_y = bias(first);
            if finish.gate {
                // Apart first, so that the rest is done in vectors.
                let mut halves = [none; 2];
                for (place, pair) in sums.chunks_exact(2).take(y.len()).enumerate() {
                    (halves[0][place], halves[1][place]) = (pair[0], pair[1]);
                }
                let biases = bias_of_y.iter().zip(bias(outputs / 2 + first));
                for ((y, (&sum, &gate)), (&bias, &bias_of_gate)) in
                    y.iter_mut().zip(halves[0].iter().zip(&halves[1])).zip(biases)
                {
                    *y = (sum + bias).gated(gate + bias_of_gate);
                }
            } else {
                for (y, (&sum, &bias)) in y.iter_mut().zip(sums.iter().zip(bias_of_y)) {
                    *y = finish.rectified(sum + bias);
                }
            }
        }
    }
}
