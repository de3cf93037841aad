//! The gradient of a convolution's input where the input is much larger than the output, as for a kernel that spans the image: all
//! products of a pixel's gradients with the weight by one matrix product, then each added where its tap has seen the input.
//!
//! [`phases`](super::phases) would multiply zeros there: it computes a sum over all taps for each element of the input.

use super::blocks::{each_chunk, split};
use super::convolve;
use super::finish::Finish;
use super::packed::{Order, Weight};
use super::plan::{Plan, Side};
use super::scratch::{Done, take};
use crate::element::Element;

/// Products that are in memory at once, where a single sample has not more.
const PRODUCTS: usize = 1 << 22;
/// Products that there may be for each element of the input.
const PRODUCTS_OF_INPUT: usize = 16;

/// Whether this kernel has less to do than convolutions of the gradient.
pub(super) fn suits(plan: &Plan) -> bool {
    let (taps, pixels_in, pixels_out) = (plan.taps(), plan.pixels_in(), plan.pixels_out());
    let phases = plan.h.stride.saturating_mul(plan.w.stride);
    taps > phases
        && pixels_in / phases > 2 * pixels_out
        && taps.saturating_mul(pixels_out) / PRODUCTS_OF_INPUT <= pixels_in
}

/// `dx` = the gradient of the input of `plan`, finished.
pub(super) fn input_gradient<T: Element>(
    plan: &Plan,
    dy: &[T],
    weight: &[T],
    finish: Finish<'_, T>,
    dx: &mut [T],
) -> Done {
    let (input, row, column, half) = (plan.depth(), 0, 0, 0);
    let order =
        Order { start: 0, group: plan.channels_out * input, output: 1, input, row, column, half };
    let weight = Weight { elements: weight, order };
    let pixels = |side: &Side| {
        let (input, output) = (side.output, side.output);
        Side { input, taps: 1, stride: 1, dilation: 1, before: 0, output }
    };
    let (inputs, outputs) = (plan.groups * plan.channels_in, plan.groups * plan.channels_out);
    let of_channel = plan.taps() * plan.pixels_out();
    for samples in split(plan.batch, PRODUCTS / inputs.saturating_mul(of_channel)) {
        let part = |len: usize| samples.start * len..samples.end * len;
        let products_of = Plan {
            batch: samples.len(),
            channels_in: plan.channels_out,
            channels_out: plan.depth(),
            h: pixels(&plan.h),
            w: pixels(&plan.w),
            ..*plan
        };
        let mut products = take((samples.len() * inputs).saturating_mul(of_channel))?;
        let plain = Finish { bias: None, rectify: false, ..finish };
        let dy = &dy[part(outputs * plan.pixels_out())];
        convolve(&products_of, dy, weight, plain, &mut products)?;
        let dx = &mut dx[part(inputs * plan.pixels_in())];
        each_chunk(dx, plan.pixels_in(), products.len(), |number, dx| {
            dx.fill(T::zero());
            spread(plan, &products[number * of_channel..][..of_channel], dx);
            finish.apply(number % inputs, dx);
            Ok(())
        })?;
    }
    Ok(())
}

/// Adds the products of one channel, `[tap][output pixel]`, to where they belong.
fn spread<T: Element>(plan: &Plan, products: &[T], dx: &mut [T]) {
    let Plan { h, w, .. } = plan;
    let mut of_taps = products.chunks_exact(plan.pixels_out());
    for ky in 0..h.taps {
        for (kx, of_tap) in (0..w.taps).zip(&mut of_taps) {
            let (rows, columns) = (h.inside(ky), w.inside(kx));
            for y in rows.filter(|_| !columns.is_empty()) {
                let row = &of_tap[y * w.output..][columns.clone()];
                let place = h.position(y, ky) * w.input + w.position(columns.start, kx);
                let dx = dx[place..].iter_mut().step_by(w.stride);
                dx.zip(row).for_each(|(dx, &product)| *dx += product);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Result;
    use crate::geometry::{Axis, Geometry, Request};

    #[test]
    fn it_is_for_inputs_much_larger_than_the_output_alone() -> Result<()> {
        let axis = |size, kernel, stride, padding| {
            let padding = (padding, padding);
            let request = Request { axis: "width", size, kernel, stride, dilation: 1, padding };
            Axis::convolution("conv", request)
        };
        let suits = |h, w| {
            let geometry = Geometry { batch: 1, groups: 1, channels_in: 1, channels_out: 1, h, w };
            suits(&Plan::from(&geometry))
        };
        assert!(suits(axis(6, 6, 1, 0)?, axis(6, 6, 1, 0)?));
        assert!(suits(axis(50, 5, 1, 0)?, axis(300, 300, 1, 0)?));
        assert!(!suits(axis(224, 3, 1, 1)?, axis(224, 3, 1, 1)?));
        assert!(!suits(axis(224, 7, 2, 3)?, axis(224, 7, 2, 3)?));
        assert!(!suits(axis(56, 1, 2, 0)?, axis(56, 1, 2, 0)?));
        assert!(!suits(axis(32, 16, 16, 0)?, axis(224, 16, 16, 0)?));
        // Too much room for the products.
        assert!(!suits(axis(1, 1, 1, 0)?, axis(16_000, 12_000, 1, 0)?));
        Ok(())
    }
}
