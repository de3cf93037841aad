//! The network beside torchvision's, with weights by formula; `tests/reference/make_training.py`
//! wrote down what torchvision has.

use super::{MaskRcnn, Targets, mask_rcnn};
use crate::config::{Proposals, Sampling};
use crate::{Architecture, BoundingBox, Config, Result};
use candle_core::{DType, Device, Tensor};
use conv_nn::{Init, Parameters, rng};
use std::collections::BTreeMap;

#[path = "../../../conv-vision/tests/seeded/mod.rs"]
mod seeded;

/// Of a tensor's largest number, and of its norm.
const TOLERANCE: f64 = 1e-4;

/// As many as there are.
const ALL: usize = 1 << 14;

const SIDES: (usize, usize) = (96, 64);

fn fixture(name: &str) -> BTreeMap<String, Tensor> {
    conv_hub::read_safetensors(&seeded::reference(name), Some(DType::F64)).unwrap()
}

/// The numbers that `make_training.py` gives the parameter `name`.
fn weight(name: &str, shape: &[usize]) -> Tensor {
    let numbers = |bound| seeded::numbers(name, shape, bound);
    let moved = |by: f64, bound| (numbers(bound) + by).unwrap();
    match shape {
        _ if name.ends_with("running_var") => moved(1.0, 0.5),
        [_] if name.ends_with(".weight") => moved(0.5, 0.25),
        [_] => numbers(0.1),
        [_, rest @ ..] => numbers((6.0 / rest.iter().product::<usize>() as f64).sqrt()),
        [] => unreachable!("a parameter has a shape"),
    }
}

/// The network with weights by formula, each a parameter or a buffer as training has it.
fn network(config: &Config, dtype: DType) -> (MaskRcnn, Parameters) {
    // The shapes are those of a network whose values are drawn.
    let drawn = Parameters::new(1);
    mask_rcnn(config, &drawn.builder(DType::F32, &Device::Cpu)).unwrap();
    let by_formula = |(name, value): (String, Tensor)| {
        let weight = weight(&name, value.dims());
        (name, weight)
    };
    let tensors = drawn.tensors().into_iter().map(by_formula).collect();
    let parameters = Parameters::warm(1, tensors);
    (mask_rcnn(config, &parameters.builder(dtype, &Device::Cpu)).unwrap(), parameters)
}

fn pictures(dtype: DType) -> Tensor {
    let shape = [2, 3, SIDES.1, SIDES.0];
    seeded::numbers("picture", &shape, 2.0).to_dtype(dtype).unwrap()
}

/// Boxes whose masks are the ellipses within them.
fn targets(boxes: &[[f32; 4]], classes: &[usize]) -> Targets {
    let (width, height) = SIDES;
    let pixels = boxes.iter().flat_map(|&[left, top, right, bottom]| {
        (0..width * height).map(move |at| {
            let x = (at % width) as f32 + 0.5;
            let y = (at / width) as f32 + 0.5;
            let across = (2.0 * x - left - right) / (right - left);
            let down = (2.0 * y - top - bottom) / (bottom - top);
            if across * across + down * down < 1.0 { 1f32 } else { 0.0 }
        })
    });
    let pixels: Vec<f32> = pixels.collect();
    Targets {
        sides: SIDES,
        boxes: boxes.iter().map(|&[a, b, c, d]| BoundingBox::new(a, b, c, d)).collect(),
        classes: classes.to_vec(),
        masks: Tensor::from_vec(pixels, (boxes.len(), 1, height, width), &Device::Cpu).unwrap(),
        attributes: Vec::new(),
        measures: vec![Vec::new(); boxes.len()],
    }
}

fn both_targets() -> [Targets; 2] {
    [
        targets(&[[10.3, 8.6, 41.1, 40.2], [50.7, 20.4, 71.3, 51.8]], &[0, 1]),
        targets(&[[20.6, 10.3, 62.2, 50.9]], &[1]),
    ]
}

fn near(name: &str, found: &Tensor, fixture: &BTreeMap<String, Tensor>) {
    let expected = fixture[name].to_vec1::<f64>().unwrap();
    let values = found.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
    let values = values.to_vec1::<f64>().unwrap();
    let norm = values.iter().map(|x| x * x).sum::<f64>().sqrt();
    let largest = values.iter().fold(0f64, |a, b| a.max(b.abs()));
    let count = expected.len() - 2;
    let picked = (0..count).map(|at| values[at * values.len() / count]);
    let elements = [largest].into_iter().chain(picked).zip(&expected[1..]);
    let error = elements.map(|(a, b)| (a - b).abs()).fold(0f64, f64::max) / expected[1];
    let of_norm = (norm - expected[0]).abs() / expected[0];
    assert!(
        of_norm < TOLERANCE && error < TOLERANCE,
        "{name}: norm {of_norm:e}, elements {error:e}"
    );
}

