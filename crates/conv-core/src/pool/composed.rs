//! Pooling from candle's own operations, for the devices that have no kernel here. Only such are
//! used whose gradient is right: selecting, gathering and adding up.

use candle_core::{D, DType, Device, Result, Tensor};

use super::op::Reduction;
use super::window::Windows;
use crate::geometry::Axis;

pub(crate) fn pool(
    op: &'static str,
    x: &Tensor,
    windows: &Windows,
    reduction: Reduction,
) -> Result<Tensor> {
    let x = x.reshape((x.dim(0)?, x.dim(1)?, windows.rows.input, windows.cols.input))?;
    match reduction {
        // candle reduces nothing empty to a maximum; of what is empty the mean will do.
        Reduction::Max if x.elem_count() == 0 => mean(op, &x, windows, false),
        Reduction::Max => max(&x, windows),
        Reduction::Mean { with_padding } => mean(op, &x, windows, with_padding),
    }
}

fn max(x: &Tensor, windows: &Windows) -> Result<Tensor> {
    // A tap outside the input looks at the first one inside again: that changes no maximum, nor
    // which is first.
    let repeat = |axis: &Axis, window: usize| axis.position(window, axis.taps(window).start);
    let seen = under_windows(x, windows, repeat)?;
    seen.gather(&first_argmax(&seen)?, D::Minus1)?.squeeze(D::Minus1)
}

/// Where the first maximum along the last dimension is, u32 with that dimension kept as 1, on any
/// device; what is not a number outdoes all numbers. candle's own takes on CUDA any of several
/// equal ones.
///
/// # Errors
/// Only those of the tensor library.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[1f32, 3., 3.], [2., f32::NAN, 5.]], &Device::Cpu)?;
/// assert_eq!(conv_core::first_argmax(&x)?.to_vec2::<u32>()?, [[1], [1]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn first_argmax(x: &Tensor) -> Result<Tensor> {
    let values = x.detach();
    let nan = values.ne(&values)?;
    let lowest = values.zeros_like()?.affine(1.0, f64::NEG_INFINITY)?;
    let numbers = nan.where_cond(&lowest, &values)?;
    let maximal = numbers.broadcast_eq(&numbers.max_keepdim(D::Minus1)?)?.to_dtype(DType::F32)?;
    let claims = (maximal + nan.to_dtype(DType::F32)?.affine(2.0, 0.0)?)?;
    let winners = claims.broadcast_eq(&claims.max_keepdim(D::Minus1)?)?.to_dtype(DType::F32)?;
    // Ranks make the first of equals the only largest.
    let ranks: Vec<f32> = (0..values.dim(D::Minus1)?).rev().map(|rank| (rank + 1) as f32).collect();
    let ranks = Tensor::new(ranks, x.device())?;
    winners.broadcast_mul(&ranks)?.argmax_keepdim(D::Minus1)
}

fn mean(op: &'static str, x: &Tensor, windows: &Windows, with_padding: bool) -> Result<Tensor> {
    let bordered = x.pad_with_zeros(2, 0, 1)?.pad_with_zeros(3, 0, 1)?;
    let border = |axis: &Axis, _: usize| axis.input;
    let sums = under_windows(&bordered, windows, border)?.sum(D::Minus1)?;
    let counts = Tensor::from_vec(
        windows.counts::<f64>(op, with_padding)?,
        (1, 1, windows.rows.output, windows.cols.output),
        &Device::Cpu,
    )?;
    sums.broadcast_div(&counts.to_dtype(x.dtype())?.to_device(x.device())?)
}

/// `[B, C, H', W', taps]`: what each window sees in row-major order, with `outside(axis, window)`
/// the place to look at for a tap that is not over the input.
fn under_windows(
    x: &Tensor,
    windows: &Windows,
    outside: impl Fn(&Axis, usize) -> usize,
) -> Result<Tensor> {
    let (batch, channels, ..) = x.dims4()?;
    let Windows { rows, cols, .. } = windows;
    let places = |axis: &Axis| {
        let place = |window, tap| {
            if axis.taps(window).contains(&tap) {
                axis.position(window, tap)
            } else {
                outside(axis, window)
            }
        };
        let places: Vec<u32> = (0..axis.output)
            .flat_map(|window| (0..axis.kernel).map(move |tap| (window, tap)))
            .map(|(window, tap)| place(window, tap) as u32)
            .collect();
        Tensor::new(places, x.device())
    };
    x.contiguous()?
        .index_select(&places(rows)?, 2)?
        .index_select(&places(cols)?, 3)?
        .reshape((batch, channels, rows.output, rows.kernel, cols.output, cols.kernel))?
        .permute((0, 1, 2, 4, 3, 5))?
        .contiguous()?
        .flatten_from(4)
}
