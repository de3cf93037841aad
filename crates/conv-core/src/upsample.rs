//! Nearest and linear interpolation to any size, larger or smaller; 1-D is 2-D of height 1.

mod composed;
mod kernel;
mod op;
mod source;
#[cfg(test)]
mod tests;

use candle_core::{Shape, Tensor};

use crate::element::compute_dtype;
use crate::geometry::fits;
use crate::{Error, Result};
use op::Upsample;
use source::{Source, linear, nearest};

/// Repeats or leaves out elements: element `o` of the result is `⌊o·T / size⌋` of `x`.
///
/// The quotient `T / size` is taken in single precision, as PyTorch does for f32, f16 and bf16 (and
/// unlike its `nearest-exact`): the results of networks trained there carry over, also where
/// rounding makes the floor one less. So it is for f64 here; PyTorch takes other elements there at
/// about one size in a hundred.
///
/// ```
/// use candle_core::{Device, Tensor};
///
/// let x = Tensor::new(&[[[1f32, 2., 3.]]], &Device::Cpu)?;
/// let y = conv_core::upsample_nearest1d(&x, 5)?;
/// assert_eq!(y.to_vec3::<f32>()?, [[[1., 1., 2., 2., 3.]]]);
/// # Ok::<(), conv_core::Error>(())
/// ```
///
/// # Shapes
/// `x`: `[B, C, T]` → `[B, C, size]`.
///
/// # Errors
/// Another number of dimensions; an element type other than f64, f32, f16 and bf16 (these two are
/// computed in f32); a size of 0, of input or output; sizes that overflow or exceed memory.
pub fn upsample_nearest1d(x: &Tensor, size: usize) -> Result<Tensor> {
    upsample1d("upsample_nearest1d", x, size, nearest)
}

/// Repeats or leaves out rows and columns, each as [`upsample_nearest1d`].
///
/// # Shapes
/// `x`: `[B, C, H, W]` → `[B, C, size.0, size.1]`.
///
/// # Errors
/// As [`upsample_nearest1d`].
pub fn upsample_nearest2d(x: &Tensor, size: (usize, usize)) -> Result<Tensor> {
    upsample2d("upsample_nearest2d", x, size, nearest)
}

/// Interpolates linearly between the two nearest elements.
///
/// With `align_corners` the first and last elements of `x` are those of the result. Without it,
/// elements are areas of equal width over the same span: the centre of element `o` lies at
/// `(o + ½)·T / size − ½`, held inside the input. Making smaller reads two elements for each of the
/// result, too: it does not average.
///
/// ```
/// use candle_core::{Device, Tensor};
///
/// let x = Tensor::new(&[[[0f32, 4.]]], &Device::Cpu)?;
/// let aligned = conv_core::upsample_linear1d(&x, 5, true)?;
/// assert_eq!(aligned.to_vec3::<f32>()?, [[[0., 1., 2., 3., 4.]]]);
/// let areas = conv_core::upsample_linear1d(&x, 4, false)?;
/// assert_eq!(areas.to_vec3::<f32>()?, [[[0., 1., 3., 4.]]]);
/// # Ok::<(), conv_core::Error>(())
/// ```
///
/// # Shapes
/// `x`: `[B, C, T]` → `[B, C, size]`.
///
/// # Errors
/// As [`upsample_nearest1d`].
pub fn upsample_linear1d(x: &Tensor, size: usize, align_corners: bool) -> Result<Tensor> {
    upsample1d("upsample_linear1d", x, size, |op, input, output| {
        linear(op, input, output, align_corners)
    })
}

/// Interpolates linearly along both axes, each as [`upsample_linear1d`].
///
/// # Shapes
/// `x`: `[B, C, H, W]` → `[B, C, size.0, size.1]`.
///
/// # Errors
/// As [`upsample_nearest1d`].
pub fn upsample_bilinear2d(
    x: &Tensor,
    size: (usize, usize),
    align_corners: bool,
) -> Result<Tensor> {
    upsample2d("upsample_bilinear2d", x, size, |op, input, output| {
        linear(op, input, output, align_corners)
    })
}

fn upsample1d(
    op: &'static str,
    x: &Tensor,
    size: usize,
    sources: impl Fn(&'static str, usize, usize) -> Result<Vec<Source>>,
) -> Result<Tensor> {
    let &[batch, channels, time] = x.dims() else {
        return Err(rank(op, x, "[B, C, T]"));
    };
    check(op, x, &[batch, channels, size])?;
    let sources = (sources(op, 1, 1)?, sources(op, time, size)?);
    run(op, x, (1, time), sources, Shape::from((batch, channels, size)))
}

fn upsample2d(
    op: &'static str,
    x: &Tensor,
    size: (usize, usize),
    sources: impl Fn(&'static str, usize, usize) -> Result<Vec<Source>>,
) -> Result<Tensor> {
    let &[batch, channels, height, width] = x.dims() else {
        return Err(rank(op, x, "[B, C, H, W]"));
    };
    check(op, x, &[batch, channels, size.0, size.1])?;
    let sources = (sources(op, height, size.0)?, sources(op, width, size.1)?);
    run(op, x, (height, width), sources, Shape::from((batch, channels, size.0, size.1)))
}

/// Refuses sizes of 0 and such that overflow.
fn check(op: &'static str, x: &Tensor, output: &[usize]) -> Result<()> {
    for (what, dims) in [("input size", x.dims()), ("output size", output)] {
        if dims[2..].contains(&0) {
            return Err(Error::Zero { op, what });
        }
    }
    fits(op, "input", x.dims())?;
    fits(op, "output", output)
}

fn run(
    op: &'static str,
    x: &Tensor,
    input: (usize, usize),
    (rows, cols): (Vec<Source>, Vec<Source>),
    output: Shape,
) -> Result<Tensor> {
    let computed = x.to_dtype(compute_dtype(op, x.dtype())?)?;
    let y = if x.device().is_cpu() {
        computed.apply_op1(Upsample { op, input, rows, cols, output })?
    } else {
        composed::upsample(&computed, input, &rows, &cols)?.reshape(output)?
    };
    Ok(y.to_dtype(x.dtype())?)
}

fn rank(op: &'static str, x: &Tensor, expected: &'static str) -> Error {
    Error::Rank { op, argument: "input", found: x.dims().to_vec(), expected }
}
