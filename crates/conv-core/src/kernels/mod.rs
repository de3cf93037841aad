//! The CPU kernels of a convolution: plain functions over slices and a [`Geometry`], the one place that knows how they work.
//!
//! | kernel | for | how |
//! |---|---|---|
//! | [`product`] | the general case | implicit GEMM over gathered columns |
//! | [`winograd`] | 3, 4 or 5 taps an axis, stride 1, many channels | products of fewer multiplications |
//! | [`direct`] | groups of few output channels | row by row |
//! | [`inner`] | windows that are the whole input | inner products |
//! | [`phases`] | the input's gradient, transposed convolution | convolutions of the gradient, by any of the above |
//! | [`spread`] | the same of an input much larger than the output | one product, added up where it belongs |
//! | [`sparse`] | both gradients where the output's is nearly all zero | rows of channels for what is not |
//! | [`weight`] | the weight's gradient | products of taps and turned gradients |
//!
//! Most read the input padded and split by the stride's phases ([`plan`]); matrix products are summed in a [`tile`] of vector
//! registers. Work is cut into blocks whose sizes follow from the geometry alone, and sums are taken in a fixed order, so results
//! do not depend on the number of threads. `reference` says in a few lines what all of them compute.

mod bias;
mod blocks;
mod direct;
mod finish;
mod inner;
mod packed;
mod phases;
mod plan;
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
pub(crate) use blocks::each_chunk;
pub(crate) use finish::Finish;
pub(crate) use scratch::{Done, HasScratch, take, written};

use crate::element::Element;
use crate::geometry::Geometry;
use packed::{Order, Weight};
use plan::Plan;

/// Output channels of a group below which packing its weight costs more than it saves.
const FEW_CHANNELS: usize = 4;

/// The convolution `y` of `x` with `weight`.
pub(crate) fn forward<T: Element>(
    g: &Geometry,
    x: &[T],
    weight: &[T],
    finish: Finish<'_, T>,
    y: &mut [T],
) -> Done {
    let plan = Plan::from(&g.with_long_rows());
    let order = Order {
        start: 0,
        group: plan.channels_out * plan.depth(),
        output: plan.depth(),
        input: plan.taps(),
        row: plan.w.taps as isize,
        column: 1,
        half: if finish.gate { plan.channels_out / 2 } else { 0 },
    };
    convolve(&plan, x, Weight { elements: weight, order }, finish, y)
}

/// The gradient `dx` with respect to the input, finished as if it were an output.
pub(crate) fn input_gradient<T: Element>(
    g: &Geometry,
    dy: &[T],
    weight: &[T],
    finish: Finish<'_, T>,
    dx: &mut [T],
) -> Done {
    let plan = Plan::from(&g.with_long_rows());
    // Exact ones do not depend on what else is in the batch, not even in which kernel computes them.
    if !finish.exact && sparse::suits(&plan, dy) {
        sparse::input_gradient(&plan, dy, weight, finish, dx)
    } else if spread::suits(&plan) {
        spread::input_gradient(&plan, dy, weight, finish, dx)
    } else {
        phases::input_gradient(&plan, dy, weight, finish, dx)
    }
}

/// The gradient `dweight` with respect to the weight.
pub(crate) fn weight_gradient<T: Element>(
    g: &Geometry,
    x: &[T],
    dy: &[T],
    dweight: &mut [T],
) -> Done {
    let plan = Plan::from(&g.with_long_rows());
    if plan.columns() == 0 {
        dweight.fill(T::zero());
        Ok(())
    } else if sparse::suits(&plan, dy) {
        sparse::weight_gradient(&plan, x, dy, dweight)
    } else if plan.channels_out < FEW_CHANNELS {
        direct::weight_gradient(&plan, x, dy, dweight)
    } else {
        weight::gradient(&plan, x, dy, dweight)
    }
}

/// The convolution of `plan` by the kernel that suits it.
fn convolve<T: Element>(
    plan: &Plan,
    x: &[T],
    weight: Weight<'_, T>,
    finish: Finish<'_, T>,
    y: &mut [T],
) -> Done {
    if plan.columns() == 0 {
        Ok(())
    } else if inner::suits(plan, &weight, finish.exact) {
        inner::convolve(plan, x, weight, finish, y)
    } else if plan.channels_out < FEW_CHANNELS && !finish.gate {
        direct::convolve(plan, x, weight, finish, y)
    } else if let Some(turns) = winograd::turns::<T>(plan).filter(|_| !finish.exact) {
        winograd::convolve(plan, turns, x, weight, finish, y)
    } else {
        product::convolve(plan, x, weight, finish, y)
    }
}
