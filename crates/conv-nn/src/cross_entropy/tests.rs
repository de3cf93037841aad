use super::*;
use candle_core::{Device, Module, Var};
use gradcheck::values;
use proptest::prelude::*;

const IGNORED: u32 = 99;

fn targets(list: &[u32]) -> candle_core::Result<Tensor> {
    Tensor::from_slice(list, list.len(), &Device::Cpu)
}

#[test]
fn each_place_counts_as_a_sample() -> candle_core::Result<()> {
    let logits = values((2, 4, 3, 2), 1);
    let list = [0, 3, IGNORED, 1, 2, 2, 1, 0, 3, 3, 0, 1];
    let ids = Tensor::from_slice(&list, (2, 3, 2), &Device::Cpu)?;
    let config = CrossEntropyConfig {
        ignore_index: Some(IGNORED),
        reduction: Reduction::None,
        ..CrossEntropyConfig::default()
    };
    let found = cross_entropy(&logits, &ids, &config)?.to_vec3::<f64>()?;
    for (place, id) in list.into_iter().enumerate() {
        let b = place / 6;
        let y = place / 2 % 3;
        let x = place % 2;
        let row = logits.narrow(0, b, 1)?.narrow(2, y, 1)?.narrow(3, x, 1)?;
        let alone = cross_entropy(&row.reshape((1, 4))?, &targets(&[id])?, &config)?;
        assert_eq!(alone.to_vec1::<f64>()?, [found[b][y][x]], "place {place}");
    }
    let mean = CrossEntropyConfig { reduction: Reduction::Mean, ..config };
    gradcheck::check("cross_entropy of places", std::slice::from_ref(&logits), |t| {
        Ok(cross_entropy(&t[0], &ids, &mean)?)
    });
    let text = cross_entropy(&logits, &ids.t()?, &mean).err().map(|e| e.to_string());
    assert!(text.unwrap_or_default().contains("targets has shape [2, 2, 3], expected [2, 3, 2]"));
    Ok(())
}

fn config() -> impl Strategy<Value = CrossEntropyConfig> {
    let smoothing = prop_oneof![Just(0.0), 0.0..=1.0];
    let weights = prop::option::of(prop::collection::vec(0.1f32..3.0, 4));
    let reduction = prop_oneof![Just(Reduction::Mean), Just(Reduction::Sum), Just(Reduction::None)];
    (smoothing, weights, reduction).prop_map(|(label_smoothing, class_weights, reduction)| {
        let ignore_index = Some(IGNORED);
        CrossEntropyConfig { label_smoothing, class_weights, ignore_index, reduction }
    })
}

fn some_targets() -> impl Strategy<Value = Vec<u32>> {
    // One that counts at least: the mean over none is NaN.
    prop::collection::vec(prop_oneof![4 => 0u32..4, 1 => Just(IGNORED)], 0..6).prop_map(
        |mut list| {
            list.push(2);
            list
        },
    )
}

