//! The gradient of a convolution's input, which is also the transposed convolution: convolutions of
//! the output's gradient.
//!
//! With stride 1 it is one, with the kernel flipped. With stride 2 the input's even and odd
//! elements see different taps and are a convolution each, of the stride 1, with half of the taps;
//! and so on for every stride, along both axes.

use super::blocks::each_chunk;
use super::packed::{Strides, Weight};
use super::scratch::acquire;
use super::{Arguments, convolve};
use crate::element::Element;
use crate::geometry::{Axis, Geometry};
use crate::memory::AllocResult;

/// The input elements `first + i · stride` of one axis, as outputs of a convolution over the
/// gradient.
struct Phase {
    first: usize,
    axis: Axis,
    /// The kernel's tap that is this convolution's last one, and from one of its taps to the one
    /// before.
    tap: usize,
    step: usize,
}

impl Phase {
    /// Those that see a tap. There are as many as taps at most, however large the stride.
    fn all(axis: &Axis) -> Vec<Self> {
        let (stride, dilation) = (axis.stride, axis.dilation);
        let divisor = gcd(stride, dilation);
        let step = stride / divisor;
        let dilation_of_phase = dilation / divisor;
        (0..axis.kernel.min(step))
            .filter_map(|tap| {
                // The first element that meets the gradient at this tap.
                let first = (tap * dilation) as isize + axis.offset;
                let first = first.rem_euclid(stride as isize) as usize;
                if first >= axis.input {
                    return None;
                }
                let place = first as isize - axis.offset;
                let taps = (axis.kernel - tap).div_ceil(step);
                let meeting = (place - (tap * dilation) as isize).div_euclid(stride as isize);
                let reach = (taps - 1) * dilation_of_phase;
                let axis = Axis {
                    input: axis.output,
                    kernel: taps,
                    stride: 1,
                    dilation: dilation_of_phase,
                    offset: meeting - reach as isize,
                    output: (axis.input - first).div_ceil(stride),
                };
                Some(Self { first, axis, tap, step })
            })
            .collect()
    }

    /// The kernel's tap that is this convolution's first one.
    fn first_tap(&self) -> usize {
        self.tap + (self.axis.kernel - 1) * self.step
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// `dx` = the gradient of the input of `g`, finished.
pub(super) fn input_gradient<T: Element>(of: Arguments<'_, T>) -> AllocResult {
    let Arguments { g, x: dy, weight, epilogue, y: dx } = of;
    let rows = Phase::all(&g.h);
    let columns = Phase::all(&g.w);
    let part = |row: &Phase, column: &Phase, dx: &mut [T]| {
        let flipped = Geometry {
            channels_in: g.channels_out,
            channels_out: g.channels_in,
            h: row.axis,
            w: column.axis,
            ..*g
        };
        let strides = Strides {
            start: row.first_tap() * g.w.kernel + column.first_tap(),
            group: g.channels_out * g.depth(),
            output: g.taps(),
            input: g.depth(),
            row: -((row.step * g.w.kernel) as isize),
            column: -(column.step as isize),
            half: 0,
        };
        let weight = Weight { strides, ..weight };
        convolve(Arguments { g: &flipped, x: dy, weight, epilogue, y: dx })
    };
    if let ([row], [column]) = (&rows[..], &columns[..])
        && (g.h.stride, g.w.stride) == (1, 1)
    {
        return part(row, column, dx);
    }
    let channels = g.batch * g.groups * g.channels_in;
    let phases: Vec<_> = rows.iter().flat_map(|r| columns.iter().map(move |c| (r, c))).collect();
    let mut parts = Vec::with_capacity(phases.len());
    for (row, column) in &phases {
        let mut of_phase = acquire(channels * row.axis.output * column.axis.output)?;
        part(row, column, &mut of_phase)?;
        parts.push(of_phase);
    }
    let width = g.w.input;
    let all = g.h.stride.min(g.h.input).saturating_mul(g.w.stride.min(width));
    let work = dx.len();
    each_chunk(dx, g.pixels_in(), work, |channel, dx| {
        if phases.len() < all {
            // What no tap has seen.
            dx.fill(T::zero());
            epilogue.apply(channel % (g.groups * g.channels_in), dx);
        }
        for ((row, column), part) in phases.iter().zip(&parts) {
            let len = row.axis.output * column.axis.output;
            let part = part[channel * len..][..len].chunks_exact(column.axis.output);
            let dx = dx[row.first * width..].chunks_mut(width * g.h.stride);
            for (dx, part) in dx.zip(part) {
                let dx = dx[column.first..width].iter_mut().step_by(g.w.stride);
                dx.zip(part).for_each(|(dx, &part)| *dx = part);
            }
        }
        Ok(())
    })
}
