//! Max-over-time pooling that looks only at each sample's own windows, and can say which one won.

use crate::blocks::{BLOCK, collect, fill, fill_rows};
use crate::kernel::{Kernel, apply, check_real, check_view, read_ids, with_elements};
use crate::real::{Real, maximum};
use crate::{Error, Result};
use candle_core::{D, DType, Tensor};

/// The largest value of each channel over time (Collobert et al. 2011; Kim 2014, section 2): over
/// sample b's first `windows[b]` positions, or over all of them where `windows` is `None`.
///
/// With each sample's own windows the result does not depend on how far its batch was padded. The
/// first of several equal maxima takes the gradient; NaN is larger than everything, as in PyTorch.
/// ReLU can come after as well as before, and costs less after: relu(max x) = max relu(x), and the
/// gradients are the same.
///
/// # Shapes
/// `[B, C, T]` of f32 or f64 → `[B, C]`.
///
/// # Errors
/// A sample with 0 windows has no maximum; more windows than T; as many windows as samples are
/// needed.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[1f32, 3.0, 2.0, 9.0]]], &Device::Cpu)?;
/// let y = conv_nn::max_over_time(&x, Some(&[3]))?;
/// assert_eq!(y.to_vec2::<f32>()?, [[3.0]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn max_over_time(x: &Tensor, windows: Option<&[usize]>) -> Result<Tensor> {
    Ok(argmax_over_time(x, windows)?.0)
}

/// [`max_over_time`] and, as u32 of the same shape `[B, C]`, the position of each maximum: which
/// window spoke.
pub fn argmax_over_time(x: &Tensor, windows: Option<&[usize]>) -> Result<(Tensor, Tensor)> {
    let operation = Pick::NAME;
    check_real(operation, "its input", x.dtype())?;
    check_view(operation, x)?;
    let &[batch, channels, time] = x.dims() else {
        return Err(misfit("its input", x.dims(), "[B, C, T]".into()));
    };
    let windows = match windows {
        Some(windows) => windows.to_vec(),
        None => vec![time; batch],
    };
    if windows.len() != batch {
        return Err(misfit("windows", &[windows.len()], format!("[{batch}]")));
    }
    if let Some(sample) = windows.iter().position(|found| *found == 0 || *found > time) {
        let found = windows[sample];
        let limit = time;
        return Err(Error::Windows { operation, sample, found, limit });
    }
    if !x.device().is_cpu() {
        return Ok(composed(x, &windows)?);
    }
    let winners = match x.dtype() {
        DType::F64 => with_elements::<f64, _, 1>([x], |[x]| winners(x, &windows, channels, time))?,
        _ => with_elements::<f32, _, 1>([x], |[x]| winners(x, &windows, channels, time))?,
    };
    let positions = Tensor::from_slice(&winners, (batch, channels), x.device())?;
    Ok((apply(Pick { winners, time }, x)?, positions))
}

fn misfit(argument: &'static str, found: &[usize], expected: String) -> Error {
    let operation = Pick::NAME;
    let found = found.to_vec();
    Error::Shape { operation, argument, found, expected }
}

/// Selection by a mask and of an index: the gradients of both are right in candle.
fn composed(x: &Tensor, windows: &[usize]) -> candle_core::Result<(Tensor, Tensor)> {
    let (batch, _, time) = x.dims3()?;
    let windows: Vec<u32> = windows.iter().map(|windows| *windows as u32).collect();
    let windows = Tensor::from_vec(windows, (batch, 1, 1), x.device())?;
    let inside = Tensor::arange(0, time as u32, x.device())?
        .reshape((1, 1, time))?
        .broadcast_lt(&windows)?
        .broadcast_as(x.shape())?;
    let below = Tensor::full(f64::NEG_INFINITY, x.shape(), x.device())?.to_dtype(x.dtype())?;
    let positions = conv_core::first_argmax(&inside.where_cond(&x.detach(), &below)?)?;
    let y = x.contiguous()?.gather(&positions, D::Minus1)?;
    Ok((y.squeeze(2)?, positions.squeeze(2)?))
}

/// The first maximum among the first `windows[b]` elements of each row of `time`.
fn winners<T: Real>(x: &[T], windows: &[usize], channels: usize, time: usize) -> Vec<u32> {
    collect(
        windows.len() * channels,
        time,
        #[inline(always)]
        |row| {
            let x = &x[row * time..][..windows[row / channels]];
            let largest = maximum(x);
            let first = if largest.is_nan() {
                x.iter().position(|x| x.is_nan())
            } else {
                x.iter().position(|x| *x == largest)
            };
            first.unwrap_or(0) as u32
        },
    )
}

pub(crate) struct Pick {
    winners: Vec<u32>,
    time: usize,
}

