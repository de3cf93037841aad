//! Padding: zeros each side by itself, the amounts that keep a size, and padding with what the
//! input holds.

use candle_core::{Tensor, shape::Dim};

use crate::element::room;
use crate::geometry::fits;
use crate::{Error, Result};

/// Rows and columns added around an image, each side by itself.
///
/// ```
/// use conv_core::Padding2d;
/// let causal_in_height = Padding2d { top: 2, ..Padding2d::default() };
/// let all = Padding2d { top: 1, bottom: 1, left: 1, right: 1 };
/// assert_eq!(Padding2d::all(1), all);
/// # let _ = causal_in_height;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Padding2d {
    /// Rows before the first.
    pub top: usize,
    /// Rows after the last.
    pub bottom: usize,
    /// Columns before the first.
    pub left: usize,
    /// Columns after the last.
    pub right: usize,
}

impl Padding2d {
    /// The same on all four sides.
    pub const fn all(size: usize) -> Self {
        Self { top: size, bottom: size, left: size, right: size }
    }

    /// None in height: the padding (left, right) of a 1-D operation.
    pub(crate) const fn columns((left, right): (usize, usize)) -> Self {
        Self { top: 0, bottom: 0, left, right }
    }
}

/// The zeros before and after an axis of `size` elements that make a convolution's output
/// `size / stride` elements, rounded up; an odd one goes after. With stride 1 this is PyTorch's
/// `padding='same'`, and with any stride TensorFlow's `SAME`.
///
/// # Errors
/// [`Error::Zero`] for a stride, kernel or dilation of 0, [`Error::Overflow`] for sizes that do not
/// fit the address space.
///
/// # Example
/// ```
/// assert_eq!(conv_core::same(10, 4, 1, 1)?, (1, 2));
/// assert_eq!(conv_core::same(10, 3, 2, 1)?, (0, 1));
/// # Ok::<(), conv_core::Error>(())
/// ```
pub fn same(size: usize, kernel: usize, stride: usize, dilation: usize) -> Result<(usize, usize)> {
    let op = "same";
    for (what, value) in [("kernel size", kernel), ("stride", stride), ("dilation", dilation)] {
        if value == 0 {
            return Err(Error::Zero { op, what });
        }
    }
    let last = size.div_ceil(stride).saturating_sub(1) * stride;
    let seen = (kernel - 1)
        .checked_mul(dilation)
        .and_then(|reach| reach.checked_add(last)?.checked_add(1))
        .ok_or_else(|| Error::Overflow {
            op,
            what: "padded input",
            sizes: vec![size, kernel, dilation],
        })?;
    let total = seen.saturating_sub(size);
    Ok((total / 2, total - total / 2))
}

/// Pads a dimension with its own elements mirrored at the first and the last, which are not
/// repeated: `[1, 2, 3]` padded by (2, 1) is `[3, 2, 1, 2, 3, 2]`. Differentiable; on an image, pad
/// one dimension after the other.
///
/// # Errors
/// [`Error::PadTooWide`] where a side is padded by as much as the dimension has elements, or more.
///
/// # Example
/// ```
/// use candle_core::{D, Device, Tensor};
/// let x = Tensor::new(&[1f32, 2., 3.], &Device::Cpu)?;
/// let padded = conv_core::pad_reflect(&x, D::Minus1, (2, 1))?;
/// assert_eq!(padded.to_vec1::<f32>()?, [3., 2., 1., 2., 3., 2.]);
/// # Ok::<(), conv_core::Error>(())
/// ```
pub fn pad_reflect(x: &Tensor, dim: impl Dim, padding: (usize, usize)) -> Result<Tensor> {
    pad_with("pad_reflect", x, dim, padding, |distance| distance)
}

/// Pads a dimension by repeating its first and its last element: `[1, 2, 3]` padded by (2, 1) is
/// `[1, 1, 1, 2, 3, 3]`. Differentiable; on an image, pad one dimension after the other.
///
/// # Errors
/// [`Error::PadTooWide`] where the dimension has no elements to repeat, [`Error::Overflow`] for
/// sizes that do not fit the address space.
///
/// # Example
/// ```
/// use candle_core::{D, Device, Tensor};
/// let x = Tensor::new(&[1f32, 2., 3.], &Device::Cpu)?;
/// let padded = conv_core::pad_replicate(&x, D::Minus1, (2, 1))?;
/// assert_eq!(padded.to_vec1::<f32>()?, [1., 1., 1., 2., 3., 3.]);
/// # Ok::<(), conv_core::Error>(())
/// ```
pub fn pad_replicate(x: &Tensor, dim: impl Dim, padding: (usize, usize)) -> Result<Tensor> {
    pad_with("pad_replicate", x, dim, padding, |_| 0)
}

