//! Sequences of a batch that are shorter than its longest: what lies beyond their ends is padding.

use crate::blocks::{fill_rows, map_rows};
use crate::kernel::{Kernel, apply, check_real};
use crate::real::{Real, exponentials, maximum, sum};
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use std::sync::Arc;

/// `x` with zeros from each sequence's own length on.
///
/// # Shapes
/// `[B, …, T]` of f32 or f64, B lengths of at most T → the same.
///
/// # Errors
/// Another number of lengths than sequences, or one beyond T.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[1f32, 2.0, 3.0]], [[4.0, 5.0, 6.0]]], &Device::Cpu)?;
/// let y = conv_nn::keep_first(&x, &[1, 3])?;
/// assert_eq!(y.to_vec3::<f32>()?, [[[1.0, 0.0, 0.0]], [[4.0, 5.0, 6.0]]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn keep_first(x: &Tensor, lengths: &[usize]) -> Result<Tensor> {
    let kernel = KeepFirst(Lengths::of(KeepFirst::NAME, x, lengths)?);
    if x.device().is_cpu() {
        return apply(kernel, x);
    }
    check_real(KeepFirst::NAME, "its input", x.dtype())?;
    let mask = kernel.forward(&vec![1f32; x.elem_count()]);
    Ok(x.mul(&Tensor::from_vec(mask, x.shape(), x.device())?.to_dtype(x.dtype())?)?)
}

/// [`softmax`](crate::softmax) along the last dimension over each sequence's own length, and zeros
/// beyond: attention that does not see padding.
///
/// # Shapes
/// `[B, …, S]` of f32 or f64, B lengths of at most S → the same.
///
/// # Errors
/// Another number of lengths than sequences, or one beyond S. A sequence of none is all zeros.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[0f32, 0.0, 9.0]]], &Device::Cpu)?;
/// assert_eq!(conv_nn::softmax_of_first(&x, &[2])?.to_vec3::<f32>()?, [[[0.5, 0.5, 0.0]]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn softmax_of_first(x: &Tensor, lengths: &[usize]) -> Result<Tensor> {
    let lengths = Lengths::of(SoftmaxOfFirst::NAME, x, lengths)?;
    if x.device().is_cpu() {
        return apply(SoftmaxOfFirst(lengths), x);
    }
    check_real(SoftmaxOfFirst::NAME, "its input", x.dtype())?;
    let mask = KeepFirst(lengths).forward(&vec![1f32; x.elem_count()]);
    let mask = Tensor::from_vec(mask, x.shape(), &Device::Cpu)?.to_dtype(DType::U8)?;
    let mask = mask.to_device(x.device())?;
    let masked = mask.where_cond(x, &x.zeros_like()?.affine(0.0, f64::NEG_INFINITY)?)?;
    let y = crate::softmax(&masked, x.rank() - 1)?;
    Ok(mask.where_cond(&y, &y.zeros_like()?)?)
}

/// How many elements of each row count.
pub(crate) struct Lengths {
    /// Of a row.
    width: usize,
    /// Rows of a sequence.
    rows: usize,
    of_sequences: Arc<[usize]>,
}

impl Lengths {
    pub fn of(operation: &'static str, x: &Tensor, lengths: &[usize]) -> Result<Self> {
        let misfit = |expected| Error::Shape {
            operation,
            argument: "its input",
            found: x.dims().to_vec(),
            expected,
        };
        let (&[batch, ref rows @ .., width], longest) = (x.dims(), lengths.iter().max()) else {
            return Err(misfit("[B, …, T]".into()));
        };
        if batch != lengths.len() {
            return Err(misfit(format!("[{}, …, T] as there are lengths", lengths.len())));
        }
        if let Some(longest) = longest.filter(|longest| **longest > width) {
            return Err(misfit(format!("[B, …, T] with T of at least {longest}")));
        }
        Ok(Self { width, rows: rows.iter().product(), of_sequences: lengths.into() })
    }

    /// Makes zeros of what lies beyond.
    pub fn end<T: Real>(&self, x: &mut [T]) {
        for (row, x) in x.chunks_exact_mut(self.width.max(1)).enumerate() {
            x[self.row(row)..].fill(T::zero());
        }
    }

