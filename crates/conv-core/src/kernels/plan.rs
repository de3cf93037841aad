//! What the kernels compute, and the layout of the input they read: padded, and its columns split by the stride's phases.

use super::blocks::each_chunk;
use super::scratch::{Buffer, take};
use crate::element::Element;
use crate::geometry::{Axis, Geometry};

/// One dimension: output `o` and tap `k` meet at input `o · stride + k · dilation - before`, which is 0 outside of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Side {
    pub input: usize,
    pub taps: usize,
    pub stride: usize,
    pub dilation: usize,
    /// Negative where the first elements of the input are not seen.
    pub before: isize,
    pub output: usize,
}

/// A convolution: [`Geometry`] without its promise that windows lie inside of the padded input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub batch: usize,
    pub groups: usize,
    /// Of a group, as the output's.
    pub channels_in: usize,
    pub channels_out: usize,
    pub h: Side,
    pub w: Side,
}

impl From<&Axis> for Side {
    fn from(axis: &Axis) -> Self {
        let Axis { input, kernel, stride, dilation, before, output } = *axis;
        Self { input, taps: kernel, stride, dilation, before: before as isize, output }
    }
}

impl From<&Geometry> for Plan {
    fn from(g: &Geometry) -> Self {
        let Geometry { batch, groups, channels_in, channels_out, .. } = *g;
        let (h, w) = (Side::from(&g.h), Side::from(&g.w));
        Self { batch, groups, channels_in, channels_out, h, w }
    }
}

impl Side {
    /// From the first element that a window sees to the last.
    pub fn reach(&self) -> usize {
        (self.output - 1) * self.stride + (self.taps - 1) * self.dilation + 1
    }

    /// Whether every window sees elements of the input alone.
    fn is_inside(&self) -> bool {
        self.before == 0 && self.reach() <= self.input
    }
}

impl Plan {
    pub fn pixels_in(&self) -> usize {
        self.h.input * self.w.input
    }

    pub fn pixels_out(&self) -> usize {
        self.h.output * self.w.output
    }

    pub fn taps(&self) -> usize {
        self.h.taps * self.w.taps
    }

    /// Products that are summed for one output element.
    pub fn depth(&self) -> usize {
        self.channels_in * self.taps()
    }

    /// Output elements of one channel, over the batch.
    pub fn columns(&self) -> usize {
        self.batch * self.pixels_out()
    }

    /// Multiplications, as a measure of work.
    pub fn work(&self) -> usize {
        let outputs = self.columns().saturating_mul(self.groups * self.channels_out);
        outputs.saturating_mul(self.depth())
    }
}

/// The input as kernels read it. With a stride of 2, a row `a b c d e` becomes `a c e | b d`: then each tap of neighbouring
/// outputs reads neighbouring elements, whatever the stride.
///
/// Borrowed where the input lies so already.
pub(super) struct Padded<'a, T: Element> {
    buffer: Option<Buffer<T>>,
    input: &'a [T],
    /// Elements from one phase of a row to the next, from a row to the next, and from a channel to the next.
    phase: usize,
    row: usize,
    plane: usize,
}

impl<'a, T: Element> Padded<'a, T> {
    pub fn new(plan: &Plan, input: &'a [T]) -> Self {
        let Plan { h, w, .. } = plan;
        if w.stride == 1 && h.is_inside() && w.is_inside() {
            let (row, plane) = (w.input, plan.pixels_in());
            return Self { buffer: None, input, phase: 0, row, plane };
        }
        let phases = if w.taps == 1 { 1 } else { w.stride };
        let phase = w.reach().div_ceil(w.stride);
        let (row, rows) = (phases * phase, h.reach());
        let plane = rows * row;
        let mut buffer = take(plan.batch * plan.groups * plan.channels_in * plane);
        each_chunk(&mut buffer, plane, 1 << 20, |channel, plane| {
            let input = &input[channel * plan.pixels_in()..][..plan.pixels_in()];
            for (y, row) in plane.chunks_exact_mut(row).enumerate() {
                let y = y as isize - h.before;
                if y < 0 || y >= h.input as isize {
                    row.fill(T::zero());
                    continue;
                }
                let input = &input[y as usize * w.input..][..w.input];
                for (first, row) in row.chunks_exact_mut(phase).enumerate() {
                    spread(input, first as isize - w.before, w.stride, row);
                }
            }
        });
        Self { buffer: Some(buffer), input, phase, row, plane }
    }

    pub fn elements(&self) -> &[T] {
        self.buffer.as_deref().unwrap_or(self.input)
    }

    /// Where a tap of a channel lies, from the pixel's place on.
    pub fn tap(&self, plan: &Plan, channel: usize, ky: usize, kx: usize) -> usize {
        let (y, x) = (ky * plan.h.dilation, kx * plan.w.dilation);
        let (phase, x) = (x % plan.w.stride, x / plan.w.stride);
        channel * self.plane + y * self.row + phase * self.phase + x
    }

    /// Where the window of an output pixel starts, in the first channel of a group.
    pub fn pixel(&self, plan: &Plan, sample: usize, group: usize, pixel: usize) -> usize {
        let (y, x) = (pixel / plan.w.output, pixel % plan.w.output);
        let channel = (sample * plan.groups + group) * plan.channels_in;
        channel * self.plane + y * plan.h.stride * self.row + x
    }

    /// The places of all taps of a group's channels, in the order of the weight.
    pub fn taps(&self, plan: &Plan) -> Vec<usize> {
        let (channels, h, w) = (plan.channels_in, plan.h.taps, plan.w.taps);
        let of_row = move |c, y| (0..w).map(move |x| (c, y, x));
        (0..channels)
            .flat_map(|c| (0..h).flat_map(move |y| of_row(c, y)))
            .map(|(c, y, x)| self.tap(plan, c, y, x))
            .collect()
    }
}

/// `row[i] = input[first + i · stride]`, zeros outside.
fn spread<T: Element>(input: &[T], first: isize, stride: usize, row: &mut [T]) {
    let zeros = ((-first).max(0) as usize).div_ceil(stride).min(row.len());
    let (before, row) = row.split_at_mut(zeros);
    before.fill(T::zero());
    let start = (first + (zeros * stride) as isize) as usize;
    let seen = input.len().saturating_sub(start).div_ceil(stride).min(row.len());
    let (inside, after) = row.split_at_mut(seen);
    after.fill(T::zero());
    if seen == 0 {
    } else if stride == 1 {
        inside.copy_from_slice(&input[start..start + seen]);
    } else {
        inside.iter_mut().zip(input[start..].iter().step_by(stride)).for_each(|(r, &x)| *r = x);
    }
}

/// Neighbouring output columns of one row: in the padded input from `source` on, and `len` of a panel's from `at` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub source: usize,
    pub at: usize,
    pub len: usize,
}

/// The runs that the output columns `start..start + len` of a group consist of, where columns count over samples and pixels.
pub(super) fn runs<T: Element>(
    plan: &Plan,
    padded: &Padded<'_, T>,
    group: usize,
    start: usize,
    len: usize,
    into: &mut Vec<Run>,
) {
    into.clear();
    let (width, pixels) = (plan.w.output, plan.pixels_out());
    let mut at = 0;
    while at < len {
        let (sample, pixel) = ((start + at) / pixels, (start + at) % pixels);
        let run = (width - pixel % width).min(len - at);
        into.push(Run { source: padded.pixel(plan, sample, group, pixel), at, len: run });
        at += run;
    }
}
