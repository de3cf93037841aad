//! What is done to sums as they become the result: a bias is added, negative ones become 0, one
//! half of the channels gates the other.
#![allow(unsafe_code)]

use std::ops::Range;

use super::shared::Shared;
use crate::element::Element;
use crate::geometry::Geometry;

/// What is done to a sum before it is stored: a GEMM library's epilogue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Epilogue<'a, T> {
    /// Added, one for each output channel.
    pub bias: Option<&'a [T]>,
    /// Negative ones become 0.
    pub relu: bool,
    /// Those of the output channels' first half, a, and second half, b, become a · σ(b). For
    /// [`forward`](super::forward) of one group, not with `relu`.
    pub glu: bool,
    /// Only what computes each sum as it is defined (no Winograd).
    pub exact: bool,
    /// The packed weight is kept for the next call.
    pub keep: bool,
}

impl<T: Element> Epilogue<'_, T> {
    pub(super) fn bias(&self, channel: usize) -> T {
        self.bias.map_or(T::zero(), |bias| bias[channel])
    }

    #[inline(always)]
    fn relu(&self, sum: T) -> T {
        if self.relu && sum < T::zero() { T::zero() } else { sum }
    }

    /// Finishes a channel's sums, which nothing gates, where they lie.
    pub(super) fn apply(&self, channel: usize, sums: &mut [T]) {
        let bias = self.bias(channel);
        if self.relu || self.bias.is_some() {
            sums.iter_mut().for_each(|sum| *sum = self.relu(*sum + bias));
        }
    }
}

/// A result that tasks write sums to, each other ones.
pub(super) struct Output<'a, T> {
    g: &'a Geometry,
    epilogue: Epilogue<'a, T>,
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
    pub fn new(g: &'a Geometry, epilogue: Epilogue<'a, T>, y: &'a mut [T]) -> Self {
        Self { g, epilogue, y: Shared::new(y) }
    }

    /// How many channels become one.
    pub fn step(&self) -> usize {
        if self.epilogue.glu { 2 } else { 1 }
    }

    /// Finishes the sums of some channels (counted over groups), whose rows lie a stride apart, and
    /// writes them. Where channels gate each other they come by turns, as a
    /// [`Weight`](super::packed::Weight) gives them, and both of a pair at once.
    ///
    /// # Safety
    /// No other task writes these channels of these pieces.
    #[inline(always)]
    pub unsafe fn write(
        &self,
        channels: Range<usize>,
        pieces: &[Piece],
        sums: &[T],
        stride: usize,
    ) {
        let Self { g, epilogue, .. } = self;
        let of_sample = g.groups * g.channels_out;
        let step = self.step();
        for (channel, rows) in channels.step_by(step).zip(sums.chunks(step * stride)) {
            for &Piece { at, sample, pixel, len } in pieces {
                let plane = (sample * of_sample + channel) / step;
                // SAFETY: by contract.
                let y = unsafe { self.y.part(plane * g.pixels_out() + pixel, len) };
                let bias = self.bias(channel);
                let sums = &rows[at..][..len];
                if epilogue.glu {
                    let (bias_of_gate, gates) =
                        (self.bias(channel + 1), &rows[stride + at..][..len]);
                    for ((y, &sum), &gate) in y.iter_mut().zip(sums).zip(gates) {
                        *y = (sum + bias).glu(gate + bias_of_gate);
                    }
                } else {
                    for (y, &sum) in y.iter_mut().zip(sums) {
                        *y = epilogue.relu(sum + bias);
                    }
                }
            }
        }
    }

    /// The bias of a channel, counted as for [`Output::write`].
    fn bias(&self, channel: usize) -> T {
        let half = self.g.groups * self.g.channels_out / 2;
        self.epilogue.bias(if self.epilogue.glu {
            channel / 2 + channel % 2 * half
        } else {
            channel
        })
    }

    /// Those of up to `N` channels, for [`Output::write_channels`].
    pub fn biases<const N: usize>(&self, channels: Range<usize>) -> [T; N] {
        let mut biases = [T::zero(); N];
        biases.iter_mut().zip(channels).for_each(|(bias, channel)| *bias = self.bias(channel));
        biases
    }

    /// [`Output::write`] of one sum for each channel, where an output is a single pixel: channels
    /// lie side by side, and so do `biases`.
    ///
    /// # Safety
    /// No other task writes these channels of this sample.
    #[inline(always)]
    pub unsafe fn write_channels(
        &self,
        sample: usize,
        channels: Range<usize>,
        (sums, biases): (&[T], &[T]),
    ) {
        let outputs = self.g.channels_out / self.step();
        let step = self.step();
        let sums = &sums[..channels.len()];
        let biases = &biases[..channels.len()];
        let start = sample * outputs + channels.start / step;
        // SAFETY: by contract.
        let y = unsafe { self.y.part(start, channels.len() / step) };
        if self.epilogue.glu {
            let sums = sums.as_chunks().0;
            let biases = biases.as_chunks().0;
            for (y, ([sum, gate], [bias, bias_of_gate])) in
                y.iter_mut().zip(sums.iter().zip(biases))
            {
                *y = (*sum + *bias).glu(*gate + *bias_of_gate);
            }
        } else {
            for (y, (&sum, &bias)) in y.iter_mut().zip(sums.iter().zip(biases)) {
                *y = self.epilogue.relu(sum + bias);
            }
        }
    }
}
