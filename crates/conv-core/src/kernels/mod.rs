//! The CPU kernels of a convolution: plain functions over slices and a [`Geometry`], the one place that knows how they work.
//!
//! Callers see forward pass, gradients and bias. Inside, work is cut into blocks whose sizes follow from the geometry alone, and sums are taken in
//! a fixed order, so results do not depend on the number of threads. Where a group has few output channels (a depthwise
//! convolution) rows are combined directly; else the input is unrolled (im2col) block by block and multiplied by the `gemm`
//! crate. `reference` says in a few lines what all of them compute.

mod bias;
mod blocks;
mod direct;
mod matrix;
mod product;
#[cfg(test)]
mod reference;
mod scratch;
mod shared;
mod sums;
#[cfg(test)]
mod tests;
mod unroll;

pub(crate) use bias::{bias_gradient, fill_with_bias};
pub(crate) use scratch::HasScratch;

use crate::element::Element;
use crate::geometry::Geometry;

/// Output channels of a group below which unrolling the input costs more than it saves.
const FEW_CHANNELS: usize = 4;

/// The convolution `y` of `x` with `weight`, and the bias of each output channel added.
pub(crate) fn forward<T: Element>(
    g: &Geometry,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    y: &mut [T],
) {
    let g = &g.with_long_rows();
    if g.channels_out < FEW_CHANNELS {
        direct::forward(g, x, weight, bias, y);
    } else {
        product::forward(g, x, weight, bias, y);
    }
}

/// Adds the gradient with respect to the input to `dx`.
pub(crate) fn input_gradient<T: Element>(g: &Geometry, dy: &[T], weight: &[T], dx: &mut [T]) {
    let g = &g.with_long_rows();
    if g.channels_out < FEW_CHANNELS {
        direct::input_gradient(g, dy, weight, dx);
    } else {
        product::input_gradient(g, dy, weight, dx);
    }
}

/// Adds the gradient with respect to the weight to `dweight`.
pub(crate) fn weight_gradient<T: Element>(g: &Geometry, x: &[T], dy: &[T], dweight: &mut [T]) {
    let g = &g.with_long_rows();
    if g.channels_out < FEW_CHANNELS {
        direct::weight_gradient(g, x, dy, dweight);
    } else {
        product::weight_gradient(g, x, dy, dweight);
    }
}
