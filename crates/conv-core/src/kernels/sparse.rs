//! Both gradients where nearly all of the output's is zero, as behind a maximum over time: what
//! does not count is not multiplied.
//!
//! Channels are transposed to lie side by side, so that an output's share in a gradient is a row of
//! a tap's channels times a number. A kernel that spans fifty positions has fifty times less to do
//! than the general one.
#![allow(unsafe_code)]

use super::Arguments;
use super::blocks::each_chunk;
use super::scratch::{Buffer, acquire};
use super::transpose::Transpose;
use crate::element::Element;
use crate::geometry::Geometry;
use crate::memory::{AllocError, AllocResult};
use crate::simd::{Lanes, Work};

/// Of so many numbers at most one is not zero.
const SPARSE: usize = 16;
/// Channels of the input from which rows of them are worth transposing.
const CHANNELS: usize = 16;

/// Whether these kernels have less to do for the gradient `dy` of the output of `g`.
pub(super) fn suits<T: Element>(g: &Geometry, dy: &[T]) -> bool {
    g.channels_in >= CHANNELS && g.pixels_in() > 0 && {
        let most = dy.len() / SPARSE;
        let mut found = 0;
        // Most gradients are found dense after a few of them.
        dy.chunks(4096).all(|chunk| {
            found += chunk.iter().filter(|&&dy| dy != T::zero()).count();
            found <= most
        })
    }
}

/// One matrix of `rows` by `columns` for each of `count`, transposed.
fn transposed<T: Element>(
    count: usize,
    (rows, columns): (usize, usize),
    from: &[T],
) -> Result<Buffer<T>, AllocError> {
    let len = rows * columns;
    let mut to = acquire(count * len)?;
    each_chunk(&mut to, len, count * len, |number, to| {
        let from = &from[number * len..][..len];
        let size = (rows, columns);
        T::vectorize(Transpose { from, from_stride: columns, size, to, to_stride: rows });
        Ok(())
    })?;
    Ok(to)
}

/// The gradient of the weight.
pub(super) fn weight_gradient<T: Element>(
    g: &Geometry,
    x: &[T],
    dy: &[T],
    dweight: &mut [T],
) -> AllocResult {
    let inputs = g.groups * g.channels_in;
    let x = transposed(g.batch, (inputs, g.pixels_in()), x)?;
    each_chunk(dweight, g.depth(), g.work() / SPARSE, |output, dweight| {
        let first = output / g.channels_out * g.channels_in;
        let mut sums = acquire::<T>(g.depth())?;
        sums.fill(T::zero());
        for sample in 0..g.batch {
            let rows = &x[sample * g.pixels_in() * inputs + first..];
            let (to, strides) = (&mut sums, (g.channels_in, inputs));
            T::vectorize(Sums { g, dy, sample, output, rows, to, strides, of_input: false });
        }
        let from = &sums;
        let from_stride = g.channels_in;
        let to_stride = g.taps();
        let size = (g.taps(), g.channels_in);
        T::vectorize(Transpose { from, from_stride, size, to: dweight, to_stride });
        Ok(())
    })
}

/// The gradient of the input, finished.
pub(super) fn input_gradient<T: Element>(of: Arguments<'_, T>) -> AllocResult {
    let Arguments { g, x: dy, weight, epilogue, y: dx } = of;
    let inputs = g.groups * g.channels_in;
    let outputs = g.groups * g.channels_out;
    let channels = g.channels_in;
    let pixels = g.pixels_in();
    let weight = transposed(outputs, (channels, g.taps()), weight.elements)?;
    each_chunk(dx, inputs * pixels, g.work() / SPARSE, |sample, dx| {
        let mut sums = acquire::<T>(dx.len())?;
        sums.fill(T::zero());
        for output in 0..outputs {
            let rows = &weight[output * g.depth()..];
            let to = &mut sums[output / g.channels_out * channels..];
            let strides = (inputs, channels);
            T::vectorize(Sums { g, dy, sample, output, rows, to, strides, of_input: true });
        }
        let (from, size) = (&sums, (pixels, inputs));
        T::vectorize(Transpose { from, from_stride: inputs, size, to: dx, to_stride: pixels });
        for (channel, dx) in dx.chunks_exact_mut(pixels).enumerate() {
            epilogue.apply(channel, dx);
        }
        Ok(())
    })
}

/// For each number of an output channel's gradient that is not zero, and each tap that it has over
/// the input: a row of channels times the number. The gradient of the weight adds the row of a
/// pixel to that of the tap, the gradient `of_input` the other way around.
struct Sums<'a, T> {
    g: &'a Geometry,
    dy: &'a [T],
    sample: usize,
    output: usize,
    rows: &'a [T],
    to: &'a mut [T],
    /// From a row to the next of `to` and of `rows`.
    strides: (usize, usize),
    of_input: bool,
}

impl<T: Element> Work<T> for Sums<'_, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let Self { g: g @ Geometry { h, w, .. }, dy, rows, to, .. } = self;
        let channel = self.sample * g.groups * g.channels_out + self.output;
        let dy = &dy[channel * g.pixels_out()..][..g.pixels_out()];
        for (pixel, &dy) in dy.iter().enumerate().filter(|(_, dy)| **dy != T::zero()) {
            let row = pixel / w.output;
            let column = pixel % w.output;
            let taps = (0..h.kernel).flat_map(|ky| (0..w.kernel).map(move |kx| (ky, kx)));
            for (tap, (ky, kx)) in taps.enumerate() {
                let y = h.position(row, ky);
                let x = w.position(column, kx);
                // Before the input they have wrapped around.
                if y >= h.input || x >= w.input {
                    continue;
                }
                let place = y * w.input + x;
                let (to_row, row) = if self.of_input { (place, tap) } else { (tap, place) };
                let to = &mut to[to_row * self.strides.0..][..g.channels_in];
                let row = &rows[row * self.strides.1..][..g.channels_in];
                for i in (0..row.len()).step_by(L::WIDTH) {
                    let count = L::WIDTH.min(row.len() - i);
                    // SAFETY: `count` numbers of both.
                    unsafe {
                        let to = to.as_mut_ptr().add(i);
                        let from = row.as_ptr().add(i);
                        let sum = L::load_first(to, count);
                        let sum = sum.mul_add(L::splat(dy), L::load_first(from, count));
                        sum.store_first(to, count);
                    }
                }
            }
        }
    }
}
