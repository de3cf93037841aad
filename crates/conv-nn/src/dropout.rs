//! Seeded dropout that keeps a key instead of a mask.

use crate::blocks::fill;
use crate::kernel::{Kernel, apply, check_real};
use crate::lengths::{Lengths, keep_first};
use crate::real::Real;
use crate::{Error, Mode, Result};
use candle_core::Tensor;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// In training, sets each element to 0 with probability `p` and multiplies the others by 1/(1-p);
/// in evaluation, returns `x` (Srivastava et al. 2014, in the inverted form).
///
/// One key is drawn from the mode's stream a call, and the mask is a function of that key and each
/// element's index: nothing but the key is kept for the backward pass, and the mask is the same for
/// any number of threads and for f32 and f64. `p` is exact to 2⁻³¹.
///
/// # Shapes
/// Any, of f32 or f64; the output has the same.
///
/// # Errors
/// `p` outside 0 to 1, or another type, in either mode.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use conv_nn::{Mode, dropout, rng};
/// let x = Tensor::ones((2, 100), DType::F32, &Device::Cpu)?;
/// let mut stream = rng::seeded(1, "step 0");
/// let y = dropout(&x, 0.5, &mut Mode::Train(&mut stream))?;
/// assert!(y.flatten_all()?.to_vec1::<f32>()?.iter().all(|y| *y == 0.0 || *y == 2.0));
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn dropout(x: &Tensor, p: f64, mode: &mut Mode) -> Result<Tensor> {
    check_real(Dropout::NAME, "its input", x.dtype())?;
    match key(p, mode)? {
        None => Ok(x.clone()),
        Some(key) => run(Dropout { p, key, lengths: None }, x),
    }
}

/// [`dropout`], and zeros from each sequence's own length on, as [`keep_first`] has them: one
/// tensor for the two.
///
/// # Shapes
/// `[B, …, T]` of f32 or f64, B lengths of at most T → the same.
///
/// # Errors
/// `p` outside 0 to 1, another number of lengths than sequences, or one beyond T.
pub fn dropout_of_first(x: &Tensor, lengths: &[usize], p: f64, mode: &mut Mode) -> Result<Tensor> {
    match key(p, mode)? {
        None => keep_first(x, lengths),
        Some(key) => {
            let lengths = Some(Lengths::of(Dropout::NAME, x, lengths)?);
            run(Dropout { p, key, lengths }, x)
        }
    }
}

/// What decides which elements are dropped, if any are.
fn key(p: f64, mode: &mut Mode) -> Result<Option<[u8; 32]>> {
    if !(0.0..=1.0).contains(&p) {
        return Err(Error::Fraction { operation: Dropout::NAME, argument: "p", found: p });
    }
    Ok(mode.rng().filter(|_| p > 0.0).map(|rng| rng.random()))
}

fn run(kernel: Dropout, x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() { apply(kernel, x) } else { composed(kernel, x) }
}

fn composed(kernel: Dropout, x: &Tensor) -> Result<Tensor> {
    check_real(Dropout::NAME, "its input", x.dtype())?;
    let mask = kernel.forward(&vec![1f32; x.elem_count()]);
    let kept = Tensor::from_vec(mask, x.shape(), x.device())?.ne(0f64)?;
    // Not a product with the mask: what is dropped is 0 where it was infinite, too.
    let scaled = if kernel.p < 1.0 { (x * (1.0 / (1.0 - kernel.p)))? } else { x.clone() };
    Ok(kept.where_cond(&scaled, &x.zeros_like()?)?)
}

struct Dropout {
    p: f64,
    key: [u8; 32],
    /// Elements that count, where not all do.
    lengths: Option<Lengths>,
}

/// Elements to one ChaCha stream: part of what a seed means, so not to be tuned.
const STREAM: usize = 4096;

impl Kernel for Dropout {
    const NAME: &'static str = "dropout";

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        let scale = T::from_f64(1.0 / (1.0 - self.p));
        let last_dropped = ((self.p * 2f64.powi(31)) as i64 - 1) as i32;
        let mut y = fill(
            x.len(),
            STREAM,
            #[inline(always)]
            |start, y| {
                let mut rng = ChaCha8Rng::from_seed(self.key);
                rng.set_stream((start / STREAM) as u64);
                let mut bits = [0u32; STREAM];
                rng.fill(&mut bits[..y.len()]);
                keep(&x[start..], &bits, last_dropped, scale, y);
            },
        );
        if let Some(lengths) = &self.lengths {
            lengths.end(&mut y);
        }
        y
    }

    fn backward<T: Real>(&self, _x: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
        self.forward(gradient)
    }
}

