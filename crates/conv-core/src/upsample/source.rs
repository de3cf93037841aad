//! Where each output element of an upsampling comes from, along one axis.

use crate::Result;
use crate::element::room;

/// `(1 − weight) · x[low] + weight · x[high]`; with weight 0 it is `x[low]` alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Source {
    pub low: usize,
    pub high: usize,
    pub weight: f64,
}

/// The nearest element by PyTorch's rule, `⌊o · (input / output)⌋` in single precision: where the
/// product falls just short of a whole number, PyTorch and its trained networks take the element
/// below, and so does this.
pub(crate) fn nearest(op: &'static str, input: usize, output: usize) -> Result<Vec<Source>> {
    let scale = input as f32 / output as f32;
    let low = |o: usize| {
        if input == output { o } else { ((o as f32 * scale) as usize).min(input - 1) }
    };
    let mut sources = room(op, output)?;
    sources.extend((0..output).map(|o| Source { low: low(o), high: low(o), weight: 0.0 }));
    Ok(sources)
}

/// Linear interpolation. With `align_corners` the first and the last element stay where they are;
/// without it elements are areas, and half-pixel centres are mapped:
/// `(o + ½) · input / output − ½`, held inside the input.
pub(crate) fn linear(
    op: &'static str,
    input: usize,
    output: usize,
    align_corners: bool,
) -> Result<Vec<Source>> {
    let position = |o: usize| match (align_corners, output) {
        (true, 1) => 0.0,
        // Divided last, so that the last element is met exactly.
        (true, _) => o as f64 * (input - 1) as f64 / (output - 1) as f64,
        (false, _) => ((o as f64 + 0.5) * (input as f64 / output as f64) - 0.5).max(0.0),
    };
    let mut sources = room(op, output)?;
    sources.extend((0..output).map(|o| {
        let low = (position(o) as usize).min(input - 1);
        if low == input - 1 {
            Source { low, high: low, weight: 0.0 }
        } else {
            Source { low, high: low + 1, weight: position(o) - low as f64 }
        }
    }));
    Ok(sources)
}