/// Pads with elements of the dimension itself: what lies `distance` outside an edge is the element
/// `inward(distance)` inside it.
fn pad_with(
    op: &'static str,
    x: &Tensor,
    dim: impl Dim,
    (before, after): (usize, usize),
    inward: impl Fn(usize) -> usize,
) -> Result<Tensor> {
    let dim = dim.to_index(x.shape(), op)?;
    let size = x.dims()[dim];
    for pad in [before, after] {
        if pad > 0 && inward(pad) >= size {
            return Err(Error::PadTooWide { op, pad, size });
        }
    }
    let total = size.checked_add(before).and_then(|n| n.checked_add(after));
    let mut padded = x.dims().to_vec();
    padded[dim] = total.filter(|&n| u32::try_from(n).is_ok()).ok_or_else(|| {
        let sizes = vec![size, before, after];
        let what = "padded dimension";
        Error::Overflow { op, what, sizes }
    })?;
    fits(op, "padded input", &padded)?;
    if x.device().is_cpu() {
        // candle would end the process where there is no memory for the result.
        let elements: usize = padded.iter().product();
        let bytes = elements * x.dtype().size_in_bytes();
        room::<u8>(op, bytes).map_err(|_| Error::OutOfMemory { op, elements })?;
    }
    let mut places = room(op, padded[dim])?;
    places.extend(
        (1..=before)
            .rev()
            .map(&inward)
            .chain(0..size)
            .chain((1..=after).map(|distance| size - 1 - inward(distance)))
            .map(|place| place as u32),
    );
    let places = Tensor::from_vec(places, padded[dim], x.device())?;
    Ok(x.contiguous()?.index_select(&places, dim)?)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::checks::check_fixtures;

    #[test]
    fn pytorch_agrees() -> Result<()> {
        type Pad = fn(&Tensor, usize, (usize, usize)) -> Result<Tensor>;
        for (name, pad) in [("pad_reflect", pad_reflect as Pad), ("pad_replicate", pad_replicate)] {
            check_fixtures(name, |x, sides| {
                let mut pairs = sides.chunks_exact(2).zip(2..);
                pairs.try_fold(x.clone(), |x, (pair, dim)| pad(&x, dim, (pair[0], pair[1])))
            })?;
        }
        check_fixtures("same", |x, geometry| {
            let kernel = geometry[0];
            let dilation = geometry[1];
            let weight = Tensor::arange(1f32, kernel as f32 + 1.0, &Device::Cpu)?;
            let padding = same(x.dim(2)?, kernel, 1, dilation)?;
            let config = crate::Conv1dConfig { padding, dilation, ..Default::default() };
            crate::conv1d(x, &weight.reshape((1, 1, kernel))?, None, &config)
        })
    }

    #[test]
    fn same_keeps_the_size_over_the_stride() -> Result<()> {
        for size in 1..20 {
            for (kernel, stride, dilation) in
                [(1, 1, 1), (2, 1, 1), (3, 1, 2), (3, 2, 1), (4, 3, 2), (2, 5, 1)]
            {
                let padding = same(size, kernel, stride, dilation)?;
                let x = Tensor::zeros((1, 1, size), DType::F32, &Device::Cpu)?;
                let weight = Tensor::zeros((1, 1, kernel), DType::F32, &Device::Cpu)?;
                let config =
                    crate::Conv1dConfig { stride, padding, dilation, ..Default::default() };
                let y = crate::conv1d(&x, &weight, None, &config)?;
                assert_eq!(
                    y.dims()[2],
                    size.div_ceil(stride),
                    "{size} {kernel} {stride} {dilation}"
                );
            }
        }
        assert!(matches!(same(1, usize::MAX, 1, 2), Err(Error::Overflow { .. })));
        assert!(matches!(same(1, 1, 0, 1), Err(Error::Zero { what: "stride", .. })));
        Ok(())
    }

    #[test]
    fn padding_with_the_input_is_differentiable_in_any_dimension() {
        let x = [gradcheck::values((2, 3, 4), 1)];
        for dim in 0..3 {
            gradcheck::check("pad_reflect", &x, |t| Ok(pad_reflect(&t[0], dim, (1, 1))?));
            gradcheck::check("pad_replicate", &x, |t| {
                pad_replicate(&t[0].t()?, dim, (3, 2))?.sqr()
            });
        }
    }

    #[test]
    fn padding_beyond_the_input_is_refused() -> Result<()> {
        let x = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?;
        let text =
            |result: Result<Tensor>| result.map_or_else(|e| e.to_string(), |_| String::new());
        assert_eq!(
            text(pad_reflect(&x, 1, (0, 3))),
            "pad_reflect: a side is padded by 3, which a size of 3 does not allow"
        );
        assert!(text(pad_replicate(&x.narrow(1, 0, 0)?, 1, (1, 0))).contains("size of 0"));
        assert!(text(pad_replicate(&x, 1, (usize::MAX, 0))).contains("overflows"));
        assert!(text(pad_replicate(&x, 2, (1, 0))).contains("pad_replicate"));
        let tall = Tensor::zeros((1 << 17, 1), DType::F32, &Device::Cpu)?;
        let most = u32::MAX as usize - 1;
        assert_eq!(
            text(pad_replicate(&tall, 1, (most, 0))),
            format!("pad_replicate: no memory for a result of {} elements", (1 << 17) * (most + 1))
        );
        Ok(())
    }
}
