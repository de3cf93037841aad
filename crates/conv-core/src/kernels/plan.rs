//! What the kernels compute, and the layout of the input they read: padded, and its columns split by the stride's phases.

#![allow(unsafe_code)]

use std::ops::Range;

use super::blocks::each_chunk;
use super::scratch::{Buffer, NoRoom, take};
use crate::element::Element;
use crate::geometry::{Axis, Geometry};
use crate::simd::{Lanes, Work};

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
        let Axis { input, kernel, before, output, .. } = *axis;
        // A single output has no next one, and a single tap neither.
        let stride = if output == 1 { 1 } else { axis.stride };
        let dilation = if kernel == 1 { 1 } else { axis.dilation };
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

    /// The outputs that meet an element of the input at `tap`.
    pub fn inside(&self, tap: usize) -> Range<usize> {
        let offset = (tap * self.dilation) as isize - self.before;
        let reach_of = |end: isize| (end.max(0) as usize).div_ceil(self.stride).min(self.output);
        let end = reach_of(self.input as isize - offset);
        reach_of(-offset).min(end)..end
    }

    /// Which element that is; there must be one.
    pub fn position(&self, output: usize, tap: usize) -> usize {
        (output * self.stride + tap * self.dilation).wrapping_add_signed(-self.before)
    }

    /// A side of as many taps, which is alike for all inputs.
    pub fn of_taps(&self) -> Self {
        Self { taps: self.taps, stride: 1, dilation: 1, input: 0, before: 0, output: 0 }
    }

    /// Whether there is one window, which sees each element of the input once.
    pub fn is_whole(&self) -> bool {
        self.output == 1 && self.dilation == 1 && self.before == 0 && self.taps == self.input
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

/// Where the elements of a padded input lie. With a stride of 2, a row `a b c d e` becomes `a c e | b d`: then each tap of
/// neighbouring outputs reads neighbouring elements, whatever the stride. Phases that no tap reads are left out.
#[derive(Debug)]
pub(super) struct Layout {
    /// Elements from one phase of a row to the next, from a row to the next, and from a channel to the next.
    phase: usize,
    pub row: usize,
    plane: usize,
    /// What the phases of a row are made of, in order; nothing where the input lies as it should.
    phases: Vec<Phase>,
}

/// A phase of a row: zeros, then `seen` elements of the input from `start` on, then zeros.
#[derive(Debug)]
struct Phase {
    /// Its first element in the padded row; the others follow a stride apart.
    first: usize,
    zeros: usize,
    start: usize,
    seen: usize,
}

impl Layout {
    pub fn new(plan: &Plan) -> Self {
        let Plan { h, w, .. } = plan;
        if w.stride == 1 && h.is_inside() && w.is_inside() {
            let (row, plane) = (w.input, plan.pixels_in());
            return Self { phase: 0, row, plane, phases: Vec::new() };
        }
        let phase = w.reach().div_ceil(w.stride);
        let part = |number: usize| {
            let first = number as isize - w.before;
            let zeros = ((-first).max(0) as usize).div_ceil(w.stride).min(phase);
            let start = (first + (zeros * w.stride) as isize) as usize;
            let seen = w.input.saturating_sub(start).div_ceil(w.stride).min(phase - zeros);
            Phase { first: number, zeros, start, seen }
        };
        let mut numbers: Vec<_> = (0..w.taps).map(|tap| tap * w.dilation % w.stride).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let phases: Vec<_> = numbers.into_iter().map(part).collect();
        let row = phases.len() * phase;
        Self { phase, row, plane: h.reach() * row, phases }
    }

    /// Where a tap of a channel lies, from the pixel's place on.
    pub fn tap(&self, plan: &Plan, channel: usize, ky: usize, kx: usize) -> usize {
        let (y, x) = (ky * plan.h.dilation, kx * plan.w.dilation);
        let (first, x) = (x % plan.w.stride, x / plan.w.stride);
        let phase = self.phases.partition_point(|phase| phase.first < first);
        channel * self.plane + y * self.row + phase * self.phase + x
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

    /// Where the window of an output pixel starts, in the first channel of a group.
    pub fn pixel(&self, plan: &Plan, sample: usize, group: usize, pixel: usize) -> usize {
        let (y, x) = (pixel / plan.w.output, pixel % plan.w.output);
        let channel = (sample * plan.groups + group) * plan.channels_in;
        channel * self.plane + y * plan.h.stride * self.row + x
    }

    /// Lays one channel out.
    fn lay<T: Element>(&self, plan: &Plan, input: &[T], plane: &mut [T]) {
        if plan.w.stride == 1 {
            return T::vectorize(Lay { layout: self, plan, input, plane });
        }
        let Plan { h, w, .. } = plan;
        for (y, row) in plane.chunks_exact_mut(self.row).enumerate() {
            let y = y as isize - h.before;
            if y < 0 || y >= h.input as isize {
                row.fill(T::zero());
                continue;
            }
            let input = &input[y as usize * w.input..][..w.input];
            for (part, row) in self.phases.iter().zip(row.chunks_exact_mut(self.phase)) {
                let (before, row) = row.split_at_mut(part.zeros);
                let (inside, after) = row.split_at_mut(part.seen);
                before.fill(T::zero());
                after.fill(T::zero());
                if !inside.is_empty() {
                    let input = input[part.start..].iter().step_by(w.stride);
                    inside.iter_mut().zip(input).for_each(|(to, &x)| *to = x);
                }
            }
        }
    }
}

/// One channel laid out where rows stay whole, in registers, since calls for short rows would cost more than they copy.
struct Lay<'a, T> {
    layout: &'a Layout,
    plan: &'a Plan,
    input: &'a [T],
    plane: &'a mut [T],
}

impl<T: Element> Work<T> for Lay<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let Self { layout, plan: Plan { h, w, .. }, input, plane } = self;
        let part = layout.phases.first().filter(|part| part.seen > 0);
        // The rows that the input has.
        let first = (h.before.max(0) as usize).min(h.reach());
        let end = (h.input as isize + h.before).clamp(first as isize, h.reach() as isize) as usize;
        let Some(part) = part.filter(|_| first < end) else { return plane.fill(T::zero()) };
        let end_of_rows = end * layout.row;
        // SAFETY: by contract.
        unsafe { copy::<L>(&[], &mut plane[..first * layout.row + part.zeros]) };
        for y in first..end {
            let start = y.wrapping_add_signed(-h.before) * w.input + part.start;
            let from = &input[start..][..part.seen];
            // What is beyond the row's end, up to where the next one starts, is zeros of its last registers.
            let to = y * layout.row + part.zeros;
            let to = &mut plane[to..end_of_rows.min(to + layout.row.next_multiple_of(L::WIDTH))];
            // SAFETY: by contract.
            unsafe { copy::<L>(from, to) }
        }
        // SAFETY: by contract.
        unsafe { copy::<L>(&[], &mut plane[end_of_rows..]) }
    }
}

