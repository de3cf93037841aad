//! A rectified convolution is a convolution with a rectifier behind it, in its values and in its
//! gradients.

use candle_core::{DType, Result, Tensor, Var};
use conv_core::{Conv1dConfig, Conv2dConfig, Padding2d, conv1d_relu, conv2d, conv2d_relu};

/// Of so many input and output channels: by the general kernel, the one for few channels, and
/// Winograd's.
const CHANNELS: [(usize, usize, usize); 4] = [(3, 9, 1), (6, 6, 6), (32, 40, 1), (8, 16, 2)];

fn config(groups: usize) -> Conv2dConfig {
    Conv2dConfig { padding: Padding2d::all(1), groups, ..Default::default() }
}

#[test]
fn it_computes_what_a_rectifier_behind_it_does() -> Result<()> {
    for (inputs, outputs, groups) in CHANNELS {
        let leaf = |shape: &[usize], seed| -> Result<Var> {
            Var::from_tensor(&gradcheck::values(shape, seed).to_dtype(DType::F32)?)
        };
        let x = leaf(&[2, inputs, 29, 31], 1)?;
        let weight = leaf(&[outputs, inputs / groups, 3, 3], 2)?;
        let bias = leaf(&[outputs], 3)?;
        let config = config(groups);
        let plain = conv2d(&x, &weight, Some(&bias), &config)?;
        let expected = plain.le(0f64)?.where_cond(&plain.zeros_like()?, &plain)?;
        let found = conv2d_relu(&x, &weight, Some(&bias), &config)?;
        let flat = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        let zeros = flat(&found)?.iter().filter(|&&y| y == 0.0).count();
        assert!(zeros > 100 && zeros + 100 < found.elem_count(), "both sides of 0: {zeros}");
        assert_eq!(flat(&found)?, flat(&expected)?);
        let found = found.sqr()?.backward()?;
        let expected = expected.sqr()?.backward()?;
        for argument in [&x, &weight, &bias] {
            let gradients = [found.get(argument), expected.get(argument)];
            let [Some(found), Some(expected)] = gradients else { panic!("a gradient is missing") };
            assert_eq!(flat(found)?, flat(expected)?);
        }
    }
    Ok(())
}

#[test]
fn finite_differences_agree_in_one_and_two_dimensions() {
    let inputs = |shape: &[usize], weight: &[usize]| {
        [gradcheck::values(shape, 1), gradcheck::values(weight, 2), gradcheck::values(weight[0], 3)]
    };
    gradcheck::check("conv2d_relu", &inputs(&[2, 2, 4, 5], &[4, 2, 3, 3]), |t| {
        conv2d_relu(&t[0], &t[1], Some(&t[2]), &config(1)).map_err(Into::into)
    });
    gradcheck::check("conv1d_relu", &inputs(&[2, 3, 7], &[5, 3, 2]), |t| {
        conv1d_relu(&t[0], &t[1], Some(&t[2]), &Conv1dConfig::default()).map_err(Into::into)
    });
}

#[test]
fn what_is_not_a_number_stays_so_and_half_precision_is_computed_in_f32() -> Result<()> {
    let x = Tensor::new(&[[[f32::NAN, 1.0, -3.0]]], &candle_core::Device::Cpu)?;
    let weight = Tensor::new(&[[[1f32]]], &candle_core::Device::Cpu)?;
    let y = conv1d_relu(&x, &weight, None, &Conv1dConfig::default())?.flatten_all()?;
    let y = y.to_vec1::<f32>()?;
    assert!(y[0].is_nan() && y[1..] == [1.0, 0.0], "{y:?}");
    // Of more channels, by the general kernel, Winograd's and inner products.
    for (channels, width, kernel) in [(8, 40, 3), (64, 40, 1), (64, 80, 3), (64, 1, 1), (9, 5, 5)] {
        let device = candle_core::Device::Cpu;
        let x = Tensor::full(f32::NAN, (1, channels, width), &device)?;
        let weight = Tensor::ones((channels, channels, kernel), DType::F32, &device)?;
        let y = conv1d_relu(&x, &weight, None, &Conv1dConfig::default())?.flatten_all()?;
        assert!(y.to_vec1::<f32>()?.iter().all(|y| y.is_nan()), "{channels}, {width}, {kernel}");
    }
    let half = |t: &Tensor| t.to_dtype(DType::BF16);
    let y = conv1d_relu(&half(&x)?, &half(&weight)?, None, &Conv1dConfig::default())?;
    assert_eq!(y.dtype(), DType::BF16);
    Ok(())
}

/// A weight that changes in place, as an optimiser changes it, is not taken for the one that was
/// packed before.
#[test]
fn inference_sees_a_weight_that_has_changed_in_place() -> Result<()> {
    let value = |shape: &[usize], seed| gradcheck::values(shape, seed).to_dtype(DType::F32);
    // By the general kernel, and by Winograd's.
    for (inputs, size) in [(7, 9), (32, 45)] {
        let x = value(&[2, inputs, size, size], 1)?;
        let weight = Var::from_tensor(&value(&[40, inputs, 3, 3], 2)?)?;
        let shared = weight.as_detached_tensor();
        assert!(!shared.track_op());
        let run =
            |weight: &Tensor| conv2d(&x, weight, None, &config(1))?.flatten_all()?.to_vec1::<f32>();
        let before = run(&shared)?;
        assert_eq!(run(&shared)?, before);
        weight.set(&value(&[40, inputs, 3, 3], 3)?)?;
        assert_ne!(run(&shared)?, before);
        assert_eq!(run(&shared)?, run(weight.as_tensor())?, "as where nothing is kept");
    }
    Ok(())
}
