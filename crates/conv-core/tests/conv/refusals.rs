//! Every impossible call is refused by an error that names the operation and both numbers.

use candle_core::{DType, Device, Result, Tensor};
use conv_core::{
    Conv1dConfig, Conv2dConfig, ConvTranspose1dConfig, ConvTranspose2dConfig, Padding2d,
    conv_transpose1d, conv_transpose2d, conv1d, conv2d,
};

fn tensor(shape: &[usize]) -> Result<Tensor> {
    Tensor::zeros(shape, DType::F32, &Device::Cpu)
}

fn text(result: conv_core::Result<Tensor>) -> String {
    match result {
        Ok(y) => format!("not refused: {:?}", y.shape()),
        Err(error) => error.to_string(),
    }
}

fn conv1d_text(x: &[usize], weight: &[usize], config: Conv1dConfig) -> Result<String> {
    Ok(text(conv1d(&tensor(x)?, &tensor(weight)?, None, &config)))
}

fn conv2d_text(x: &[usize], weight: &[usize], config: Conv2dConfig) -> Result<String> {
    Ok(text(conv2d(&tensor(x)?, &tensor(weight)?, None, &config)))
}

fn transpose1d_text(
    x: &[usize],
    weight: &[usize],
    config: ConvTranspose1dConfig,
) -> Result<String> {
    Ok(text(conv_transpose1d(&tensor(x)?, &tensor(weight)?, None, &config)))
}

#[test]
fn kernels_wider_than_the_padded_input() -> Result<()> {
    let config = Conv1dConfig { padding: (1, 0), dilation: 3, ..Default::default() };
    assert_eq!(
        conv1d_text(&[1, 1, 5], &[1, 1, 3], config)?,
        "conv1d: the kernel covers 7 along the time, the padded input has 6"
    );
    let config = Conv2dConfig::default();
    assert_eq!(
        conv2d_text(&[1, 1, 2, 9], &[1, 1, 3, 3], config)?,
        "conv2d: the kernel covers 3 along the height, the padded input has 2"
    );
    assert_eq!(
        conv2d_text(&[1, 1, 9, 2], &[1, 1, 3, 3], config)?,
        "conv2d: the kernel covers 3 along the width, the padded input has 2"
    );
    Ok(())
}

#[test]
fn zeros_where_at_least_one_is_needed() -> Result<()> {
    let (x, weight) = ([1, 2, 5], [2, 2, 3]);
    let default = Conv1dConfig::default();
    for (config, what) in [
        (Conv1dConfig { stride: 0, ..default }, "stride"),
        (Conv1dConfig { dilation: 0, ..default }, "dilation"),
        (Conv1dConfig { groups: 0, ..default }, "number of groups"),
    ] {
        let expected = format!("conv1d: the {what} is 0, expected at least 1");
        assert_eq!(conv1d_text(&x, &weight, config)?, expected);
    }
    assert!(conv1d_text(&x, &[2, 2, 0], default)?.contains("kernel size is 0"));
    assert!(conv1d_text(&[1, 0, 5], &[2, 0, 3], default)?.contains("number of channels is 0"));
    let default = Conv2dConfig::default();
    for config in
        [Conv2dConfig { stride: (0, 1), ..default }, Conv2dConfig { stride: (1, 0), ..default }]
    {
        assert!(conv2d_text(&[1, 1, 5, 5], &[1, 1, 3, 3], config)?.contains("stride is 0"));
    }
    let default = ConvTranspose1dConfig::default();
    assert!(transpose1d_text(&[1, 1, 0], &[1, 1, 3], default)?.contains("input size is 0"));
    let config = ConvTranspose1dConfig { stride: 0, ..default };
    assert!(transpose1d_text(&[1, 1, 4], &[1, 1, 3], config)?.contains("stride is 0"));
    Ok(())
}

#[test]
fn channels_that_do_not_fit() -> Result<()> {
    let grouped = Conv1dConfig { groups: 2, ..Default::default() };
    assert_eq!(
        conv1d_text(&[1, 3, 5], &[2, 1, 3], grouped)?,
        "conv1d: 3 input channels cannot be split into 2 groups"
    );
    assert_eq!(
        conv1d_text(&[1, 4, 5], &[3, 2, 3], grouped)?,
        "conv1d: 3 output channels cannot be split into 2 groups"
    );
    assert_eq!(
        conv1d_text(&[1, 4, 5], &[2, 4, 3], grouped)?,
        "conv1d: the weight is for 8 input channels, the input has 4"
    );
    assert_eq!(
        transpose1d_text(&[1, 4, 5], &[3, 2, 3], Default::default())?,
        "conv_transpose1d: the weight is for 3 input channels, the input has 4"
    );
    let config = ConvTranspose1dConfig { groups: 3, ..Default::default() };
    assert_eq!(
        transpose1d_text(&[1, 4, 5], &[4, 2, 3], config)?,
        "conv_transpose1d: 4 input channels cannot be split into 3 groups"
    );
    Ok(())
}

