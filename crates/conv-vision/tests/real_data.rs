//! Trained weights and photographs, where `CONVOKE_DATA` has them (docs/datasets.md). All
//! photographs are counted by `classify eval` and `retrieve eval`; here a part of them, for the
//! time it takes.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use candle_core::{Device, Tensor, Var};
use conv_vision::data::{find, load, truth};
use conv_vision::{Classifier, Limits, Pretrained};
use std::path::PathBuf;

fn data(path: &str) -> Option<PathBuf> {
    let found = std::env::var_os("CONVOKE_DATA").map(|data| PathBuf::from(data).join(path));
    let found = found.filter(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: needs CONVOKE_DATA with {path}");
    }
    found
}

#[test]
fn googlenet_knows_most_photographs() {
    let (Some(weights), Some(photographs)) =
        (data("vision/weights/googlenet-bvlc.safetensors"), data("vision/images/imagenet_samples"))
    else {
        return;
    };
    let classifier = Classifier::open(&weights, None, &Device::Cpu).unwrap();
    let files: Vec<PathBuf> = find(&[&photographs]).into_iter().step_by(12).collect();
    let (mut right, mut among) = (0, 0);
    let skipped = classifier.predict_files(&files, &Limits::default(), |path, _, prediction| {
        let class = truth(path, &photographs, classifier.labels()).unwrap();
        let top = prediction.top(5);
        right += usize::from(top[0] == class);
        among += usize::from(top.contains(&class));
        Ok::<(), conv_vision::Error>(())
    });
    assert_eq!(skipped.unwrap(), []);
    assert_eq!(files.len(), 25);
    // PyTorch with Pillow gets 22 and 25 (photographs.py).
    assert!((21..=23).contains(&right) && among >= 24, "{right} right, {among} among five");
}

#[test]
fn a_gradient_reaches_the_photograph_through_vgg() {
    let (Some(weights), Some(photographs)) = (
        data("vision/weights/vgg16-hed-conv1_1-conv5_1.f16.safetensors"),
        data("vision/images/imagenet_samples"),
    ) else {
        return;
    };
    let model = Pretrained::open(&weights, &Device::Cpu).unwrap();
    let first = find(&[photographs]).remove(0);
    let (pictures, _) = load(&[first], &Limits::default());
    let small = pictures[0].1.resize(64, 48, conv_vision::Filter::Bilinear).unwrap();
    let x = model.preprocessing.normalise(&[&small], (64, 48), &Device::Cpu).unwrap();
    let x = Var::from_tensor(&x).unwrap();
    let layers = ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1"];
    let features = model.network.features(&x, &layers).unwrap();
    // Gram matrices, as style has them.
    let mut loss = Tensor::zeros((), candle_core::DType::F32, &Device::Cpu).unwrap();
    for feature in &features {
        let flat = feature.flatten(2, 3).unwrap().squeeze(0).unwrap();
        let gram = flat.matmul(&flat.t().unwrap()).unwrap();
        loss = (loss + gram.sqr().unwrap().mean_all().unwrap()).unwrap();
    }
    let gradients = loss.backward().unwrap();
    let gradient = gradients.get(&x).unwrap().abs().unwrap().sum_all().unwrap();
    let gradient = gradient.to_scalar::<f32>().unwrap();
    assert!(gradient.is_finite() && gradient > 0.0);
}
