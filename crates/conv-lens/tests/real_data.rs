//! GoogLeNet and photographs, where `CONVOKE_DATA` has them (docs/datasets.md).
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use candle_core::Device;
use conv_lens::{Objective, Photographs, Rendering, excitement, render};
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
fn a_unit_of_googlenet_is_excited_more_than_by_photographs() {
    let (Some(weights), Some(photographs)) =
        (data("vision/weights/googlenet-bvlc.safetensors"), data("vision/images/content_photos"))
    else {
        return;
    };
    let model = Pretrained::open(&weights, &Device::Cpu).unwrap();
    // As lucid writes a layer; told with its branch.
    let objective = Objective::parse("mixed4c:150", &model).unwrap();
    let told = objective.units()[0].to_string();
    assert_eq!(told, "inception_4c/output:150 (inception_4c/3x3:22)");
    let same = Objective::parse("inception_4c/3x3:22", &model).unwrap();
    let rendering = Rendering { size: 96, steps: 32, keep: Vec::new(), ..Rendering::default() };
    let rendered = render(&model, &objective, &rendering, |_| true).unwrap();
    // What is written is what is measured.
    let bytes = rendered.picture().to_png().unwrap();
    let written = Picture::decode(&bytes, &Limits::default()).unwrap();
    let value = excitement(&model, &objective, &written).unwrap();
    let of_branch = excitement(&model, &same, &written).unwrap();
    assert!((value - of_branch).abs() < 1e-4 * value, "{value}, {of_branch}");
    let found = Photographs::measure(&model, &objective, &photographs, &[96, 224]).unwrap();
    assert_eq!(found.ranking.len(), 5);
    let best = &found.ranking[0];
    assert!(value > best.value, "{value}, {best:?}");
}
