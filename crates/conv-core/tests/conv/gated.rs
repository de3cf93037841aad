//! A gated convolution is a convolution with a gated linear unit behind it.

use candle_core::{DType, Device, Result, Tensor, Var};
use conv_core::{Conv1dConfig, conv1d, conv1d_glu};

fn values(shape: &[usize], seed: u64) -> Result<Tensor> {
    gradcheck::values(shape, seed).to_dtype(DType::F32)
}

/// By the general kernel of one slice of the depth and of several, and by Winograd's; a single
/// channel; no bias.
#[test]
fn it_computes_what_a_gated_linear_unit_behind_it_does() -> Result<()> {
    for (inputs, outputs, time, kernel, has_bias) in
        [(5, 9, 40, 3, true), (600, 5, 7, 1, true), (64, 70, 90, 3, true), (3, 1, 50, 2, false)]
    {
        let x = values(&[3, inputs, time], 1)?;
        let weight = values(&[2 * outputs, inputs, kernel], 2)?;
        let bias = values(&[2 * outputs], 3)?;
        let bias = has_bias.then_some(&bias);
        let config = Conv1dConfig { padding: (kernel - 1, 0), ..Default::default() };
        let y = conv1d(&x, &weight, bias, &config)?;
        let [a, b] = [0, outputs].map(|first| y.narrow(1, first, outputs));
        let expected = (a? / (b?.neg()?.exp()? + 1.0)?)?;
        let found = conv1d_glu(&x, &weight, bias, &config)?;
        assert_eq!(found.dims(), [3, outputs, time]);
        let largest = y.abs()?.max_all()?.to_scalar::<f32>()?;
        let error = (found - expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(error <= 3e-5 * largest, "{inputs} → {outputs}: {error} of {largest}");
    }
    Ok(())
}

#[test]
fn its_gradients_are_right_and_its_values_the_same_where_they_are_wanted() -> Result<()> {
    let config = Conv1dConfig { padding: (1, 1), stride: 2, ..Default::default() };
    let arguments =
        [gradcheck::values((2, 3, 9), 1), gradcheck::values((4, 3, 3), 2), gradcheck::values(4, 3)];
    gradcheck::check("conv1d_glu", &arguments, |t| {
        Ok(conv1d_glu(&t[0], &t[1], Some(&t[2]), &config)?)
    });
    gradcheck::check("conv1d_glu without a bias", &arguments[..2], |t| {
        Ok(conv1d_glu(&t[0], &t[1], None, &config)?)
    });
    let x = values(&[2, 64, 40], 1)?;
    let weight = values(&[48, 64, 3], 2)?;
    let tracked = Var::from_tensor(&weight)?;
    let run = |weight: &Tensor| conv1d_glu(&x, weight, None, &Conv1dConfig::default());
    let found = run(&tracked)?;
    let expected = run(&weight)?;
    assert!(found.track_op() && !expected.track_op());
    let error = (found - expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
    assert!(error < 1e-5, "{error}");
    Ok(())
}

#[test]
fn what_it_cannot_take_is_refused_by_name() -> Result<()> {
    let x = values(&[1, 4, 5], 1)?;
    let plain = Conv1dConfig::default();
    let message = |x: &Tensor, weight: &Tensor, config| {
        conv1d_glu(x, weight, None, config).err().map(|error| error.to_string()).unwrap_or_default()
    };
    for (found, expected) in [
        (
            message(&x, &values(&[3, 4, 1], 2)?, &plain),
            "conv1d_glu: 3 output channels, expected an even number",
        ),
        (
            message(&x, &values(&[4, 2, 1], 2)?, &Conv1dConfig { groups: 2, ..plain }),
            "conv1d_glu: 2 groups, expected one, or conv1d and a gated linear unit",
        ),
    ] {
        assert_eq!(found, expected);
    }
    Ok(())
}

#[test]
fn half_precision_is_computed_in_f32_and_nothing_gives_nothing() -> Result<()> {
    let half = |t: Tensor| t.to_dtype(DType::BF16);
    let x = half(values(&[2, 4, 5], 1)?)?;
    let weight = half(values(&[6, 4, 3], 2)?)?;
    assert_eq!(conv1d_glu(&x, &weight, None, &Conv1dConfig::default())?.dtype(), DType::BF16);
    let none = Tensor::zeros((0, 4, 5), DType::BF16, &Device::Cpu)?;
    assert_eq!(conv1d_glu(&none, &weight, None, &Conv1dConfig::default())?.dims(), [0, 3, 3]);
    Ok(())
}
