//! The CPU kernels of a convolution: plain functions over slices and a [`Geometry`], the one place
//! that knows how they work.
//!
//! | kernel | for | how |
//! |---|---|---|
//! | [`implicit_gemm`] | the general case | implicit GEMM over gathered columns |
//! | [`winograd`] | 3, 4 or 5 taps an axis, stride 1, many channels | products of fewer multiplications |
//! | [`direct`] | groups of few output channels | row by row |
//! | [`dot`] | windows that are the whole input, one group | inner products |
//! | [`dense`] | the same of a weight laid out before | rows times panels |
//! | [`panels`] | products that a loop elsewhere puts together | the same, a panel at a time |
//! | [`subpixel`] | the input's gradient, transposed convolution | convolutions of the gradient, by any of the above |
//! | [`col2im`] | the same of an input much larger than the output | one product, added up where it belongs |
//! | [`sparse`] | both gradients where the output's is nearly all zero | rows of channels for what is not |
//! | [`weight_gradient`] | the weight's gradient | products of taps and transposed gradients |
//!
//! Most read the input padded and split by the stride's phases ([`layout`]); matrix products are
//! summed in a [`tile`] of vector registers. Work is cut into blocks whose sizes follow from the
//! geometry alone, and sums are taken in a fixed order, so results do not depend on the number of
//! threads. `reference` says in a few lines what all of them compute.
#![allow(unsafe_code)]

mod bias;
mod blocks;
mod col2im;
mod dense;
mod direct;
mod dot;
mod epilogue;
mod implicit_gemm;
mod layout;
mod packed;
mod panels;
#[cfg(test)]
mod reference;
mod scratch;
mod shared;
mod sparse;
mod subpixel;
#[cfg(test)]
mod tests;
mod tile;
mod transpose;
mod weight_gradient;
mod winograd;

pub(crate) use bias::bias_gradient;
pub(crate) use blocks::fill_chunks;
pub(crate) use dense::{laid_out_len, laid_out_row, lay_out, multiply_rows};
pub(crate) use epilogue::Epilogue;
pub use panels::{PanelElement, Panels};
pub(crate) use scratch::{HasScratch, acquire};

use crate::element::Element;
use crate::geometry::Geometry;
use crate::memory::{AllocError, AllocResult, written};
use packed::{Strides, Weight};

/// Output channels of a group below which packing its weight costs more than it saves.
const FEW_CHANNELS: usize = 4;

/// What is computed: `y`, the finished sums of products of `x` and `weight`. Where `y` is the
/// gradient of an input, `x` is the output's gradient.
struct Arguments<'a, T> {
    g: &'a Geometry,
    x: &'a [T],
    weight: Weight<'a, T>,
    epilogue: Epilogue<'a, T>,
    y: &'a mut [T],
}

/// The convolution of `x` with `weight`.
pub(crate) fn forward<T: Element>(
    g: &Geometry,
    x: &[T],
    weight: &[T],
    epilogue: Epilogue<'_, T>,
) -> Result<Vec<T>, AllocError> {
    let g = &g.simplified();
    let weight = Weight { elements: weight, strides: Strides::plain(g, epilogue.glu) };
    let sums = g.groups * g.channels_out * g.columns();
    let len = if epilogue.glu { sums / 2 } else { sums };
    // SAFETY: every kernel writes all outputs; in debug builds they are NaN before, which tests
    // see.
    unsafe { written(len, |y| convolve(Arguments { g, x, weight, epilogue, y })) }
}

/// The gradient with respect to the input, finished as if it were an output.
pub(crate) fn input_gradient<T: Element>(
    g: &Geometry,
    dy: &[T],
    weight: &[T],
    epilogue: Epilogue<'_, T>,
) -> Result<Vec<T>, AllocError> {
    let g = &g.simplified();
    let weight = Weight { elements: weight, strides: Strides::plain(g, false) };
    let run = |dx: &mut [T]| {
        let of = Arguments { g, x: dy, weight, epilogue, y: dx };
        // Exact ones do not depend on what else is in the batch, not even in which kernel computes
        // them.
        if !epilogue.exact && sparse::suits(g, dy) {
            sparse::input_gradient(of)
        } else if col2im::suits(g) {
            col2im::input_gradient(of)
        } else {
            subpixel::input_gradient(of)
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
) -> Result<Vec<T>, AllocError> {
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
            weight_gradient::gradient(g, x, dy, dweight)
        }
    };
    // SAFETY: every kernel writes the whole gradient, as `forward`'s do.
    unsafe { written(g.groups * g.channels_out * g.depth(), run) }
}

/// The convolution by the kernel that suits it.
fn convolve<T: Element>(of: Arguments<'_, T>) -> AllocResult {
    let Arguments { g, weight, epilogue, .. } = of;
    if g.columns() == 0 {
        Ok(())
    } else if dot::suits(g, weight.strides) {
        dot::convolve(of)
    } else if g.channels_out < FEW_CHANNELS && !epilogue.glu {
        direct::convolve(of)
    } else if let Some(transforms) = winograd::transforms::<T>(g).filter(|_| !epilogue.exact) {
        winograd::convolve(of, transforms)
    } else {
        implicit_gemm::convolve(of)
    }
}
