//! The network by itself, small and with values that are drawn: its losses, their gradients, and
//! that nothing depends on the batch.
#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device, Tensor};
use conv_detect::{
    Attribute, Backbone, BoundingBox, Config, Detector, Input, MaskRcnn, Measure, Picture, Slim,
    Targets, UNKNOWN, mask_rcnn,
};
use conv_nn::{Parameters, rng::seeded};

fn config() -> Config {
    Config {
        input: Input { short_side: 64, long_side: 96 },
        backbone: Backbone::Slim(Slim { stem: 8, stages: [8, 8, 16, 16], groups: 4 }),
        pyramid: 8,
        box_features: 16,
        mask_layers: 1,
        mask_channels: 8,
        attributes: vec![Attribute { name: "color".into(), values: vec!["a".into(), "b".into()] }],
        measures: vec![Measure { name: "right".into(), mirrors: true }],
        ..Config::default()
    }
}

fn network(seed: u64) -> (MaskRcnn, Parameters) {
    let parameters = Parameters::new(seed);
    let vb = parameters.builder(DType::F32, &Device::Cpu);
    (mask_rcnn(&config(), &vb).unwrap(), parameters)
}

/// Two pictures of 96 × 64.
fn pictures() -> Tensor {
    gradcheck::values((2, 3, 64, 96), 1).to_dtype(DType::F32).unwrap()
}

/// The objects of a picture: boxes filled by their masks.
fn targets(boxes: &[[f32; 4]], color: u32, right: f32) -> Targets {
    let pixels = boxes.iter().flat_map(|&[left, top, right, bottom]| {
        (0..64 * 96).map(move |at| {
            let x = (at % 96) as f32 + 0.5;
            let y = (at / 96) as f32 + 0.5;
            if x > left && x < right && y > top && y < bottom { 1f32 } else { 0.0 }
        })
    });
    let pixels: Vec<f32> = pixels.collect();
    Targets {
        sides: (96, 64),
        boxes: boxes.iter().map(|&[a, b, c, d]| BoundingBox::new(a, b, c, d)).collect(),
        classes: vec![0; boxes.len()],
        masks: Tensor::from_vec(pixels, (boxes.len(), 1, 64, 96), &Device::Cpu).unwrap(),
        attributes: vec![vec![color; boxes.len()]],
        measures: vec![vec![right]; boxes.len()],
    }
}

fn value(loss: &Tensor) -> f32 {
    loss.to_scalar().unwrap()
}

#[test]
fn every_parameter_has_a_gradient() {
    let (network, parameters) = network(1);
    let some = [
        targets(&[[10.0, 8.0, 40.0, 40.0], [50.0, 20.0, 70.0, 50.0]], 1, 0.5),
        targets(&[[20.0, 10.0, 60.0, 50.0]], 0, -0.5),
    ];
    let losses = network.losses(&pictures(), &some, &mut seeded(1, "draw")).unwrap();
    for (name, loss) in losses.named() {
        assert!(value(loss) > 0.0 && value(loss).is_finite(), "{name} is {}", value(loss));
    }
    let gradients = losses.total().unwrap().backward().unwrap();
    for (name, variable) in parameters.vars() {
        let gradient = gradients.get(&variable);
        let Some(gradient) = gradient else { panic!("{name} has no gradient") };
        let largest = gradient.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(largest > 0.0 && largest.is_finite(), "{name}: {largest}");
    }
    // The same stream draws the same, another one others.
    let again = |stream: &str| {
        value(&network.losses(&pictures(), &some, &mut seeded(1, stream)).unwrap().total().unwrap())
    };
    let total = value(&losses.total().unwrap());
    assert_eq!(again("draw"), total);
    assert_ne!(again("other"), total);
}

#[test]
fn pictures_without_objects_and_objects_of_which_little_is_known_have_finite_losses() {
    let (network, parameters) = network(2);
    let none = || targets(&[], 0, 0.0);
    let unknown = targets(&[[10.0, 8.0, 40.0, 40.0]], UNKNOWN, f32::NAN);
    for targets in [[none(), none()], [unknown, none()]] {
        let losses = network.losses(&pictures(), &targets, &mut seeded(1, "draw")).unwrap();
        assert!(value(&losses.objectness) > 0.0 && value(&losses.classes) > 0.0);
        assert_eq!((value(&losses.attributes), value(&losses.measures)), (0.0, 0.0));
        let gradients = losses.total().unwrap().backward().unwrap();
        for (name, variable) in parameters.vars() {
            let Some(gradient) = gradients.get(&variable) else { continue };
            let sum = gradient.sum_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(sum.is_finite(), "{name}");
        }
    }
}

