//! Objectives × parameters, and attributions, beside PyTorch's (`reference/make_twin.py`).
#![allow(clippy::unwrap_used)]

use candle_core::{Device, Tensor};
use conv_lens::attribute::{
    Rule, grad_cam, gradient_times_activation, integrated_gradients, occlusion,
};
use conv_lens::{Colours, Image, Kind, Objective, Transformation, turned};
use conv_vision::{Picture, Pretrained};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

fn model() -> Pretrained {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/clevr-crops");
    Pretrained::open(&path, &Device::Cpu).unwrap()
}

fn twin() -> HashMap<String, Tensor> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/twin.safetensors");
    candle_core::safetensors::load(path, &Device::Cpu).unwrap()
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.to_dtype(candle_core::DType::F64).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Within `tolerance` of the largest.
fn assert_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0f64, |most, x| most.max(x.abs()));
    let apart = found.iter().zip(expected).fold(0f64, |most, (a, b)| most.max((a - b).abs()));
    assert!(largest > 0.0 && apart <= tolerance * largest, "{what}: {apart} of {largest}");
}

#[test]
fn values_and_gradients_equal_pytorch() {
    let (model, twin) = (model(), twin());
    let texts: Vec<&str> = twin
        .keys()
        .filter_map(|name| name.strip_prefix("pixels/")?.strip_suffix("/value"))
        .collect();
    assert_eq!(texts.len(), 15);
    for (name, kind) in [("pixels", Kind::Pixels), ("spectrum", Kind::Spectrum)] {
        let stored = &twin[&format!("{name}/numbers")];
        let images: Vec<Image> = (0..2)
            .map(|at| {
                let image = Image::new(kind, Colours::Decorrelated, (8, 8), 1).unwrap();
                let values = BTreeMap::from([(name.to_string(), stored.get(at).unwrap())]);
                image.parameters().restore(&values).unwrap();
                image
            })
            .collect();
        for text in &texts {
            let objective = Objective::parse(text, &model).unwrap();
            let pixels: Vec<Tensor> = images.iter().map(|image| image.pixels().unwrap()).collect();
            let pixels = Tensor::cat(&pixels, 0).unwrap();
            // Two of eight pixels of grey on each side, then scaled and turned, grey being 0.
            let pad = Transformation { pad: 0.25, ..Transformation::NONE };
            let seen = pad.apply(&pixels, 1, 0).unwrap();
            let seen = (turned(&(seen - 127.5).unwrap(), 1.1, 0.2).unwrap() + 127.5).unwrap();
            let x = model.preprocessing.of_pixels(&seen).unwrap();
            let value = objective.value(&model, false, &x, &pixels).unwrap();
            let expected = numbers(&twin[&format!("{name}/{text}/value")]);
            assert_close(&format!("{name} {text}"), &numbers(&value), &expected, 1e-4);
            let gradients = value.sum_all().unwrap().backward().unwrap();
            let found: Vec<f64> = images
                .iter()
                .flat_map(|image| {
                    let variable = image.parameters().var(name).unwrap();
                    numbers(gradients.get(variable.as_tensor()).unwrap())
                })
                .collect();
            let expected = numbers(&twin[&format!("{name}/{text}/gradient")]);
            assert_close(&format!("{name} {text}, gradient"), &found, &expected, 1e-4);
        }
    }
}

fn photo() -> Picture {
    let level = |at: usize| ((at * 37 + at / 24 * 11) % 256) as u8;
    Picture::new(24, 24, (0..3 * 24 * 24).map(level).collect()).unwrap()
}

#[test]
fn attributions_equal_pytorch() {
    let (model, twin) = (model(), twin());
    let objective = Objective::parse("fc5:3", &model).unwrap();
    let expected = |name: &str| numbers(&twin[name]);
    let found = gradient_times_activation(&model, &objective, &photo(), "bn2").unwrap();
    let name = "gradient_times_activation";
    let positions = format!("{name}/positions");
    let channels = format!("{name}/channels");
    assert_close(&positions, &found.positions.values, &expected(&positions), 1e-4);
    assert_close(&channels, &found.channels, &expected(&channels), 1e-4);
    let found = grad_cam(&model, &objective, &photo(), "bn2").unwrap();
    let name = "grad_cam/positions";
    assert_close(name, &found.positions.values, &expected(name), 1e-4);
    let rule = Rule::GaussLegendre;
    let found = integrated_gradients(&model, &objective, &photo(), rule, 20).unwrap();
    let name = "integrated/pixels";
    assert_close(name, &found.pixels.values, &expected(name), 1e-4);
    let found = occlusion(&model, &objective, &photo(), 6, 5).unwrap();
    assert_eq!((found.rows, found.columns), (5, 5));
    assert_close("occlusion", &found.values, &expected("occlusion"), 1e-4);
}

#[test]
fn what_is_carried_adds_up() {
    let model = model();
    let objective = Objective::parse("fc5:3 - 0.5*fc5:7 + tv", &model).unwrap();
    // The last layer behind which everything is linear: activation × gradient is the logit less its
    // bias.
    let class = Objective::parse("fc5:3", &model).unwrap();
    let carried = gradient_times_activation(&model, &class, &photo(), "bn4").unwrap();
    let sum: f64 = carried.positions.values.iter().sum();
    let channels: f64 = carried.channels.iter().sum();
    let black = Picture::new(24, 24, vec![0; 3 * 24 * 24]).unwrap();
    let other = gradient_times_activation(&model, &class, &black, "bn4").unwrap();
    let bias = carried.value - sum;
    assert!((sum - channels).abs() < 1e-4 * sum.abs());
    let other_sum: f64 = other.positions.values.iter().sum();
    assert!((other.value - other_sum - bias).abs() < 1e-3 * bias.abs().max(1.0));
    // Integrated gradients, by both rules, of a sum with a part of the picture alone.
    for rule in [Rule::GaussLegendre, Rule::Riemann] {
        let found = integrated_gradients(&model, &objective, &photo(), rule, 300).unwrap();
        assert!(found.gap().abs() < 0.01, "{rule:?}: {}", found.gap());
    }
    for (text, layer, expected) in [
        ("bn1:3", "bn2", "layer is bn2, expected a layer that the objective stands on"),
        ("fc5:3", "bn9", "Conv-4 has no layer \"bn9\""),
        ("fc5:3", "bn2:4", "expected a layer without a channel"),
        ("fc5:3", "bn2/pre_relu", "expected a layer behind its rectifier"),
    ] {
        let objective = Objective::parse(text, &model).unwrap();
        let error = grad_cam(&model, &objective, &photo(), layer).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    for (window, stride) in [(0, 1), (25, 1), (4, 0)] {
        assert!(occlusion(&model, &objective, &photo(), window, stride).is_err());
    }
    assert!(integrated_gradients(&model, &objective, &photo(), Rule::Riemann, 0).is_err());
}
