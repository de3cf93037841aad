//! The gradient of a convolution's input, which is also the transposed convolution: convolutions of the output's gradient.
//!
//! With stride 1 it is one, with the kernel turned around. With stride 2 the input's even and odd elements see different taps and
//! are a convolution each, of the stride 1, with half of the taps; and so on for every stride, along both axes.

use super::blocks::each_chunk;
use super::convolve;
use super::finish::Finish;
use super::packed::{Order, Weight};
use super::plan::{Plan, Side};
use super::scratch::{Done, take};
use crate::element::Element;

/// The input elements `first + i · stride` of one axis, as outputs of a convolution over the gradient.
struct Phase {
    first: usize,
    side: Side,
    /// The kernel's tap that is this convolution's last one, and from one of its taps to the one before.
    tap: usize,
    step: usize,
}

impl Phase {
    /// Those that see a tap. There are as many as taps at most, however large the stride.
    fn all(side: &Side) -> Vec<Self> {
        let (stride, dilation) = (side.stride, side.dilation);
        let divisor = gcd(stride, dilation);
        let (step, dilation_of_phase) = (stride / divisor, dilation / divisor);
        (0..side.taps.min(step))
            .filter_map(|tap| {
                // The first element that meets the gradient at this tap.
                let first = (tap * dilation) as isize - side.before;
                let first = first.rem_euclid(stride as isize) as usize;
                if first >= side.input {
                    return None;
                }
                let place = first as isize + side.before;
                let taps = (side.taps - tap).div_ceil(step);
                let meeting = (place - (tap * dilation) as isize).div_euclid(stride as isize);
                let reach = (taps - 1) * dilation_of_phase;
                let side = Side {
                    input: side.output,
                    taps,
                    stride: 1,
                    dilation: dilation_of_phase,
                    before: reach as isize - meeting,
                    output: (side.input - first).div_ceil(stride),
                };
                Some(Self { first, side, tap, step })
            })
            .collect()
    }

    /// The kernel's tap that is this convolution's first one.
    fn first_tap(&self) -> usize {
        self.tap + (self.side.taps - 1) * self.step
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// `dx` = the gradient of the input of `plan`, plus a bias for each of its channels.
pub(super) fn input_gradient<T: Element>(
    plan: &Plan,
    dy: &[T],
    weight: &[T],
    finish: Finish<'_, T>,
    dx: &mut [T],
) -> Done {
    let (rows, columns) = (Phase::all(&plan.h), Phase::all(&plan.w));
    let part = |row: &Phase, column: &Phase, dx: &mut [T]| {
        let turned = Plan {
            channels_in: plan.channels_out,
            channels_out: plan.channels_in,
            h: row.side,
            w: column.side,
            ..*plan
        };
        let order = Order {
            start: row.first_tap() * plan.w.taps + column.first_tap(),
            group: plan.channels_out * plan.depth(),
            output: plan.taps(),
            input: plan.depth(),
            row: -((row.step * plan.w.taps) as isize),
            column: -(column.step as isize),
            half: 0,
        };
        let weight = Weight { elements: weight, order };
        convolve(&turned, dy, weight, finish, dx)
    };
    if let ([row], [column]) = (&rows[..], &columns[..])
        && (plan.h.stride, plan.w.stride) == (1, 1)
    {
        return part(row, column, dx);
    }
    let channels = plan.batch * plan.groups * plan.channels_in;
    let phases: Vec<_> = rows.iter().flat_map(|r| columns.iter().map(move |c| (r, c))).collect();
    let mut parts = Vec::with_capacity(phases.len());
    for (row, column) in &phases {
        let mut of_phase = take(channels * row.side.output * column.side.output)?;
        part(row, column, &mut of_phase)?;
        parts.push(of_phase);
    }
    let width = plan.w.input;
    let all = plan.h.stride.min(plan.h.input).saturating_mul(plan.w.stride.min(width));
    let work = dx.len();
    each_chunk(dx, plan.pixels_in(), work, |channel, dx| {
        if phases.len() < all {
            // What no tap has seen.
            dx.fill(T::zero());
            finish.apply(channel % (plan.groups * plan.channels_in), dx);
        }
        for ((row, column), part) in phases.iter().zip(&parts) {
            let len = row.side.output * column.side.output;
            let part = part[channel * len..][..len].chunks_exact(column.side.output);
            let dx = dx[row.first * width..].chunks_mut(width * plan.h.stride);
            for (dx, part) in dx.zip(part) {
                let dx = dx[column.first..width].iter_mut().step_by(plan.w.stride);
                dx.zip(part).for_each(|(dx, &part)| *dx = part);
            }
        }
        Ok(())
    })
}