#[test]
fn a_few_steps_make_the_loss_small() {
    let (network, parameters) = network(3);
    let some = [
        targets(&[[10.0, 8.0, 40.0, 40.0]], 1, 0.5),
        targets(&[[20.0, 10.0, 60.0, 50.0]], 0, -0.5),
    ];
    let mut optimizer = conv_train::optim::Optimizer::new(
        conv_train::optim::OptimizerConfig::Adam(conv_train::optim::Adam::default()),
    )
    .unwrap();
    let mut totals = Vec::new();
    for step in 0..40 {
        let mut rng = seeded(1, &format!("step {step}"));
        let losses = network.losses(&pictures(), &some, &mut rng).unwrap();
        let total = losses.total().unwrap();
        optimizer.step(&parameters, &total.backward().unwrap(), 3e-3).unwrap();
        totals.push(value(&total));
    }
    assert!(totals[39] < 0.6 * totals[0], "{} to {}", totals[0], totals[39]);
}

#[test]
fn a_detector_answers_within_the_picture_whatever_its_size() {
    let (network, _) = network(4);
    let detector = Detector::new(network, vec!["thing".into()], &Device::Cpu).unwrap();
    for (width, height) in [(96, 64), (200, 50), (17, 90), (1, 1)] {
        let pixels = (0..3 * width * height).map(|at| (at * 37 % 251) as u8).collect();
        let picture = Picture::new(width, height, pixels).unwrap();
        let found = detector.detect(&picture).unwrap();
        assert!(!found.is_empty(), "a network of drawn values is sure of nothing");
        for instance in &found {
            let within = instance.bounding_box.clipped(width as f32, height as f32);
            let [a, b] = [within, instance.bounding_box].map(|found| found.corners());
            assert!(
                a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3),
                "{b:?} in {width}, {height}"
            );
            assert_eq!((instance.mask.width(), instance.mask.height()), (width, height));
            let sum: f32 = instance.attributes[0].probabilities.iter().sum();
            assert!((sum - 1.0).abs() < 1e-5 && instance.measure("right").is_some());
        }
        assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
    }
}

#[test]
fn of_boxes_of_several_classes_the_surest_stays_alone_by_flag() {
    let detector = |agnostic: bool| {
        let mut config = Config { classes: 3, ..config() };
        (config.detections.agnostic, config.detections.score) = (agnostic, 0.0);
        let vb = Parameters::new(6).builder(DType::F32, &Device::Cpu);
        let labels = ["a", "b", "c"].map(String::from).into();
        Detector::new(mask_rcnn(&config, &vb).unwrap(), labels, &Device::Cpu).unwrap()
    };
    let pixels = (0..3 * 64 * 96).map(|at| (at * 37 % 251) as u8).collect();
    let picture = Picture::new(96, 64, pixels).unwrap();
    let [each, alone] = [false, true].map(|agnostic| detector(agnostic).detect(&picture).unwrap());
    // The first is the same; what it covers is gone, of whatever class.
    assert_eq!(each[0], alone[0]);
    let overlap = |found: &[conv_detect::Instance]| {
        let pairs =
            found.iter().enumerate().flat_map(|(at, a)| found[..at].iter().map(move |b| (a, b)));
        pairs.filter(|(a, b)| a.bounding_box.iou(&b.bounding_box) > 0.5).count()
    };
    assert!(overlap(&each) > 0 && overlap(&alone) == 0);
}

#[test]
fn damaged_weights_and_other_labels_are_refused() {
    let (network, parameters) = network(5);
    let two = Detector::new(network.clone(), vec!["a".into(), "b".into()], &Device::Cpu);
    let text = two.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(text.contains("the number of classes is 2, expected 1"), "{text}");
    let bias = parameters.var("rpn.head.cls_logits.bias").unwrap();
    bias.set(&Tensor::full(f32::NAN, bias.shape(), &Device::Cpu).unwrap()).unwrap();
    let detector = Detector::new(network, vec!["a".into()], &Device::Cpu).unwrap();
    let picture = Picture::new(32, 32, vec![0; 3 * 32 * 32]).unwrap();
    let text = detector.detect(&picture).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(text.contains("the network gives NaN for proposals"), "{text}");
}