impl Pick {
    /// Of given positions `[B, C]`.
    pub(crate) fn at(x: &Tensor, positions: &Tensor) -> Result<Self> {
        let &[batch, channels, time] = x.dims() else {
            return Err(misfit("its input", x.dims(), "[B, C, T]".into()));
        };
        if positions.dims() != [batch, channels] {
            let expected = format!("[{batch}, {channels}]");
            return Err(misfit("positions", positions.dims(), expected));
        }
        let winners = read_ids(Self::NAME, "positions", positions)?;
        if let Some(position) = winners.iter().position(|&winner| winner as usize >= time) {
            return Err(Error::IdOutOfRange { id: winners[position], position, rows: time });
        }
        Ok(Self { winners, time })
    }
}

impl Kernel for Pick {
    const NAME: &'static str = "max_over_time";

    fn output(&self, x: &[usize]) -> Vec<usize> {
        x[..2].to_vec()
    }

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        fill(
            self.winners.len(),
            BLOCK,
            #[inline(always)]
            |start, y| {
                for (row, y) in (start..).zip(y) {
                    *y = x[row * self.time + self.winners[row] as usize];
                }
            },
        )
    }

    fn backward<T: Real>(&self, x: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
        fill_rows(
            x.len(),
            self.time,
            self.time,
            #[inline(always)]
            |row, out| {
                out[self.winners[row] as usize] = gradient[row];
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};
    use gradcheck::values;
    use proptest::prelude::*;

    /// The ranks of random values: no step of the finite differences changes the winner.
    fn apart(shape: &[usize], seed: u64) -> candle_core::Result<Tensor> {
        let drawn = values(shape, seed).flatten_all()?.to_vec1::<f64>()?;
        let rank = |x: &f64| drawn.iter().filter(|other| *other < x).count() as f64;
        Tensor::from_vec(drawn.iter().map(rank).collect(), shape, &Device::Cpu)
    }

    proptest! {
        #[test]
        fn the_gradient_is_right(
            windows in prop::collection::vec(1usize..6, 0..4), channels in 1usize..4, seed: u64,
        ) {
            let x = apart(&[windows.len(), 6, channels], seed)?;
            gradcheck::check("max_over_time", &[x], |t| {
                Ok(max_over_time(&t[0].transpose(1, 2)?, Some(&windows))?)
            });
        }

        #[test]
        fn the_composition_agrees(
            windows in prop::collection::vec(1usize..40, 1..9), channels in 1usize..9, seed: u64,
        ) {
            let x = Var::from_tensor(&values((windows.len(), channels, 40), seed))?;
            let run = |(y, positions): (Tensor, Tensor)| -> candle_core::Result<_> {
                let gradients = y.sqr()?.sum_all()?.backward()?;
                let gradient = gradients.get(&x).map(|g| g.to_vec3::<f64>()).transpose()?;
                Ok((y.to_vec2::<f64>()?, positions.to_vec2::<u32>()?, gradient))
            };
            let kernel = run(argmax_over_time(&x, Some(&windows))?)?;
            prop_assert_eq!(kernel, run(composed(&x, &windows)?)?);
        }
    }

    #[test]
    fn the_first_maximum_wins_and_padding_never_does() -> candle_core::Result<()> {
        let nan = f32::NAN;
        let x =
            [[[2f32, 5.0, 5.0, 9.0], [-1.0, -2.0, -3.0, 0.0]], [[1.0, nan, 3.0, nan], [7.0; 4]]];
        let x = Var::new(&x, &Device::Cpu)?;
        let (y, positions) = argmax_over_time(&x, Some(&[3, 4]))?;
        assert_eq!(positions.to_vec2::<u32>()?, [[1, 0], [1, 0]]);
        assert!(y.to_vec2::<f32>()?[1][0].is_nan());
        let gradients = y.sum_all()?.backward()?;
        let gradient = gradients.get(&x).map(|g| g.to_vec3::<f32>()).transpose()?;
        let first = [1.0, 0.0, 0.0, 0.0].to_vec();
        let second = [0.0, 1.0, 0.0, 0.0].to_vec();
        let expected = vec![vec![second.clone(), first.clone()], vec![second, first]];
        assert_eq!(gradient, Some(expected));
        Ok(())
    }

    #[test]
    fn impossible_windows_are_named() {
        let message = |x: &Tensor, windows: Option<&[usize]>| {
            max_over_time(x, windows).err().map(|e| e.to_string()).unwrap_or_default()
        };
        let x = values((2, 3, 4), 1);
        for (windows, expected) in [
            ([1, 0].as_slice(), "max_over_time: sample 1 has 0 windows, expected 1 to 4"),
            (&[5, 1], "max_over_time: sample 0 has 5 windows, expected 1 to 4"),
            (&[1], "max_over_time: windows has shape [1], expected [2]"),
        ] {
            assert_eq!(message(&x, Some(windows)), expected);
        }
        let expected = "max_over_time: its input has shape [2, 3], expected [B, C, T]";
        assert_eq!(message(&values((2, 3), 1), None), expected);
    }
}
