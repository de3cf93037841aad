//! Where sums are exact, a sample's result is the same bits alone as in any batch.

use candle_core::{DType, Result};
use conv_core::{Conv1dConfig, Precision, conv1d};

/// Windows that are the whole input, by inner products; sequences that Winograd would take; few channels; several slices of the depth.
#[test]
fn exact_results_do_not_depend_on_the_batch() -> Result<()> {
    for (inputs, outputs, time, kernel) in
        [(77, 130, 1, 1), (64, 64, 90, 3), (6, 2, 40, 5), (300, 9, 33, 2), (20, 30, 4, 4)]
    {
        let value = |shape: &[usize], seed| gradcheck::values(shape, seed).to_dtype(DType::F32);
        let (x, weight) = (value(&[50, inputs, time], 1)?, value(&[outputs, inputs, kernel], 2)?);
        let config = Conv1dConfig::default();
        Precision::Exact.with(|| {
            let bits = |first: usize, count: usize| -> Result<Vec<u32>> {
                let y = conv1d(&x.narrow(0, first, count)?, &weight, None, &config)?;
                let sample = y.narrow(0, 17 - first, 1)?.flatten_all()?.to_vec1::<f32>()?;
                Ok(sample.into_iter().map(f32::to_bits).collect())
            };
            let alone = bits(17, 1)?;
            for (first, count) in [(0, 50), (12, 6), (15, 5), (17, 31)] {
                assert!(bits(first, count)? == alone, "{inputs} → {outputs}, {first} {count}");
            }
            Ok::<_, candle_core::Error>(())
        })?;
    }
    Ok(())
}
