//! The input as kernels read it: padded, and its columns split by the stride's phases; and its
//! output in pieces.

#![allow(unsafe_code)]

use std::ops::Range;

use super::blocks::{cut, each_chunk};
use super::epilogue::Piece;
use super::scratch::{Buffer, acquire};
use crate::element::Element;
use crate::geometry::Geometry;
use crate::memory::AllocError;
use crate::simd::{Lanes, Work};

impl Geometry {
    /// Some [columns](Self::columns), sample by sample.
    pub(super) fn pieces(&self, columns: Range<usize>) -> Vec<Piece> {
        self.pieces_of(columns, self.pixels_out())
    }

    /// The same, row by row.
    pub(super) fn rows(&self, columns: Range<usize>) -> Vec<Piece> {
        self.pieces_of(columns, self.w.output)
    }

    fn pieces_of(&self, columns: Range<usize>, most: usize) -> Vec<Piece> {
        let start = columns.start;
        let pixels = self.pixels_out();
        let piece = |columns: Range<usize>| Piece {
            at: columns.start - start,
            sample: columns.start / pixels,
            pixel: columns.start % pixels,
            len: columns.len(),
        };
        cut(columns, most).map(piece).collect()
    }

    /// Multiplications, as a measure of work.
    pub(super) fn work(&self) -> usize {
        let outputs = self.columns().saturating_mul(self.groups * self.channels_out);
        outputs.saturating_mul(self.depth())
    }
}

/// Where the elements of a padded input lie. With a stride of 2, a row `a b c d e` becomes
/// `a c e | b d`: then each tap of neighbouring outputs reads neighbouring elements, whatever the
/// stride. Phases that no tap reads are left out.
#[derive(Debug)]
pub(super) struct Layout {
    /// Elements from one phase of a row to the next, from a row to the next, and from a channel to
    /// the next.
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
    pub fn new(g: &Geometry) -> Self {
        let Geometry { h, w, .. } = g;
        if w.stride == 1 && h.sees_no_padding() && w.sees_no_padding() {
            let row = w.input;
            let plane = g.pixels_in();
            return Self { phase: 0, row, plane, phases: Vec::new() };
        }
        let phase = w.span().div_ceil(w.stride);
        let part = |number: usize| {
            let first = number as isize + w.offset;
            let zeros = ((-first).max(0) as usize).div_ceil(w.stride).min(phase);
            let start = (first + (zeros * w.stride) as isize) as usize;
            let seen = w.input.saturating_sub(start).div_ceil(w.stride).min(phase - zeros);
            Phase { first: number, zeros, start, seen }
        };
        let mut numbers: Vec<_> = (0..w.kernel).map(|tap| tap * w.dilation % w.stride).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let phases: Vec<_> = numbers.into_iter().map(part).collect();
        let row = phases.len() * phase;
        Self { phase, row, plane: h.span() * row, phases }
    }

    /// The places of all taps of a group's channels, in the order of the weight, from the pixel's
    /// place on.
    pub fn taps(&self, g: &Geometry) -> Vec<usize> {
        let Geometry { h, w, .. } = g;
        let columns: Vec<_> = (0..w.kernel)
            .map(|tap| {
                let first = tap * w.dilation % w.stride;
                let x = tap * w.dilation / w.stride;
                self.phases.partition_point(|phase| phase.first < first) * self.phase + x
            })
            .collect();
        let row = |row| row / h.kernel * self.plane + row % h.kernel * h.dilation * self.row;
        let rows = (0..g.channels_in * h.kernel).map(row);
        rows.flat_map(|row| columns.iter().map(move |column| row + column)).collect()
    }

    /// The runs that some output columns of a group consist of, where columns count over samples
    /// and pixels.
    pub fn runs(&self, g: &Geometry, group: usize, columns: Range<usize>) -> Vec<Run> {
        let run = |Piece { at, sample, pixel, len }| {
            let channel = (sample * g.groups + group) * g.channels_in;
            let y = pixel / g.w.output;
            let x = pixel % g.w.output;
            Run { source: channel * self.plane + y * g.h.stride * self.row + x, at, len }
        };
        g.rows(columns).into_iter().map(run).collect()
    }
}

/// Neighbouring output columns of one row: in the padded input from `source` on, and `len` of a
/// panel's from `at` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub source: usize,
    pub at: usize,
    pub len: usize,
}

/// One channel laid out.
struct Lay<'a, T> {
    layout: &'a Layout,
    g: &'a Geometry,
    input: &'a [T],
    plane: &'a mut [T],
}

impl<T: Element> Work<T> for Lay<'_, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let Self { layout, g: Geometry { h, w, .. }, input, plane } = self;
        let row_of_input = |y: usize| {
            let y = y.wrapping_add_signed(h.offset);
            if y < h.input { &input[y * w.input..][..w.input] } else { &[] }
        };
        if w.stride == 1 {
            let (row, Phase { zeros, start, seen, .. }) = (layout.row, layout.phases[0]);
            // SAFETY: by contract.
            unsafe { copy::<L>(&[], &mut plane[..zeros]) };
            for y in 0..h.span() {
                let from = row_of_input(y).get(start..).unwrap_or_default();
                // What is beyond the row's end, up to where the next one starts, is zeros of its
                // last registers.
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

/// Writes `from`, and zeros where it has ended, to all of `to`, which is as long or longer: in
/// registers, since calls for short rows would cost more than they copy.
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
    pub fn new(g: &Geometry, layout: &'a Layout, input: &'a [T]) -> Result<Self, AllocError> {
        if layout.phases.is_empty() {
            return Ok(Self { layout, buffer: None, input });
        }
        let pixels = g.pixels_in();
        let channels = g.batch * g.groups * g.channels_in;
        let mut buffer = acquire(channels.saturating_mul(layout.plane))?;
        let work = buffer.len();
        each_chunk(&mut buffer, layout.plane, work, |channel, plane| {
            let input = &input[channel * pixels..][..pixels];
            T::vectorize(Lay { layout, g, input, plane });
            Ok(())
        })?;
        Ok(Self { layout, buffer: Some(buffer), input })
    }

    pub fn elements(&self) -> &[T] {
        self.buffer.as_deref().unwrap_or(self.input)
    }

    /// Asserts that all of `taps` lie inside for each of these runs: kernels read by pointers that
    /// rely on it.
    pub fn assert_inside(&self, taps: &[usize], runs: impl IntoIterator<Item = Run>) {
        let far = taps.iter().max().copied().unwrap_or(0);
        let len = self.elements().len();
        for run in runs {
            assert!(run.source + far + run.len <= len, "{run:?} with taps to {far} of {len}");
        }
    }
}