fn losses_are_near(losses: &super::Losses, fixture: &BTreeMap<String, Tensor>) {
    let known =
        fixture.iter().filter_map(|(name, value)| Some((name.strip_prefix("loss of ")?, value)));
    let mut count = 0;
    for (name, expected) in known {
        let (_, found) = losses.named().into_iter().find(|(own, _)| *own == name).unwrap();
        let found = found.to_dtype(DType::F64).unwrap().to_scalar::<f64>().unwrap();
        let expected = expected.to_vec1::<f64>().unwrap()[0];
        let error = (found - expected).abs() / expected;
        assert!(error < TOLERANCE, "{name}: {found}, torchvision has {expected}");
        count += 1;
    }
    assert_eq!(count, 5);
}

#[test]
fn a_large_one_equals_torchvision() -> Result<()> {
    let usual = Config::torchvision(Architecture::ResNet50, 3);
    let proposals = Proposals {
        before_nms_in_training: Some(30),
        in_training: 60,
        nms: 1.0,
        ..usual.proposals
    };
    let sampling = Sampling { anchors: ALL, proposals: ALL };
    let config = Config { proposals, sampling, ..usual };
    let (network, parameters) = network(&config, DType::F32);
    // As torchvision counts, frozen normalisation left out.
    assert_eq!(parameters.count(), 43_933_159);
    let fixture = fixture("resnet50.safetensors");
    let x = pictures(DType::F32);
    let levels = network.features(&x)?;
    assert_eq!(levels.len(), 5);
    for (at, level) in levels.iter().enumerate() {
        near(&format!("level{at}"), level, &fixture);
    }
    let proposed = network.propose(&levels, &x)?;
    near("objectness", &proposed.objectness, &fixture);
    near("differences", &proposed.differences, &fixture);
    let boxes = [
        (0, BoundingBox::new(5.2, 3.1, 60.7, 80.4)),
        (0, BoundingBox::new(-20.0, -10.0, 120.0, 110.0)),
        (1, BoundingBox::new(-100.0, -90.5, 200.0, 180.0)),
        (1, BoundingBox::new(-200.0, -200.0, 300.0, 300.0)),
    ];
    let features = network.heads.box_features(&levels, &boxes)?;
    near("features", &features, &fixture);
    let (classes, differences) = network.heads.classify(&features)?;
    near("classes", &classes, &fixture);
    near("boxes", &differences, &fixture);
    near("masks", &network.heads.masks(&levels, &boxes)?, &fixture);
    let losses = network.losses(&x, &both_targets(), &mut rng::seeded(1, "draw"))?;
    losses_are_near(&losses, &fixture);
    Ok(())
}

#[test]
fn the_slim_one_learns_as_torchvision_does() -> Result<()> {
    let usual = Config::default();
    let proposals = Proposals { before_nms: ALL, in_training: ALL, nms: 1.0, ..usual.proposals };
    let sampling = Sampling { anchors: ALL, proposals: ALL };
    let config = Config { classes: 2, proposals, sampling, ..usual };
    let (network, parameters) = network(&config, DType::F64);
    let fixture = fixture("slim.safetensors");
    let losses =
        network.losses(&pictures(DType::F64), &both_targets(), &mut rng::seeded(1, "draw"))?;
    losses_are_near(&losses, &fixture);
    let gradients = losses.total()?.backward()?;
    for (name, variable) in parameters.vars() {
        let gradient = gradients.get(&variable).unwrap();
        near(&format!("gradient of {name}"), gradient, &fixture);
    }
    assert_eq!(parameters.vars().len(), fixture.len() - 5);
    Ok(())
}

#[test]
fn frozen_normalisation_is_stored_and_is_no_parameter() -> Result<()> {
    let config = Config {
        pyramid: 8,
        box_features: 8,
        mask_channels: 8,
        ..Config::torchvision(Architecture::ResNet18, 1)
    };
    let parameters = Parameters::new(1);
    let vb = parameters.builder(DType::F32, &Device::Cpu);
    // What is asked for as a buffer before stays one: so is a stage frozen.
    vb.get_with_hints((64, 3, 7, 7), "backbone.body.conv1.weight", Init::Buffer(Box::default()))?;
    mask_rcnn(&config, &vb)?;
    let stored = parameters.tensors();
    for name in ["bn1.weight", "bn1.running_var", "layer2.0.downsample.1.bias", "conv1.weight"] {
        let name = format!("backbone.body.{name}");
        assert!(stored.contains_key(&name) && parameters.is_buffer(&name), "{name}");
    }
    assert!(!parameters.is_buffer("backbone.body.layer1.0.conv1.weight"));
    Ok(())
}