    /// Of row `row`, counted over the batch.
    fn row(&self, row: usize) -> usize {
        self.of_sequences[row / self.rows]
    }
}

struct KeepFirst(Lengths);

impl Kernel for KeepFirst {
    const NAME: &'static str = "keep_first";

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        let width = self.0.width;
        fill_rows(
            x.len(),
            width,
            width,
            #[inline(always)]
            |row, y| {
                let count = self.0.row(row);
                y[..count].copy_from_slice(&x[row * width..][..count]);
            },
        )
    }

    fn backward<T: Real>(&self, _x: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
        self.forward(gradient)
    }
}

struct SoftmaxOfFirst(Lengths);

impl Kernel for SoftmaxOfFirst {
    const NAME: &'static str = "softmax_of_first";

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        let width = self.0.width;
        fill_rows(
            x.len(),
            width,
            width,
            #[inline(always)]
            |row, y| {
                let count = self.0.row(row);
                let x = &x[row * width..][..count];
                let y = &mut y[..count];
                let scale = T::one() / exponentials(x, maximum(x), y);
                for y in y {
                    *y *= scale;
                }
            },
        )
    }

    fn backward<T: Real>(&self, _x: &[T], y: &[T], gradient: &[T]) -> Vec<T> {
        map_rows(
            [y, gradient],
            self.0.width,
            #[inline(always)]
            |[y, gradient], out| {
                // Beyond the length y is 0, and so is this.
                let mean = sum([y, gradient], |[y, gradient]| y * gradient);
                for (out, (&y, &gradient)) in out.iter_mut().zip(y.iter().zip(gradient)) {
                    *out = y * (gradient - mean);
                }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{D, IndexOp};
    use gradcheck::values;

    const LENGTHS: [usize; 3] = [5, 1, 3];

    #[test]
    fn the_gradients_are_right() {
        let x = [values((3, 2, 5), 1)];
        gradcheck::check("keep_first", &x, |t| Ok(keep_first(&t[0], &LENGTHS)?));
        gradcheck::check("softmax_of_first", &x, |t| Ok(softmax_of_first(&t[0], &LENGTHS)?));
    }

    #[test]
    fn each_sequence_is_as_without_its_padding() -> candle_core::Result<()> {
        let x = values((3, 2, 5), 1);
        let kept = keep_first(&x, &LENGTHS)?;
        let shares = softmax_of_first(&x, &LENGTHS)?;
        for (i, length) in LENGTHS.into_iter().enumerate() {
            let own = x.i(i)?.narrow(1, 0, length)?;
            let equal = |of: &Tensor, expected: &Tensor| -> candle_core::Result<bool> {
                let of = of.i(i)?;
                let beyond = of.narrow(1, length, 5 - length)?.abs()?.sum_all()?;
                let error = (of.narrow(1, 0, length)? - expected)?.abs()?.max_all()?;
                Ok(beyond.to_scalar::<f64>()? == 0.0 && error.to_scalar::<f64>()? < 1e-12)
            };
            assert!(equal(&kept, &own)?);
            assert!(equal(&shares, &crate::softmax(&own, D::Minus1)?)?);
        }
        Ok(())
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let x = values((3, 2, 5), 1);
        let message = |lengths: &[usize]| {
            keep_first(&x, lengths).map_or_else(|e| e.to_string(), |_| String::new())
        };
        assert!(message(&[5, 1]).contains("[2, …, T]"), "{}", message(&[5, 1]));
        assert!(message(&[5, 1, 6]).contains("at least 6"), "{}", message(&[5, 1, 6]));
        let none = values((0, 2, 5), 1);
        assert!(softmax_of_first(&none, &[]).is_ok_and(|y| y.dims() == [0, 2, 5]));
        let short = values((2, 1, 3), 1);
        let y = softmax_of_first(&short, &[0, 3])
            .and_then(|y| Ok(y.i(0)?.abs()?.sum_all()?.to_scalar::<f64>()?));
        assert!(y.is_ok_and(|sum| sum == 0.0));
    }
}
