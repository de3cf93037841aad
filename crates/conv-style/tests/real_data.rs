//! VGG, a photograph and a painting, where `CONVOKE_DATA` has them (docs/datasets.md).
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use candle_core::Device;
use conv_style::{End, LossConfig, LossNetwork, Painting, Sources, paint};
use conv_vision::{Limits, Picture, Pretrained};
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
fn the_loss_falls_through_vgg() {
    let (Some(weights), Some(photo), Some(style)) = (
        data("vision/weights/vgg16-hed-conv1_1-conv5_1.f16.safetensors"),
        data("vision/images/content_photos/tubingen.jpg"),
        data("vision/images/style_paintings/starry_night.jpg"),
    ) else {
        return;
    };
    let model = Pretrained::open(&weights, &Device::Cpu).unwrap();
    let losses = LossNetwork::new(&model, LossConfig::of(model.architecture)).unwrap();
    let open = |path: &PathBuf| Picture::open(path, &Limits::default()).unwrap();
    let painting = Painting { size: 64, steps: 12, ..Painting::default() };
    let painted =
        paint(&losses, &Sources::new(open(&photo), open(&style)), &painting, |_| true).unwrap();
    let first = painted.strokes[0];
    let last = painted.strokes[painted.strokes.len() - 1];
    assert_eq!(painted.end, End::Completed);
    assert!(last.loss < 0.05 * first.loss, "{first:?} {last:?}");
    assert!(last.content > 0.0 && last.style < first.style);
}
