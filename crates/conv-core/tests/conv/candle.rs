//! candle-nn's configurations mean the same here: forward values against candle's own layers, whose
//! forward passes are right.

use candle_core::{DType, Device, Module, Result, Tensor};
use conv_core::{conv_transpose1d, conv_transpose2d, conv1d, conv2d};

fn assert_equal(found: &Tensor, expected: &Tensor) -> Result<()> {
    assert_eq!(found.dims(), expected.dims());
    let difference = (found - expected)?.abs()?.flatten_all()?.max(0)?;
    assert!(difference.to_scalar::<f64>()? < 1e-12, "{difference}");
    Ok(())
}

#[test]
fn configurations_of_candle_give_its_forward_values() -> Result<()> {
    let weight = |shape: &[usize]| gradcheck::values(shape, 2);
    let bias = Some(gradcheck::values(4, 3));

    let x = gradcheck::values((3, 4, 9), 1);
    let config = candle_nn::Conv1dConfig {
        padding: 2,
        stride: 2,
        dilation: 2,
        groups: 2,
        ..Default::default()
    };
    let layer = candle_nn::Conv1d::new(weight(&[4, 2, 3]), bias.clone(), config);
    let found = conv1d(&x, layer.weight(), layer.bias(), &config.into())?;
    assert_equal(&found, &layer.forward(&x)?)?;

    let config = candle_nn::ConvTranspose1dConfig {
        padding: 1,
        output_padding: 1,
        stride: 3,
        dilation: 2,
        groups: 1,
    };
    let layer = candle_nn::ConvTranspose1d::new(weight(&[4, 4, 3]), bias.clone(), config);
    let found = conv_transpose1d(&x, layer.weight(), layer.bias(), &config.into())?;
    assert_equal(&found, &layer.forward(&x)?)?;

    let x = gradcheck::values((3, 4, 9, 7), 1);
    let config = candle_nn::Conv2dConfig {
        padding: 2,
        stride: 3,
        dilation: 2,
        groups: 4,
        ..Default::default()
    };
    let layer = candle_nn::Conv2d::new(weight(&[4, 1, 3, 2]), bias.clone(), config);
    let found = conv2d(&x, layer.weight(), layer.bias(), &config.into())?;
    assert_equal(&found, &layer.forward(&x)?)?;

    let config =
        candle_nn::ConvTranspose2dConfig { padding: 1, output_padding: 1, stride: 2, dilation: 1 };
    let layer = candle_nn::ConvTranspose2d::new(weight(&[4, 4, 3, 3]), bias, config);
    let found = conv_transpose2d(&x, layer.weight(), layer.bias(), &config.into())?;
    assert_equal(&found, &layer.forward(&x)?)
}

#[test]
fn defaults_are_those_of_candle() -> Result<()> {
    let x = Tensor::ones((1, 2, 5, 6), DType::F64, &Device::Cpu)?;
    let weight = Tensor::ones((3, 2, 2, 2), DType::F64, &Device::Cpu)?;
    assert_equal(
        &conv2d(&x, &weight, None, &Default::default())?,
        &candle_nn::Conv2d::new(weight.clone(), None, Default::default()).forward(&x)?,
    )
}