/// `y` = `scale` · `x` where the bits lie above `last_dropped`, else 0. Of the bits 31 count, since
/// vectors compare signed numbers; p = 1 leaves none above. All of it by value: behind references
/// of a closure's the processor would branch at each element, and guess wrong.
#[inline(always)]
fn keep<T: Real>(x: &[T], bits: &[u32], last_dropped: i32, scale: T, y: &mut [T]) {
    for ((y, &x), &bits) in y.iter_mut().zip(x).zip(bits) {
        let scaled = x * scale;
        *y = if (bits >> 1) as i32 > last_dropped { scaled } else { T::zero() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::seeded;
    use candle_core::{DType, Device};
    use gradcheck::values;
    use proptest::prelude::*;
    use rand::Rng;

    fn train(x: &Tensor, p: f64, seed: u64) -> candle_core::Result<Tensor> {
        let mut stream = seeded(seed, "dropout");
        Ok(dropout(x, p, &mut Mode::Train(&mut stream))?)
    }

    #[test]
    fn beyond_a_sequences_length_all_is_dropped() -> candle_core::Result<()> {
        let x = values((3, 4, 50), 1);
        let lengths = [50, 7, 0];
        let of_first = |x: &Tensor, p| -> candle_core::Result<Tensor> {
            let mut stream = seeded(1, "dropout");
            Ok(dropout_of_first(x, &lengths, p, &mut Mode::Train(&mut stream))?)
        };
        for p in [0.0, 0.3] {
            let expected = keep_first(&train(&x, p, 1)?, &lengths)?;
            let flat = |t: Tensor| t.flatten_all()?.to_vec1::<f64>();
            assert_eq!(flat(of_first(&x, p)?)?, flat(expected)?);
        }
        gradcheck::check("dropout_of_first", &[x], |t| of_first(&t[0], 0.3));
        Ok(())
    }

    proptest! {
        #[test]
        fn the_gradient_goes_through_the_same_mask(rows in 0usize..5, p in 0.0..=1.0, seed: u64) {
            let x = gradcheck::values((4, rows), seed);
            gradcheck::check("dropout", &[x], |t| train(&t[0].t()?, p, seed));
        }
    }

    #[test]
    fn the_share_dropped_is_p_and_the_mean_stays() -> candle_core::Result<()> {
        let x = Tensor::ones(200_000, DType::F32, &Device::Cpu)?;
        for p in [0.1, 0.5, 0.9] {
            let y = train(&x, p, 3)?.to_vec1::<f32>()?;
            let dropped = y.iter().filter(|y| **y == 0.0).count() as f64 / 200_000.0;
            // Five standard deviations of a binomial.
            assert!(
                (dropped - p).abs() < 5.0 * (p * (1.0 - p) / 200_000.0).sqrt(),
                "{dropped} for {p}"
            );
            let kept = (1.0 / (1.0 - p)) as f32;
            assert!(y.iter().all(|y| *y == 0.0 || *y == kept));
        }
        Ok(())
    }

    #[test]
    fn calls_draw_anew_and_blocks_differ() -> candle_core::Result<()> {
        let x = Tensor::ones(2 * STREAM, DType::F32, &Device::Cpu)?;
        let mut stream = seeded(1, "dropout");
        let mut mode = Mode::Train(&mut stream);
        let first = dropout(&x, 0.5, &mut mode)?.to_vec1::<f32>()?;
        let second = dropout(&x, 0.5, &mut mode)?.to_vec1::<f32>()?;
        assert_ne!(first, second);
        assert_ne!(first[..STREAM], first[STREAM..]);
        Ok(())
    }

    #[test]
    fn types_and_devices_share_the_mask() -> candle_core::Result<()> {
        let x = gradcheck::values(5000, 1);
        let y = train(&x, 0.3, 9)?;
        let narrow = train(&x.to_dtype(DType::F32)?, 0.3, 9)?.to_vec1::<f32>()?;
        let key = || seeded(9, "dropout").random();
        let of =
            |p, x: &Tensor| composed(Dropout { p, key: key(), lengths: None }, x)?.to_vec1::<f64>();
        let composed = of(0.3, &x)?;
        for ((y, narrow), composed) in y.to_vec1::<f64>()?.iter().zip(narrow).zip(composed) {
            assert!((y - f64::from(narrow)).abs() < 1e-6 && (y - composed).abs() < 1e-6);
            assert_eq!((*y == 0.0, *y == 0.0), (narrow == 0.0, composed == 0.0));
        }
        let endless = (x.ones_like()? / 0.0)?;
        assert!(of(0.3, &endless)?.iter().all(|y| *y == 0.0 || *y == f64::INFINITY));
        assert_eq!(of(1.0, &endless)?, [0.0; 5000]);
        Ok(())
    }

    #[test]
    fn evaluation_leaves_the_input_and_certain_dropout_leaves_nothing() -> candle_core::Result<()> {
        let x = gradcheck::values(10, 1);
        assert_eq!(dropout(&x, 0.5, &mut Mode::Eval)?.to_vec1::<f64>()?, x.to_vec1::<f64>()?);
        assert_eq!(train(&x, 1.0, 1)?.to_vec1::<f64>()?, [0.0; 10]);
        Ok(())
    }

    #[test]
    fn an_impossible_probability_is_refused() {
        let x = gradcheck::values(10, 1);
        for p in [-0.1, 1.5, f64::NAN] {
            let message = dropout(&x, p, &mut Mode::Eval).err().map(|e| e.to_string());
            assert_eq!(message, Some(format!("dropout: p is {p}, expected 0 to 1")));
        }
    }
}
