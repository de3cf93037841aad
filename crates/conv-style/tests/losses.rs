//! The losses and their gradient beside PyTorch's (`reference/make_losses.py`); what stops a
//! painting and what does not.
#![allow(clippy::unwrap_used)]

#[path = "../../conv-vision/tests/seeded/mod.rs"]
mod seeded;

use candle_core::{Device, Tensor, Var};
use conv_style::{End, LossConfig, LossNetwork, Painting, Sources, StyleTarget, Targets, paint};
use conv_vision::{Architecture, Picture, Pretrained};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Case {
    average_pooling: bool,
    styles: usize,
    content: f64,
    style: f64,
    tv: f64,
    largest: f64,
    gradient: Vec<f64>,
}

fn model(weights: &BTreeMap<String, Tensor>) -> Pretrained {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("weights.safetensors");
    seeded::save(weights, &path);
    Pretrained::open(&path, &Device::Cpu).unwrap()
}

fn squeezenet() -> Pretrained {
    model(&seeded::weights(Architecture::SqueezeNet))
}

fn config() -> LossConfig {
    let config = LossConfig::of(Architecture::SqueezeNet);
    LossConfig { content_weight: 2.0, style_weight: 3e-5, total_variation_weight: 0.25, ..config }
}

#[test]
fn losses_and_gradient_equal_pytorch() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("reference/losses.json")).unwrap();
    let model = squeezenet();
    for case in cases {
        let config = LossConfig { average_pooling: case.average_pooling, ..config() };
        let losses = LossNetwork::new(&model, config).unwrap();
        let picture =
            |name, width, height| seeded::noise(name, width, height).tensor(&Device::Cpu).unwrap();
        let mut targets = Targets::new(
            losses.content_of(&picture("content", 48, 40)).unwrap(),
            losses.style_of(&picture("style", 36, 52)).unwrap(),
        );
        if case.styles == 2 {
            targets.styles[0].weight = 0.75;
            // More and more to the right.
            let ramp = |mask: &Tensor| {
                let (_, _, height, width) = mask.dims4().unwrap();
                let row = Tensor::arange(1f32, width as f32 + 1.0, &Device::Cpu).unwrap();
                (row / width as f64).unwrap().broadcast_as((1, 1, height, width)).unwrap()
            };
            let white = Picture::new(48, 40, vec![255; 3 * 48 * 40]).unwrap();
            let masks = losses.masks_of(&white).unwrap().iter().map(ramp).collect();
            targets.styles.push(StyleTarget {
                grams: losses.style_of(&picture("another", 40, 40)).unwrap(),
                weight: 0.25,
                masks: Some(masks),
            });
        }
        let x = Var::from_tensor(&picture("start", 48, 40)).unwrap();
        let terms = losses.loss(&x, &targets).unwrap();
        let [total, content, style, tv] = terms.numbers().unwrap();
        let expected = [case.content + case.style + case.tv, case.content, case.style, case.tv];
        for (found, expected) in [total, content, style, tv].iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < 1e-4, "{found} is not {expected}");
        }
        let gradients = terms.total.backward().unwrap();
        let found = gradients.get(&x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let largest = found.iter().fold(0f32, |most, x| most.max(x.abs()));
        assert!((f64::from(largest) / case.largest - 1.0).abs() < 1e-4);
        for (at, expected) in case.gradient.iter().enumerate() {
            let found = f64::from(found[at * found.len() / 64]);
            assert!(
                (found - expected).abs() < 1e-4 * case.largest,
                "{at}: {found} is not {expected}"
            );
        }
    }
}

#[test]
fn nothing_but_the_picture_is_tracked() {
    let losses = LossNetwork::new(&squeezenet(), config()).unwrap();
    let picture = seeded::noise("start", 40, 40).tensor(&Device::Cpu).unwrap();
    let targets =
        Targets::new(losses.content_of(&picture).unwrap(), losses.style_of(&picture).unwrap());
    // No weight is a variable.
    assert!(!losses.loss(&picture, &targets).unwrap().total.track_op());
    let x = Var::from_tensor(&picture).unwrap();
    let gradients = losses.loss(&x, &targets).unwrap().total.backward().unwrap();
    assert!(gradients.get(&x).is_some());
}

