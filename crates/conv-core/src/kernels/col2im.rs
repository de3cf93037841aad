//! The gradient of a convolution's input where the input is much larger than the output, as for a
//! kernel that spans the image: all products of a pixel's gradients with the weight by one matrix
//! product, then each added where its tap has seen the input.
//!
//! [`subpixel`](super::subpixel) would multiply zeros there: it computes a sum over all taps for
//! each element of the input.

use super::blocks::{each_chunk, split};
use super::epilogue::Epilogue;
use super::packed::{Strides, Weight};
use super::scratch::acquire;
use super::{Arguments, convolve};
use crate::element::Element;
use crate::geometry::{Axis, Geometry};
use crate::memory::AllocResult;

/// Products that are in memory at once, where a single sample has not more.
const PRODUCTS: usize = 1 << 22;
/// Products that there may be for each element of the input.
const PRODUCTS_OF_INPUT: usize = 16;

/// Whether this kernel has less to do than convolutions of the gradient.
pub(super) fn suits(g: &Geometry) -> bool {
    let taps = g.taps();
    let pixels_in = g.pixels_in();
    let pixels_out = g.pixels_out();
    let phases = g.h.stride.saturating_mul(g.w.stride);
    taps > phases
        && pixels_in / phases > 2 * pixels_out
        && taps.saturating_mul(pixels_out) / PRODUCTS_OF_INPUT <= pixels_in
}

/// `dx` = the gradient of the input of `g`, finished.
pub(super) fn input_gradient<T: Element>(of: Arguments<'_, T>) -> AllocResult {
    let Arguments { g, x: dy, weight, epilogue, y: dx } = of;
    let input = g.depth();
    let row = 0;
    let column = 0;
    let half = 0;
    let strides =
        Strides { start: 0, group: g.channels_out * input, output: 1, input, row, column, half };
    let weight = Weight { strides, ..weight };
    let pixels = |axis: &Axis| {
        let (input, output) = (axis.output, axis.output);
        Axis { input, kernel: 1, stride: 1, dilation: 1, offset: 0, output }
    };
    let inputs = g.groups * g.channels_in;
    let outputs = g.groups * g.channels_out;
    let of_channel = g.taps() * g.pixels_out();
    for samples in split(g.batch, PRODUCTS / inputs.saturating_mul(of_channel)) {
        let part = |len: usize| samples.start * len..samples.end * len;
        let products_of = Geometry {
            batch: samples.len(),
            channels_in: g.channels_out,
            channels_out: g.depth(),
            h: pixels(&g.h),
            w: pixels(&g.w),
            ..*g
        };
        let mut products = acquire((samples.len() * inputs).saturating_mul(of_channel))?;
        let plain = Epilogue { bias: None, relu: false, ..epilogue };
        let dy = &dy[part(outputs * g.pixels_out())];
        let y = &mut products;
        convolve(Arguments { g: &products_of, x: dy, weight, epilogue: plain, y })?;
        let dx = &mut dx[part(inputs * g.pixels_in())];
        each_chunk(dx, g.pixels_in(), products.len(), |number, dx| {
            dx.fill(T::zero());
            spread(g, &products[number * of_channel..][..of_channel], dx);
            epilogue.apply(number % inputs, dx);
            Ok(())
        })?;
    }
    Ok(())
}

/// Adds the products of one channel, `[tap][output pixel]`, to where they belong.
fn spread<T: Element>(g: &Geometry, products: &[T], dx: &mut [T]) {
    let Geometry { h, w, .. } = g;
    let mut of_taps = products.chunks_exact(g.pixels_out());
    for ky in 0..h.kernel {
        for (kx, of_tap) in (0..w.kernel).zip(&mut of_taps) {
            let rows = h.inside(ky);
            let columns = w.inside(kx);
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
            suits(&geometry)
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