/// Writes `from`, and zeros where it has ended, to all of `to`, which is as long or longer.
///
/// # Safety
/// The set of `L`.
#[inline(always)]
unsafe fn copy<L: Lanes>(from: &[L::Element], to: &mut [L::Element]) {
    for (i, to) in (0..).step_by(L::WIDTH).zip(to.chunks_mut(L::WIDTH)) {
        let count = from.len().saturating_sub(i).min(L::WIDTH);
        // SAFETY: `count` numbers of the one, and all of the other.
        unsafe {
            let numbers = match count == L::WIDTH {
                true => L::load(from.as_ptr().add(i)),
                false => L::load_first(from.as_ptr().add(i.min(from.len())), count),
            };
            match to.len() == L::WIDTH {
                true => numbers.store(to.as_mut_ptr()),
                false => numbers.store_first(to.as_mut_ptr(), to.len()),
            }
        }
    }
}

/// The input as kernels read it, borrowed where it lies so already.
pub(super) struct Padded<'a, T: Element> {
    pub layout: &'a Layout,
    buffer: Option<Buffer<T>>,
    input: &'a [T],
}

impl<'a, T: Element> Padded<'a, T> {
    pub fn new(plan: &Plan, layout: &'a Layout, input: &'a [T]) -> Result<Self, NoRoom> {
        if layout.phases.is_empty() {
            return Ok(Self { layout, buffer: None, input });
        }
        let pixels = plan.pixels_in();
        let channels = plan.batch * plan.groups * plan.channels_in;
        let mut buffer = take(channels.saturating_mul(layout.plane))?;
        let work = buffer.len();
        each_chunk(&mut buffer, layout.plane, work, |channel, plane| {
            layout.lay(plan, &input[channel * pixels..][..pixels], plane);
            Ok(())
        })?;
        Ok(Self { layout, buffer: Some(buffer), input })
    }

    pub fn elements(&self) -> &[T] {
        self.buffer.as_deref().unwrap_or(self.input)
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
pub(super) fn runs(
    plan: &Plan,
    layout: &Layout,
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
        into.push(Run { source: layout.pixel(plan, sample, group, pixel), at, len: run });
        at += run;
    }
}
