//! The CPU kernels of a convolution: plain functions over slices and a [`Geometry`], the one place that knows how they work.
//!
//! | kernel | for | how |
//! |---|---|---|
//! | [`product`] | the general case | implicit GEMM over gathered columns |
//! | [`winograd`] | 3, 4 or 5 taps an axis, stride 1, many channels | products of fewer multiplications |
//! | [`direct`] | groups of few output channels | row by row |
//! | [`inner`] | windows that are the whole input, one group | inner products |
//! | [`dense`] | the same of a weight laid out before | rows times panels |
//! | [`panels`] | products that a loop elsewhere puts together | the same, a panel at a time |
//! | [`phases`] | the input's gradient, transposed convolution | convolutions of the gradient, by any of the above |
//! | [`spread`] | the same of an input much larger than the output | one product, added up where it belongs |
//! | [`sparse`] | both gradients where the output's is nearly all zero | rows of channels for what is not |
//! | [`weight`] | the weight's gradient | products of taps and turned gradients |
//!
//! Most read the input padded and split by the stride's phases ([`layout`]); matrix products are summed in a [`tile`] of vector
//! registers. Work is cut into blocks whose sizes follow from the geometry alone, and sums are taken in a fixed order, so results
//! do not depend on the number of threads. `reference` says in a few lines what all of them compute.
#![allow(unsafe_code)]

mod bias;
mod blocks;
mod dense;
mod direct;
mod finish;
mod inner;
mod layout;
mod packed;
mod panels;
mod phases;
mod product;
#[cfg(test)]
mod reference;
mod scratch;
mod shared;
mod sparse;
mod spread;
#[cfg(test)]
mod tests;
mod tile;
mod transpose;
mod weight;
mod winograd;

pub(crate) use bias::bias_gradient;
pub(crate) use blocks::fill_chunks;
pub(crate) use dense::{laid_out_len, laid_out_row, lay_out, multiply_rows};
pub(crate) use finish::Finish;
pub use panels::{PanelElement, Panels};
pub(crate) use scratch::{HasScratch, take};

use crate::element::Element;
use crate::geometry::Geometry;
use crate::memory::{Done, NoRoom, written};
use packed::{Order, Weight};

/// Output channels of a group below which packing its weight costs more than it saves.
const FEW_CHANNELS: usize = 4;

/// What is computed: `y`, the finished sums of products of `x` and `weight`. Where `y` is the gradient of an input, `x` is the output's
/// gradient.
struct Arguments<'a, T> {
    g: &'a Geometry,
    x: &'a [T],
    weight: Weight<'a, T>,
    finish: Finish<'a, T>,
    y: &'a mut [T],
}

/// The convolution of `x` with `weight`.
pub(crate) fn forward<T: Element>(
    g: &Geometry,
    x: &[T],
    weight: &[T],
    finish: Finish<'_, T>,
) -> Result<Vec<T>, NoRoom> {
    let g = &g.simplified();
    let weight = Weight { elements: weight, order: Order::plain(g, finish.gate) };
    let sums = g.groups * g.channels_out * g.columns();
    let len = if finish.gate { sums / 2 } else { sums };
    // SAFETY: every kernel writes all outputs; in debug builds they are NaN before, which tests see.
    unsafe { written(len, |y| convolve(Arguments { g, x, weight, finish, y })) }
}

/// The gradient with respect to the input, finished as if it were an output.
pub(crate) fn input_gradient<T: Element>(
    g: &Geometry,
    dy: &[T],
    weight: &[T],
    finish: Finish<'_, T>,
) -> Result<Vec<T>, NoRoom> {
    let g = &g.simplified();
    let weight = Weight { elements: weight, order: Order::plain(g, false) };
    let run = |dx: &mut [T]| {
        let of = Arguments { g, x: dy, weight, finish, y: dx };
        // Exact ones do not depend on what else is in the batch, not even in which kernel computes them.
        if !finish.exact && sparse::suits(g, dy) {
            sparse::input_gradient(of)
        } else if spread::suits(g) {
            spread::input_gradient(of)
        } else {
            phases::input_gradient(of)
        }
    };
    // SAFETY: every kernel writes the gradient of every input, as `forward`'s do.
    unsafe { written(g.batch * g.groups * g.channels_in * g.pixels_in(), run) }
}

/// The gradient with respect to the weight.
pub(crate) fn weight_gradient<T: Element>(
    g: &Geometry,
    x: &[T],
    dy: &[T],
) -> Result<Vec<T>, NoRoom> {
    let g = &g.simplified();
    let run = |dweight: &mut [T]| {
        if g.columns() == 0 {
            dweight.fill(T::zero());
            Ok(())
        } else if sparse::suits(g, dy) {
            sparse::weight_gradient(g, x, dy, dweight)
        } else if g.channels_out < FEW_CHANNELS {
            direct::weight_gradient(g, x, dy, dweight)
        } else {
            weight::gradient(g, x, dy, dweight)
        }
    };
    // SAFETY: every kernel writes the whole gradient, as `forward`'s do.
    unsafe { written(g.groups * g.channels_out * g.depth(), run) }
}

/// The convolution by the kernel that suits it.
fn convolve<T: Element>(of: Arguments<'_, T>) -> Done {
    let Arguments { g, weight, finish, .. } = of;
    if g.columns() == 0 {
        Ok(())
    } else if inner::suits(g, weight.order) {
        inner::convolve(of)
    } else if g.channels_out < FEW_CHANNELS && !finish.gate {
        direct::convolve(of)
    } else if let Some(turns) = winograd::turns::<T>(g).filter(|_| !finish.exact) {
        winograd::convolve(of, turns)
    } else {
        product::convolve(of)
    }
}