#[test]
fn output_that_is_impossible() -> Result<()> {
    let config = ConvTranspose1dConfig { stride: 2, output_padding: 2, ..Default::default() };
    assert_eq!(
        transpose1d_text(&[1, 1, 5], &[1, 1, 3], config)?,
        "conv_transpose1d: the output padding along the time is 2, expected less than 2 (the larger of stride and dilation)"
    );
    let x = tensor(&[1, 1, 1, 4])?;
    let weight = tensor(&[1, 1, 3, 3])?;
    let config = ConvTranspose2dConfig {
        padding: Padding2d { top: 2, bottom: 1, ..Default::default() },
        ..Default::default()
    };
    assert_eq!(
        text(conv_transpose2d(&x, &weight, None, &config)),
        "conv_transpose2d: the padding removes 3 along the height, the output before it has 3"
    );
    Ok(())
}

#[test]
fn mismatched_ranks_types_and_biases() -> Result<()> {
    let x = tensor(&[1, 2, 5])?;
    let weight = tensor(&[4, 2, 3])?;
    let config = Conv1dConfig::default();
    assert_eq!(
        conv1d_text(&[2, 5], &[4, 2, 3], config)?,
        "conv1d: the input has 2 dimensions [2, 5], expected [B, C, T]"
    );
    assert_eq!(
        conv1d_text(&[1, 2, 5], &[4, 2, 3, 3], config)?,
        "conv1d: the weight has 4 dimensions [4, 2, 3, 3], expected [O, C / groups, K]"
    );
    assert_eq!(
        text(conv1d(&x, &weight, Some(&tensor(&[3])?), &config)),
        "conv1d: the bias has shape [3], expected [4]"
    );
    assert_eq!(
        text(conv1d(&x, &weight.to_dtype(DType::F64)?, None, &config)),
        "conv1d: the weight is F64, the input is F32"
    );
    let bias = tensor(&[4])?.to_dtype(DType::F16)?;
    assert_eq!(
        text(conv1d(&x, &weight, Some(&bias), &config)),
        "conv1d: the bias is F16, the input is F32"
    );
    for dtype in [DType::U8, DType::U32, DType::I64] {
        assert_eq!(
            text(conv1d(&x.to_dtype(dtype)?, &weight.to_dtype(dtype)?, None, &config)),
            format!("conv1d: the input is {dtype:?}, expected F32, F64, F16 or BF16")
        );
    }
    Ok(())
}

#[test]
fn sizes_that_overflow_or_exceed_memory() -> Result<()> {
    let (x, weight) = ([1, 1, 5], [1, 1, 3]);
    let default = Conv1dConfig::default();
    for config in [
        Conv1dConfig { padding: (usize::MAX, 1), ..default },
        Conv1dConfig { padding: (usize::MAX / 2, 0), ..default },
        Conv1dConfig { dilation: usize::MAX, ..default },
        Conv1dConfig { groups: usize::MAX, ..default },
    ] {
        let text = conv1d_text(&x, &weight, config)?;
        let refused =
            text.starts_with("conv1d: ") && (text.contains("overflows") || text.contains("groups"));
        assert!(refused, "{text}");
    }
    let config = Conv1dConfig { padding: (1 << 58, 0), ..default };
    assert!(conv1d_text(&x, &weight, config)?.contains("no memory for a result of"));
    let config = Conv2dConfig { padding: Padding2d::all(1 << 33), ..Default::default() };
    assert!(conv2d_text(&[1, 1, 5, 5], &[1, 1, 3, 3], config)?.contains("output overflows"));
    let config = ConvTranspose1dConfig { stride: usize::MAX / 2, ..Default::default() };
    assert!(transpose1d_text(&x, &weight, config)?.contains("overflows"));
    Ok(())
}

/// A refusal passes through candle's error type with its text, for models whose layers return that.
#[test]
fn refusals_keep_their_text_as_candle_errors() -> Result<()> {
    let config = Conv1dConfig { stride: 0, ..Default::default() };
    let Err(error) = conv1d(&tensor(&[1, 1, 5])?, &tensor(&[1, 1, 3])?, None, &config) else {
        panic!("not refused")
    };
    let error = candle_core::Error::from(error);
    assert!(error.to_string().contains("conv1d: the stride is 0"), "{error}");
    Ok(())
}
