//! A call has the precision that it asks for, whatever else its thread computes meanwhile.

use candle_core::{DType, Result, Tensor, Var};
use conv_core::{Conv2dConfig, Padding2d, Precision, conv2d};
use rayon::prelude::*;

/// Output and input gradient, as bits, of a convolution that Winograd's algorithm would take.
fn bits(precision: Precision) -> Result<Vec<u32>> {
    let value = |shape: &[usize], seed| gradcheck::values(shape, seed).to_dtype(DType::F32);
    let x = Var::from_tensor(&value(&[2, 32, 28, 28], 1)?)?;
    let weight = value(&[32, 32, 3, 3], 2)?;
    let config = Conv2dConfig { padding: Padding2d::all(1), precision, ..Default::default() };
    let y = conv2d(&x, &weight, None, &config)?;
    let gradients = y.sqr()?.backward()?;
    let Some(dx) = gradients.get(&x) else { panic!("a gradient is missing") };
    let bits = |t: &Tensor| -> Result<Vec<u32>> {
        Ok(t.flatten_all()?.to_vec1::<f32>()?.into_iter().map(f32::to_bits).collect())
    };
    Ok([bits(&y)?, bits(dx)?].concat())
}

fn in_pool<R: Send>(work: impl FnOnce() -> R + Send) -> Result<R> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build();
    Ok(pool.map_err(candle_core::Error::wrap)?.install(work))
}

/// A worker that waits inside of one call takes up another's task.
#[test]
fn calls_of_both_precisions_do_not_mix_in_a_pool() -> Result<()> {
    let [fast, exact] = [bits(Precision::Fast)?, bits(Precision::Exact)?];
    assert!(fast != exact, "the shape shows the precision");
    let tasks = || {
        (0..64usize).into_par_iter().try_for_each(|i| {
            let (precision, alone) =
                [(Precision::Fast, &fast), (Precision::Exact, &exact)][i / 3 % 2];
            assert!(bits(precision)? == *alone, "task {i}, {precision:?}");
            Ok(())
        })
    };
    in_pool(tasks)?
}

/// Its own closures run on other threads than the caller's.
#[test]
fn a_parallel_iterator_keeps_what_was_asked() -> Result<()> {
    for precision in [Precision::Exact, Precision::Fast] {
        let alone = bits(precision)?;
        let several = || (0..16usize).into_par_iter().map(|_| bits(precision)).collect();
        let several: Result<Vec<_>> = in_pool(several)?;
        assert!(several?.iter().all(|found| *found == alone), "{precision:?}");
    }
    Ok(())
}
