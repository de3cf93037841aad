//! The shipped model in torchvision: `reference/twin.py` loaded its weights by name and wrote down
//! what they find.
#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device, Tensor};
use conv_detect::{BoundingBox, Config, Detector, Input, Limits, Picture};
use std::collections::HashMap;
use std::path::Path;

/// Features and numbers of proposals: of each tensor's largest number.
const TOLERANCE: f32 = 1e-3;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn fixture() -> HashMap<String, Tensor> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/twin.safetensors");
    candle_core::safetensors::load(path, &Device::Cpu).unwrap()
}

fn near(name: &str, found: &Tensor, expected: &Tensor) {
    assert_eq!(found.dims(), expected.dims(), "{name}");
    let largest = |t: &Tensor| t.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
    let error = largest(&(found - expected).unwrap());
    let scale = largest(expected);
    assert!(error <= TOLERANCE * scale, "{name}: {error} of {scale}");
}

/// As the network reads it, made here anew.
fn tensor(picture: &Picture) -> Tensor {
    let mean = [0.485f32, 0.456, 0.406];
    let deviation = [0.229f32, 0.224, 0.225];
    let (width, height) = (320, 256);
    let mut values = vec![0f32; 3 * width * height];
    for (at, pixel) in picture.pixels().chunks_exact(3).enumerate() {
        for channel in 0..3 {
            let value = (f32::from(pixel[channel]) / 255.0 - mean[channel]) / deviation[channel];
            values[channel * width * height + at] = value;
        }
    }
    Tensor::from_vec(values, (1, 3, height, width), &Device::Cpu).unwrap()
}

#[test]
fn torchvision_finds_the_same() {
    let twin = fixture();
    let detector = Detector::open(&root().join("data/models/clevr-objects"), &Device::Cpu).unwrap();
    let Config { input, .. } = detector.config();
    assert_eq!(*input, Input { short_side: 240, long_side: 320 });
    let path = root().join("data/samples/scenes/images/CLEVR_rendered_000004.png");
    let picture = Picture::open(&path, &Limits::default()).unwrap();
    let x = tensor(&picture);
    let levels = detector.model().features(&x).unwrap();
    let channels = Tensor::new(&[0u32, 31, 63], &Device::Cpu).unwrap();
    for (at, level) in levels.iter().enumerate() {
        let name = format!("level{at}");
        near(&name, &level.index_select(&channels, 1).unwrap(), &twin[&name]);
    }
    let proposed = detector.model().propose(&levels, &x).unwrap();
    near("objectness", &proposed.objectness, &twin["objectness"]);
    let first = proposed.levels[0];
    let all = proposed.anchors.len();
    let coarse = proposed.differences.narrow(1, first, all - first).unwrap();
    near("differences", &coarse, &twin["differences"]);

    let found = detector.detect(&picture).unwrap();
    let boxes = twin["boxes"].to_vec2::<f32>().unwrap();
    let scores = twin["scores"].to_vec1::<f32>().unwrap();
    let areas = twin["areas"].to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(found.len(), boxes.len());
    for (at, instance) in found.iter().enumerate() {
        let [left, top, right, bottom] = boxes[at][..] else { panic!("a box has four edges") };
        let expected = BoundingBox::new(left, top, right, bottom);
        for (edge, expected) in instance.bounding_box.corners().iter().zip(expected.corners()) {
            assert!((edge - expected).abs() < 0.1, "box {at}: {edge}, torchvision has {expected}");
        }
        assert!(
            (instance.score - scores[at]).abs() < 1e-3,
            "{} for {}",
            instance.score,
            scores[at]
        );
        let area = instance.mask.area() as f32;
        let expected = areas[at];
        assert!(
            (area - expected).abs() <= 1.0 + 0.002 * expected,
            "mask {at}: {area} for {expected}"
        );
    }
    // All masks together, pixel by pixel.
    let expected = twin["pixels"].to_dtype(DType::F32).unwrap().to_vec2::<f32>().unwrap();
    let bitmaps: Vec<_> = found.iter().map(|instance| instance.mask.bitmap()).collect();
    let (mut both, mut either) = (0, 0);
    for (y, row) in expected.iter().enumerate() {
        for (x, value) in row.iter().enumerate() {
            let (ours, theirs) = (bitmaps.iter().any(|bitmap| bitmap.get(x, y)), *value == 1.0);
            both += usize::from(ours && theirs);
            either += usize::from(ours || theirs);
        }
    }
    let iou = both as f64 / either as f64;
    assert!(iou >= 0.999, "{iou}");
}
