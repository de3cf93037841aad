//! What the kernels compute, and the layout of the input they read: padded, and its columns split by the stride's phases.

#![allow(unsafe_code)]

use std::ops::Range;

use super::blocks::{cut, each_chunk};
use super::finish::Piece;
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

    /// Some columns, sample by sample.
    pub fn pieces(&self, columns: Range<usize>) -> Vec<Piece> {
        self.pieces_of(columns, self.pixels_out())
    }

    /// The same, row by row.
    pub fn rows(&self, columns: Range<usize>) -> Vec<Piece> {
        self.pieces_of(columns, self.w.output)
    }

    fn pieces_of(&self, columns: Range<usize>, most: usize) -> Vec<Piece> {
        let (start, pixels) = (columns.start, self.pixels_out());
        let piece = |columns: Range<usize>| Piece {
            at: columns.start - start,
            sample: columns.start / pixels,
            pixel: columns.start % pixels,
            len: columns.len(),
        };
        cut(columns, most).map(piece).collect()
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
#[derive(Debug, Clone, Copy)]
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

    /// The places of all taps of a group's channels, in the order of the weight, from the pixel's place on.
    pub fn taps(&self, plan: &Plan) -> Vec<usize> {
        let Plan { h, w, .. } = plan;
        let columns: Vec<_> = (0..w.taps)
            .map(|tap| {
                let (first, x) = (tap * w.dilation % w.stride, tap * w.dilation / w.stride);
                self.phases.partition_point(|phase| phase.first < first) * self.phase + x
            })
            .collect();
        let row = |row| row / h.taps * self.plane + row % h.taps * h.dilation * self.row;
        let rows = (0..plan.channels_in * h.taps).map(row);
        rows.flat_map(|row| columns.iter().map(move |column| row + column)).collect()
    }

    /// The runs that some output columns of a group consist of, where columns count over samples and pixels.
    pub fn runs(&self, plan: &Plan, group: usize, columns: Range<usize>) -> Vec<Run> {
        let run = |Piece { at, sample, pixel, len }| {
            let channel = (sample * plan.groups + group) * plan.channels_in;
            let (y, x) = (pixel / plan.w.output, pixel % plan.w.output);
            Run { source: channel * self.plane + y * plan.h.stride * self.row + x, at, len }
        };
        plan.rows(columns).into_iter().map(run).collect()
    }
}

/// Neighbouring output columns of one row: in the padded input from `source` on, and `len` of a panel's from `at` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub source: usize,
    pub at: usize,
    pub len: usize,
}

/// One channel laid out.
struct Lay<'a, T> {
    layout: &'a Layout,
    plan: &'a Plan,
    input: &'a [T],
    plane: &'a mut [T],
}

impl<T: Element> Work<T> for Lay<'_, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let Self { layout, plan: Plan { h, w, .. }, input, plane } = self;
        let row_of_input = |y: usize| {
            let y = y.wrapping_add_signed(-h.before);
            if y < h.input { &input[y * w.input..][..w.input] } else { &[] }
        };
        if w.stride == 1 {
            let (row, Phase { zeros, start, seen, .. }) = (layout.row, layout.phases[0]);
            // SAFETY: by contract.
            unsafe { copy::<L>(&[], &mut plane[..zeros]) };
            for y in 0..h.reach() {
                let from = row_of_input(y).get(start..).unwrap_or_default();
                // What is beyond the row's end, up to where the next one starts, is zeros of its last registers.
                let to = &mut plane[y * row + zeros..];
                let len = to.len().min(row.next_multiple_of(L::WIDTH));
                // SAFETY: by contract.
                unsafe { copy::<L>(&from[..from.len().min(seen)], &mut to[..len]) };
            }
            return;
        }
        for (y, row) in plane.chunks_exact_mut(layout.row).enumerate() {
            for (part, row) in layout.phases.iter().zip(row.chunks_exact_mut(layout.phase)) {
                let from = row_of_input(y).get(part.start..).unwrap_or_default();
                let seen = part.seen.min(from.len());
                row[..part.zeros].fill(T::zero());
                row[part.zeros + seen..].fill(T::zero());
                let row = row[part.zeros..][..seen].iter_mut();
                row.zip(from.iter().step_by(w.stride)).for_each(|(to, &x)| *to = x);
            }
        }
    }
}

/// Writes `from`, and zeros where it has ended, to all of `to`, which is as long or longer: in registers, since calls for short rows
/// would cost more than they copy.
///
/// # Safety
/// The set of `L`.
#[inline(always)]
unsafe fn copy<L: Lanes>(from: &[L::Element], to: &mut [L::Element]) {
    for (i, to) in (0..).step_by(L::WIDTH).zip(to.chunks_mut(L::WIDTH)) {
        let from = from.get(i..).unwrap_or_default();
        // SAFETY: no more numbers than the one has, and all of the other.
        unsafe {
            let numbers = match from.len().min(L::WIDTH) {
                0 => L::constant(0.0),
                count => L::load_first(from.as_ptr(), count),
            };
            numbers.store_first(to.as_mut_ptr(), to.len());
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
            let input = &input[channel * pixels..][..pixels];
            T::vectorize(Lay { layout, plan, input, plane });
            Ok(())
        })?;
        Ok(Self { layout, buffer: Some(buffer), input })
    }

    pub fn elements(&self) -> &[T] {
        self.buffer.as_deref().unwrap_or(self.input)
    }
}
