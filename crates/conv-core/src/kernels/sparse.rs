//! Both gradients where nearly all of the output's is zero, as behind a maximum over time: what does not count is not multiplied.
//!
//! Channels are turned to lie side by side, so that an output's share in a gradient is a row of a tap's channels times a number.
//! A kernel that spans fifty positions has fifty times less to do than the general one.
#![allow(unsafe_code)]

use super::Finish;
use super::blocks::each_chunk;
use super::plan::Plan;
use super::scratch::{Buffer, Done, NoRoom, take};
use super::weight::transpose;
use crate::element::Element;
use crate::simd::{Lanes, Work};

/// Of so many numbers at most one is not zero.
const SPARSE: usize = 16;
/// Channels of the input from which rows of them are worth turning.
const CHANNELS: usize = 16;

/// Whether these kernels have less to do for the gradient `dy` of the output of `plan`.
pub(super) fn suits<T: Element>(plan: &Plan, dy: &[T]) -> bool {
    plan.channels_in >= CHANNELS && {
        let most = dy.len() / SPARSE;
        let mut found = 0;
        // Most gradients are found dense after a few of them.
        dy.chunks(4096).all(|chunk| {
            found += chunk.iter().filter(|&&dy| dy != T::zero()).count();
            found <= most
        })
    }
}

/// One matrix of `rows` by `columns` for each of `count`, turned.
fn turned<T: Element>(
    count: usize,
    (rows, columns): (usize, usize),
    from: &[T],
) -> Result<Buffer<T>, NoRoom> {
    let len = rows * columns;
    let mut to = take(count * len)?;
    let work = to.len();
    each_chunk(&mut to, len, work, |number, to| {
        T::vectorize(Turn { from: &from[number * len..][..len], rows, columns, to });
        Ok(())
    })?;
    Ok(to)
}

struct Turn<'a, T> {
    from: &'a [T],
    rows: usize,
    columns: usize,
    to: &'a mut [T],
}

impl<T: Element> Work<T> for Turn<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let Self { from, rows, columns, to } = self;
        // SAFETY: by contract.
        unsafe { transpose::<L>(from, columns, (rows, columns), to, rows) }
    }
}

/// Calls `meet` with each tap that output pixel `pixel` has over the input, and with the input's pixel.
#[inline(always)]
fn each_tap(plan: &Plan, pixel: usize, mut meet: impl FnMut(usize, usize)) {
    let Plan { h, w, .. } = plan;
    let (row, column) = (pixel / w.output, pixel % w.output);
    for ky in 0..h.taps {
        let y = (row * h.stride + ky * h.dilation) as isize - h.before;
        if y < 0 || y >= h.input as isize {
            continue;
        }
        for kx in 0..w.taps {
            let x = (column * w.stride + kx * w.dilation) as isize - w.before;
            if x >= 0 && x < w.input as isize {
                meet(ky * w.taps + kx, y as usize * w.input + x as usize);
            }
        }
    }
}

/// `to += by · from`.
///
/// # Safety
/// The set of `L`.
#[inline(always)]
unsafe fn add<L: Lanes>(to: &mut [L::Element], by: L::Element, from: &[L::Element]) {
    let (len, mut i) = (to.len().min(from.len()), 0);
    // SAFETY: below `len` in both.
    unsafe {
        let by = L::splat(by);
        while i < len {
            let count = L::WIDTH.min(len - i);
            let (to, from) = (to.as_mut_ptr().add(i), from.as_ptr().add(i));
            if count == L::WIDTH {
                L::load(to).mul_add(by, L::load(from)).store(to);
            } else {
                let sum = L::load_first(to, count).mul_add(by, L::load_first(from, count));
                sum.store_first(to, count);
            }
            i += count;
        }
    }
}

/// The gradient of the weight.
pub(super) fn weight_gradient<T: Element>(
    plan: &Plan,
    x: &[T],
    dy: &[T],
    dweight: &mut [T],
) -> Done {
    let inputs = plan.groups * plan.channels_in;
    let x = turned(plan.batch, (inputs, plan.pixels_in()), x)?;
    let work = plan.work() / SPARSE;
    each_chunk(dweight, plan.depth(), work, |output, dweight| {
        T::vectorize(OfWeight { plan, x: &x, dy, output, dweight })
    })
}