#[test]
fn the_loss_falls_and_the_style_may_be_smaller_than_the_picture() {
    let losses = LossNetwork::new(&squeezenet(), LossConfig::of(Architecture::SqueezeNet)).unwrap();
    let painting = Painting { size: 48, steps: 8, ..Painting::default() };
    let photo = seeded::noise("photo", 60, 50);
    let style = seeded::noise("style", 33, 29);
    let paint = |watch: &mut dyn FnMut(usize) -> bool| {
        paint(&losses, &Sources::new(photo.clone(), style.clone()), &painting, |stroke| {
            watch(stroke.step)
        })
        .unwrap()
    };
    let painted = paint(&mut |_| true);
    assert_eq!((painted.picture.width(), painted.picture.height()), (48, 40));
    assert_eq!((painted.styles[0].width(), painted.styles[0].height()), (33, 29));
    let [first, .., last] = painted.strokes.as_slice() else { panic!("{:?}", painted.strokes) };
    assert!(last.loss < 0.5 * first.loss && last.step == 8, "{first:?} {last:?}");
    // The photograph itself has no content loss.
    assert_eq!((painted.end, first.content), (End::Completed, 0.0));
    assert!(
        (last.content + last.style + last.total_variation - last.loss).abs() < 1e-3 * last.loss
    );
    // The same bits again, and a stop in between.
    assert_eq!(paint(&mut |_| true).picture, painted.picture);
    let stopped = paint(&mut |step| step < 3);
    assert_eq!((stopped.end, stopped.strokes.len()), (End::Stopped, 4));
    assert_eq!(stopped.strokes[3].loss, painted.strokes[3].loss);
}

/// jcjohnson/neural-style #423: a black picture after hours.
#[test]
fn a_loss_that_is_not_finite_stops_and_keeps_the_last_good_picture() {
    let config = LossConfig { style_weight: 1e38, ..LossConfig::of(Architecture::SqueezeNet) };
    let losses = LossNetwork::new(&squeezenet(), config).unwrap();
    let photo = seeded::noise("photo", 40, 40);
    let style = seeded::noise("style", 40, 40);
    let painting = Painting { size: 40, steps: 5, ..Painting::default() };
    let painted =
        paint(&losses, &Sources::new(photo.clone(), style.clone()), &painting, |_| true).unwrap();
    let End::NotFinite { step, loss } = painted.end else { panic!("{:?}", painted.end) };
    assert!(step == 1 && !loss.is_finite());
    assert_eq!(painted.picture, photo);
}

/// jcjohnson/neural-style #47: losses that stand still, since the deep layers have nothing left.
#[test]
fn layers_without_positions_are_named() {
    let losses = LossNetwork::new(&squeezenet(), LossConfig::of(Architecture::SqueezeNet)).unwrap();
    let photo = seeded::noise("photo", 200, 200);
    let style = seeded::noise("style", 200, 200);
    let error = |size| {
        let painting = Painting { size, steps: 1, ..Painting::default() };
        paint(&losses, &Sources::new(photo.clone(), style.clone()), &painting, |_| true)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error(20),
        "the picture of 20 × 20 pixels is too small: of fire7/concat has 1, where at least 2 positions are needed; \
         take a larger --size, or leave these layers out"
    );
    assert!(
        error(4).contains("fire5/concat has 0, conv1 has 1, fire2/concat has 0"),
        "{}",
        error(4)
    );
    let small = seeded::noise("style", 12, 9);
    let painting = Painting { size: 64, steps: 1, ..Painting::default() };
    let text = paint(&losses, &Sources::new(photo.clone(), small), &painting, |_| true)
        .unwrap_err()
        .to_string();
    assert!(text.starts_with("the style of 12 × 9 pixels is too small"), "{text}");
}

#[test]
fn what_makes_no_loss_is_refused() {
    let model = squeezenet();
    let error = |config| LossNetwork::new(&model, config).map(|_| ()).unwrap_err().to_string();
    let base = || LossConfig::of(Architecture::SqueezeNet);
    assert!(error(LossConfig { style: Vec::new(), ..base() }).starts_with("style is empty"));
    let text = error(LossConfig { content_weight: f64::NAN, ..base() });
    assert_eq!(text, "content_weight is NaN, expected a finite number of at least 0");
    let text = error(LossConfig::of(Architecture::Vgg16));
    assert!(text.starts_with("SqueezeNet 1.1 has no layer \"conv4_2\""), "{text}");
}
