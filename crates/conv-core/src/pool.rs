//! Maximum and average pooling, in one and two dimensions.
//!
//! Window `o` of an axis sees the elements `o·stride + j·dilation − padding` for each position `j`
//! of the kernel; 1-D pooling is 2-D pooling of height 1.

mod axis;
mod columns;
mod composed;
mod config;
mod op;
mod plane;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
mod window;

use candle_core::{Shape, Tensor};

use crate::element::compute_dtype;
use crate::geometry::{Axis, Request, fits};
use crate::{Error, Padding2d, Result};
pub(crate) use op::{Pool, Reduction};
use window::Windows;

pub use composed::first_argmax;
pub use config::{Pool1dConfig, Pool2dConfig};

/// The largest element under each window.
///
/// The gradient goes to the first of equal maxima. A window with a NaN gives NaN, and its gradient
/// goes to the first NaN.
///
/// # Shapes
/// `x`: `[B, C, T]` → `[B, C, T']` with
/// `T' = ⌊(T + padding − dilation·(kernel − 1) − 1) / stride⌋ + 1`, `⌈…⌉` in ceil mode.
///
/// # Errors
/// Another number of dimensions; an element type other than f64, f32, f16 and bf16 (these two are
/// computed in f32); a zero kernel, stride or dilation; a kernel wider than the padded input (in
/// ceil mode by a stride or more); a window that sees padding only; sizes that overflow or exceed
/// memory.
pub fn max_pool1d(x: &Tensor, config: &Pool1dConfig) -> Result<Tensor> {
    pool1d("max_pool1d", x, config, Reduction::Max)
}

/// The mean of the elements under each window.
///
/// # Shapes
/// As [`max_pool1d`].
///
/// # Errors
/// As [`max_pool1d`].
pub fn avg_pool1d(x: &Tensor, config: &Pool1dConfig) -> Result<Tensor> {
    pool1d("avg_pool1d", x, config, Reduction::Mean { with_padding: config.count_include_pad })
}

/// The largest element under each window, as [`max_pool1d`]; "first" is in row-major order.
///
/// # Shapes
/// `x`: `[B, C, H, W]` → `[B, C, H', W']`, each axis as in [`max_pool1d`].
///
/// # Errors
/// As [`max_pool1d`].
pub fn max_pool2d(x: &Tensor, config: &Pool2dConfig) -> Result<Tensor> {
    run(pool2d("max_pool2d", x, config, Reduction::Max)?, x)
}

/// The mean of the elements under each window.
///
/// # Shapes
/// As [`max_pool2d`].
///
/// # Errors
/// As [`max_pool1d`].
pub fn avg_pool2d(x: &Tensor, config: &Pool2dConfig) -> Result<Tensor> {
    let with_padding = config.count_include_pad;
    run(pool2d("avg_pool2d", x, config, Reduction::Mean { with_padding })?, x)
}

/// The largest element of each channel, as [`max_pool1d`] over all places.
///
/// # Shapes
/// `x`: `[B, C, T]` or `[B, C, H, W]` → `[B, C]`.
///
/// # Errors
/// As [`max_pool1d`], the input being at least 1 in each direction.
pub fn global_max_pool(x: &Tensor) -> Result<Tensor> {
    global_pool("global_max_pool", x, Reduction::Max)
}

/// The mean of each channel.
///
/// # Shapes
/// `x`: `[B, C, T]` or `[B, C, H, W]` → `[B, C]`.
///
/// # Errors
/// As [`global_max_pool`].
pub fn global_avg_pool(x: &Tensor) -> Result<Tensor> {
    global_pool("global_avg_pool", x, Reduction::Mean { with_padding: false })
}

fn global_pool(op: &'static str, x: &Tensor, reduction: Reduction) -> Result<Tensor> {
    let (batch, channels, places, axis) = match *x.dims() {
        [batch, channels, time] => (batch, channels, time, "time"),
        [batch, channels, height, width] => {
            (batch, channels, height.saturating_mul(width), "height and width")
        }
        _ => return Err(rank(op, x, "[B, C, T] or [B, C, H, W]")),
    };
    let config = Pool2dConfig { kernel: (1, places.max(1)), ..Default::default() };
    let windows = windows(op, [batch, channels, 1, places], ["height", axis], &config)?;
    run(Pool { op, windows, reduction, output: Shape::from((batch, channels)) }, x)
}

fn pool1d(
    op: &'static str,
    x: &Tensor,
    config: &Pool1dConfig,
    reduction: Reduction,
) -> Result<Tensor> {
    let &[batch, channels, time] = x.dims() else {
        return Err(rank(op, x, "[B, C, T]"));
    };
    let config = Pool2dConfig {
        kernel: (1, config.kernel),
        stride: config.stride.map(|stride| (1, stride)),
        padding: Padding2d::columns(config.padding),
        dilation: (1, config.dilation),
        ceil_mode: config.ceil_mode,
        count_include_pad: config.count_include_pad,
    };
    let windows = windows(op, [batch, channels, 1, time], ["height", "time"], &config)?;
    let output = Shape::from((batch, channels, windows.cols.output));
    run(Pool { op, windows, reduction, output }, x)
}

pub(crate) fn pool2d(
    op: &'static str,
    x: &Tensor,
    config: &Pool2dConfig,
    reduction: Reduction,
) -> Result<Pool> {
    let &[batch, channels, height, width] = x.dims() else {
        return Err(rank(op, x, "[B, C, H, W]"));
    };
    let windows = windows(op, [batch, channels, height, width], ["height", "width"], config)?;
    let output = Shape::from((batch, channels, windows.rows.output, windows.cols.output));
    Ok(Pool { op, windows, reduction, output })
}

/// The windows over `[B, C, H, W]`, checked; `axes` are the names of the last two.
fn windows(
    op: &'static str,
    [batch, channels, height, width]: [usize; 4],
    axes: [&'static str; 2],
    config: &Pool2dConfig,
) -> Result<Windows> {
    let stride = config.stride.unwrap_or(config.kernel);
    let Padding2d { top, bottom, left, right } = config.padding;
    let rows = Request {
        axis: axes[0],
        size: height,
        kernel: config.kernel.0,
        stride: stride.0,
        dilation: config.dilation.0,
        padding: (top, bottom),
    };
    let cols = Request {
        axis: axes[1],
        size: width,
        kernel: config.kernel.1,
        stride: stride.1,
        dilation: config.dilation.1,
        padding: (left, right),
    };
    let rows = Axis::pooling(op, rows, config.ceil_mode)?;
    let cols = Axis::pooling(op, cols, config.ceil_mode)?;
    fits(op, "input", &[batch, channels, height, width])?;
    fits(op, "output", &[batch, channels, rows.output, cols.output])?;
    rows.check_windows(op, axes[0])?;
    cols.check_windows(op, axes[1])?;
    Ok(Windows { rows, cols, after: (bottom, right) })
}

fn run(pool: Pool, x: &Tensor) -> Result<Tensor> {
    let computed = x.to_dtype(compute_dtype(pool.op, x.dtype())?)?;
    let y = if x.device().is_cpu() {
        computed.apply_op1(pool)?
    } else {
        composed::pool(pool.op, &computed, &pool.windows, pool.reduction)?.reshape(pool.output)?
    };
    Ok(y.to_dtype(x.dtype())?)
}

fn rank(op: &'static str, x: &Tensor, expected: &'static str) -> Error {
    Error::Rank { op, argument: "input", found: x.dims().to_vec(), expected }
}