/// One output channel's gradient of the weight.
struct OfWeight<'a, T> {
    plan: &'a Plan,
    /// `[sample][pixel][channel]`.
    x: &'a [T],
    dy: &'a [T],
    output: usize,
    dweight: &'a mut [T],
}

impl<T: Element> Work<T> for OfWeight<'_, T> {
    type Output = Done;

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) -> Done {
        let Self { plan, x, dy, output, dweight } = self;
        let (channels, pixels) = (plan.channels_in, plan.pixels_out());
        let (inputs, outputs) = (plan.groups * channels, plan.groups * plan.channels_out);
        let first = output / plan.channels_out * channels;
        let mut sums = take::<T>(plan.depth())?;
        sums.fill(T::zero());
        for sample in 0..plan.batch {
            let x = &x[sample * plan.pixels_in() * inputs..];
            let dy = &dy[(sample * outputs + output) * pixels..][..pixels];
            for (pixel, &dy) in dy.iter().enumerate() {
                if dy != T::zero() {
                    each_tap(
                        plan,
                        pixel,
                        #[inline(always)]
                        |tap, pixel| {
                            let x = &x[pixel * inputs + first..][..channels];
                            // SAFETY: by contract.
                            unsafe { add::<L>(&mut sums[tap * channels..][..channels], dy, x) }
                        },
                    );
                }
            }
        }
        // SAFETY: by contract.
        unsafe { transpose::<L>(&sums, channels, (plan.taps(), channels), dweight, plan.taps()) };
        Ok(())
    }
}

/// The gradient of the input, finished.
pub(super) fn input_gradient<T: Element>(
    plan: &Plan,
    dy: &[T],
    weight: &[T],
    finish: Finish<'_, T>,
    dx: &mut [T],
) -> Done {
    let outputs = plan.groups * plan.channels_out;
    let weight = turned(outputs, (plan.channels_in, plan.taps()), weight)?;
    let len = plan.groups * plan.channels_in * plan.pixels_in();
    each_chunk(dx, len, plan.work() / SPARSE, |sample, dx| {
        T::vectorize(OfInput { plan, dy, weight: &weight, finish, sample, dx })
    })
}

/// One sample's gradient of the input.
struct OfInput<'a, T> {
    plan: &'a Plan,
    dy: &'a [T],
    /// `[output channel][tap][channel]`.
    weight: &'a [T],
    finish: Finish<'a, T>,
    sample: usize,
    dx: &'a mut [T],
}

impl<T: Element> Work<T> for OfInput<'_, T> {
    type Output = Done;

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) -> Done {
        let Self { plan, dy, weight, finish, sample, dx } = self;
        let (channels, pixels) = (plan.channels_in, plan.pixels_out());
        let (inputs, outputs) = (plan.groups * channels, plan.groups * plan.channels_out);
        // `[pixel][channel]`.
        let mut sums = take::<T>(dx.len())?;
        sums.fill(T::zero());
        for output in 0..outputs {
            let first = output / plan.channels_out * channels;
            let weight = &weight[output * plan.depth()..][..plan.depth()];
            let dy = &dy[(sample * outputs + output) * pixels..][..pixels];
            for (pixel, &dy) in dy.iter().enumerate() {
                if dy != T::zero() {
                    each_tap(
                        plan,
                        pixel,
                        #[inline(always)]
                        |tap, pixel| {
                            let sums = &mut sums[pixel * inputs + first..][..channels];
                            // SAFETY: by contract.
                            unsafe { add::<L>(sums, dy, &weight[tap * channels..][..channels]) }
                        },
                    );
                }
            }
        }
        if plan.pixels_in() > 0 {
            // SAFETY: by contract.
            unsafe {
                transpose::<L>(&sums, inputs, (plan.pixels_in(), inputs), dx, plan.pixels_in())
            };
        }
        if finish.bias.is_some() || finish.rectify {
            for (channel, dx) in dx.chunks_exact_mut(plan.pixels_in().max(1)).enumerate() {
                let bias = finish.bias.map_or(T::zero(), |bias| bias[channel]);
                for dx in dx {
                    *dx += bias;
                    if finish.rectify && *dx < T::zero() {
                        *dx = T::zero();
                    }
                }
            }
        }
        Ok(())
    }
}
