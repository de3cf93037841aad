use super::*;
use crate::{Parameters, rng};
use candle_core::{Device, Var};
use gradcheck::values;
use proptest::prelude::*;

/// Large, so that two close elements do not make it too steep for finite differences.
const CONFIG: BatchNormConfig = BatchNormConfig { epsilon: 0.1, momentum: 0.1 };

fn norm(channels: usize, weight: &Tensor, bias: &Tensor) -> candle_core::Result<BatchNorm> {
    let mean = values(channels, 7);
    let variance = (values(channels, 8).sqr()? + 0.5)?;
    Ok(BatchNorm::new(weight.clone(), bias.clone(), mean, variance, CONFIG))
}

fn run(layer: &BatchNorm, x: &Tensor, training: bool) -> Result<Tensor> {
    let mut stream = rng::seeded(1, "step");
    let mut mode = if training { Mode::Train(&mut stream) } else { Mode::Eval };
    layer.forward(x, &mut mode)
}

/// Rows of a fully connected layer: as many sums of one number as samples.
#[test]
fn moments_of_many_rows_far_from_zero_are_right() -> candle_core::Result<()> {
    let rows = 2_000_000;
    // ±1 around the means by turns: the variance is 1.
    let row = |i: usize| if i.is_multiple_of(2) { [1001.0f32, -3.0] } else { [999.0, -5.0] };
    let x: Vec<f32> = (0..rows).flat_map(row).collect();
    let x = Tensor::from_vec(x, (rows, 2), &Device::Cpu)?;
    for [mean, variance] in batch_moments(&x)? {
        assert!((mean - 1000.0).abs().min((mean + 4.0).abs()) < 1e-3, "{mean}");
        assert!((variance - 1.0).abs() < 1e-5, "{variance}");
    }
    Ok(())
}

#[test]
fn rectified_it_is_a_rectifier_behind_it() -> candle_core::Result<()> {
    let x = Var::from_tensor(&values((3, 4, 5, 7), 1))?;
    let weight = Var::from_tensor(&values(4, 2))?;
    let bias = Var::from_tensor(&values(4, 3))?;
    let flat = |t: &Tensor| t.flatten_all()?.to_vec1::<f64>();
    for train in [true, false] {
        let run = |fused: bool| -> candle_core::Result<Vec<Vec<f64>>> {
            let mut stream = rng::seeded(1, "step");
            let mut mode = if train { Mode::Train(&mut stream) } else { Mode::Eval };
            let norm = norm(4, &weight, &bias)?;
            let y = if fused {
                norm.forward_relu(&x, &mut mode)?
            } else {
                crate::relu(&norm.forward(&x, &mut mode)?)?
            };
            let gradients = y.sqr()?.backward()?;
            let of = [&x, &weight, &bias].map(|t| gradients.get(t).map(flat));
            let all = of.into_iter().flatten().collect::<candle_core::Result<Vec<_>>>()?;
            assert_eq!(all.len(), 3);
            Ok([vec![flat(&y)?], all].concat())
        };
        let found = run(true)?;
        assert!(found[0].contains(&0.0) && found[0].iter().any(|&y| y > 0.5));
        assert_eq!(found, run(false)?);
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_gradients_are_right(
        samples in 2usize..4, channels in 1usize..4, time in 1usize..4, training: bool, seed: u64,
    ) {
        let x = values((time, channels, samples), seed);
        let inputs = [x, values(channels, seed ^ 1), values(channels, seed ^ 2)];
        gradcheck::check("batch_norm", &inputs, |t| {
            let layer = norm(channels, &t[1], &t[2])?;
            Ok(run(&layer, &t[0].transpose(0, 2)?, training)?)
        });
    }
}

#[test]
fn the_composition_agrees_in_values_and_gradients() {
    let inputs = [values((4, 3, 5, 6), 1), values(3, 2), values(3, 3)];
    for training in [true, false] {
        gradcheck::check_same(
            "batch_norm",
            &inputs,
            |t| Ok(run(&norm(3, &t[1], &t[2])?, &t[0], training)?),
            |t| Ok(norm(3, &t[1], &t[2])?.composed(&t[0], training)?.0),
        );
    }
}

#[test]
fn running_statistics_are_stored_and_no_optimiser_moves_them() -> candle_core::Result<()> {
    let parameters = Parameters::new(1);
    let layer = batch_norm(2, CONFIG, parameters.builder(DType::F64, &Device::Cpu))?;
    let x = values((3, 2, 4), 1);
    let gradients = run(&layer, &x, true)?.sqr()?.sum_all()?.backward()?;
    let mean = x.mean((0, 2))?.to_vec1::<f64>()?;
    let stored = &parameters.tensors()["running_mean"];
    for (stored, mean) in stored.to_vec1::<f64>()?.iter().zip(mean) {
        assert!((stored - 0.1 * mean).abs() < 1e-12, "{stored} {mean}");
    }
    for (name, var) in parameters.vars() {
        assert_eq!(gradients.get(&var).is_some(), !name.starts_with("running"), "{name}");
    }
    // Evaluation takes them, and leaves them alone.
    let before = parameters.tensors()["running_var"].copy()?.to_vec1::<f64>()?;
    run(&layer, &x, false)?;
    assert_eq!(parameters.tensors()["running_var"].to_vec1::<f64>()?, before);
    Ok(())
}

#[test]
fn misfits_are_named() -> candle_core::Result<()> {
    let layer = norm(3, &values(3, 1), &values(3, 2))?;
    let text = |x: Tensor, training| {
        run(&layer, &x, training).err().map(|e| e.to_string()).unwrap_or_default()
    };
    let expected = "batch_norm: its input has shape [2, 4], expected [B, 3, …]";
    assert_eq!(text(values((2, 4), 1), true), expected);
    let expected =
        "batch_norm: its input has shape [1, 3], expected two values a channel to train on";
    assert_eq!(text(values((1, 3), 1), true), expected);
    assert_eq!(text(values((1, 3), 1), false), "");
    let single = values((2, 3), 1).to_dtype(DType::F32)?;
    assert_eq!(text(single, false), "batch_norm: weight is F64, expected F32");
    assert_eq!(run(&layer, &values((0, 3, 2), 1), false)?.dims(), [0, 3, 2]);
    Ok(())
}