/// A million like numbers, added one by one in f32, are rounded alike too.
#[test]
fn the_mean_of_many_losses_is_right() -> candle_core::Result<()> {
    let samples = 3_000_000;
    let logits = Tensor::zeros((samples, 2), DType::F32, &Device::Cpu)?;
    let list = Tensor::zeros(samples, DType::U32, &Device::Cpu)?;
    let layer = crate::Linear::new(Tensor::eye(2, DType::F32, &Device::Cpu)?, None);
    let config = CrossEntropyConfig::default();
    for loss in [
        cross_entropy(&logits, &list, &config)?,
        crate::linear_cross_entropy(&layer, &logits, &list, &config)?,
    ] {
        let loss = loss.to_scalar::<f32>()?;
        assert!((loss - std::f32::consts::LN_2).abs() < 1e-6, "{loss}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_gradient_is_right(list in some_targets(), config in config(), seed: u64) {
        let logits = (values((4, list.len()), seed) * 3.0)?;
        let list = targets(&list)?;
        gradcheck::check("cross_entropy", &[logits], |t| {
            Ok(cross_entropy(&t[0].t()?, &list, &config)?)
        });
    }

    #[test]
    fn the_composition_agrees(list in some_targets(), config in config(), seed: u64) {
        let logits = [values((list.len(), 4), seed)];
        let list = targets(&list)?;
        let config = CrossEntropyConfig { reduction: Reduction::None, ..config };
        gradcheck::check_same(
            "cross_entropy",
            &logits,
            |t| Ok(cross_entropy(&t[0], &list, &config)?),
            |t| Loss::new(&t[0], &list, &config)?.composed(&t[0]),
        );
    }
}

/// Of ignored samples, and of classes that weigh nothing, alone or with smoothing.
#[test]
fn a_batch_that_counts_for_nothing_has_no_mean_and_no_gradient() -> candle_core::Result<()> {
    let weigh = |weights: [f32; 4], label_smoothing| CrossEntropyConfig {
        class_weights: Some(weights.to_vec()),
        label_smoothing,
        ..Default::default()
    };
    let ignored = CrossEntropyConfig { ignore_index: Some(1), ..Default::default() };
    for config in [ignored, weigh([0.0; 4], 0.1), weigh([1.0, 0.0, 1.0, 1.0], 0.1)] {
        let x = Var::from_tensor(&values((2, 3), 1))?;
        let targets = targets(&[1, 1])?;
        let layer = crate::Linear::new(values((4, 3), 2), None);
        let whole = cross_entropy(&layer.forward(&x)?, &targets, &config)?;
        let blocks = crate::linear_cross_entropy(&layer, &x, &targets, &config)?;
        for loss in [whole, blocks] {
            assert!(loss.to_scalar::<f64>()?.is_nan(), "{loss} {config:?}");
            let gradient = loss.backward()?.get(&x).map(|g| g.to_vec2::<f64>()).transpose()?;
            assert_eq!(gradient, Some(vec![vec![0.0; 3]; 2]), "{config:?}");
        }
        let logits = layer.forward(&x)?;
        let (_, gradient) = crate::gradients::cross_entropy(&logits, &targets, &config)?;
        assert_eq!(gradient.to_vec2::<f64>()?, [[0.0; 4]; 2]);
    }
    Ok(())
}

#[test]
fn large_logits_lose_nothing() -> candle_core::Result<()> {
    let logits = Tensor::new(&[[10_000f32, 10_001.0, -1e30]], &Device::Cpu)?;
    let loss = cross_entropy(&logits, &targets(&[1])?, &Default::default())?;
    let expected = (1.0 + (-1f32).exp()).ln();
    assert!((loss.to_scalar::<f32>()? - expected).abs() < 1e-6);
    Ok(())
}

#[test]
fn misfits_are_named() -> candle_core::Result<()> {
    let logits = values((2, 4), 1);
    let message = |list: &[u32], config: CrossEntropyConfig| -> candle_core::Result<String> {
        let error = cross_entropy(&logits, &targets(list)?, &config).err();
        Ok(error.map(|e| e.to_string()).unwrap_or_default())
    };
    let plain = CrossEntropyConfig::default();
    let smooth = CrossEntropyConfig { label_smoothing: 1.5, ..plain.clone() };
    let short = CrossEntropyConfig { class_weights: Some(vec![1.0; 3]), ..plain.clone() };
    for (list, config, expected) in [
        ([3, 4].as_slice(), &plain, "cross_entropy: target 4 of sample 1 is none of the 4 classes"),
        (&[3], &plain, "cross_entropy: targets has shape [1], expected [2]"),
        (&[3, 3], &smooth, "cross_entropy: label_smoothing is 1.5, expected 0 to 1"),
        (&[3, 3], &short, "cross_entropy: class_weights has shape [3], expected [4]"),
    ] {
        assert_eq!(message(list, config.clone())?, expected);
    }
    Ok(())
}
