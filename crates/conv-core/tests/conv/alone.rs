//! Where sums are exact, a sample's result is the same bits alone as in any batch.

use candle_core::{DType, Result, Tensor};
use conv_core::{
    Conv1dConfig, Conv2dConfig, ConvTranspose2dConfig, Padding2d, Precision, conv_transpose2d,
    conv1d, conv2d,
};

/// Windows that are the whole input, by inner products; sequences that Winograd would take; few
/// channels; several slices of the depth.
#[test]
fn exact_results_do_not_depend_on_the_batch() -> Result<()> {
    for (inputs, outputs, time, kernel) in
        [(77, 130, 1, 1), (64, 64, 90, 3), (6, 2, 40, 5), (300, 9, 33, 2), (20, 30, 4, 4)]
    {
        let value = |shape: &[usize], seed| gradcheck::values(shape, seed).to_dtype(DType::F32);
        let x = value(&[50, inputs, time], 1)?;
        let weight = value(&[outputs, inputs, kernel], 2)?;
        let config = Conv1dConfig { precision: Precision::Exact, ..Conv1dConfig::default() };
        is_the_same_alone(&x, |x| Ok(conv1d(x, &weight, None, &config)?))?;
    }
    Ok(())
}

/// One input channel a group, whose rows are shared out among threads.
#[test]
fn nor_do_images_of_few_channels() -> Result<()> {
    let values = |shape: &[usize], seed| gradcheck::values(shape, seed).to_dtype(DType::F32);
    for (groups, size) in [(1, (26, 4)), (1, (37, 30)), (2, (27, 19)), (7, (18, 18))] {
        let x = values(&[50, groups, size.0, size.1], 1)?;
        let weight = values(&[2 * groups, 1, 3, 3], 2)?;
        let config = Conv2dConfig {
            groups,
            padding: Padding2d::all(1),
            precision: Precision::Exact,
            ..Conv2dConfig::default()
        };
        is_the_same_alone(&x, |x| Ok(conv2d(x, &weight, None, &config)?))?;
    }
    Ok(())
}

/// One sample that is nearly all zeros among others that are not.
#[test]
fn nor_do_transposed_convolutions_of_few_numbers() -> Result<()> {
    let values = |shape: &[usize], seed| gradcheck::values(shape, seed).to_dtype(DType::F32);
    let x = values(&[50, 200, 9, 9], 1)?;
    let few: Vec<f32> = (0..200 * 81).map(|i| if i % 17 == 0 { 1.0 } else { 0.0 }).collect();
    let few = (Tensor::from_vec(few, (1, 200, 9, 9), x.device())? * x.narrow(0, 17, 1)?)?;
    let x = Tensor::cat(&[&x.narrow(0, 0, 17)?, &few, &x.narrow(0, 18, 32)?], 0)?;
    let weight = values(&[200, 18, 3, 3], 2)?;
    let config = ConvTranspose2dConfig {
        stride: (2, 2),
        precision: Precision::Exact,
        ..ConvTranspose2dConfig::default()
    };
    is_the_same_alone(&x, |x| Ok(conv_transpose2d(x, &weight, None, &config)?))
}

/// Sample 17 of 50 by itself and in parts of the batch.
fn is_the_same_alone(x: &Tensor, run: impl Fn(&Tensor) -> Result<Tensor>) -> Result<()> {
    let bits = |first: usize, count: usize| -> Result<Vec<u32>> {
        let y = run(&x.narrow(0, first, count)?)?;
        let sample = y.narrow(0, 17 - first, 1)?.flatten_all()?.to_vec1::<f32>()?;
        Ok(sample.into_iter().map(f32::to_bits).collect())
    };
    let alone = bits(17, 1)?;
    for (first, count) in [(0, 50), (12, 6), (15, 5), (17, 31)] {
        assert!(bits(first, count)? == alone, "{:?}, {first} {count}", x.shape());
    }
    Ok(())
}
