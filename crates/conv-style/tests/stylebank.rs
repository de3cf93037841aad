//! The bank that ships beside PyTorch's with the same folder (`reference/make_stylebank.py`).
#![allow(clippy::unwrap_used)]

#[path = "../../conv-vision/tests/seeded/mod.rs"]
mod seeded;

use candle_core::{DType, Device};
use conv_core::{Padding2d, Pool2dConfig, avg_pool2d};
use conv_hub::Stored;
use conv_nn::Parameters;
use conv_style::{Config, Mixture, style_bank};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Fixture {
    width: usize,
    height: usize,
    /// 64 of each style's numbers; of the auto-encoder's under no name.
    outputs: BTreeMap<String, Vec<f64>>,
}

#[test]
fn the_shipped_bank_paints_as_pytorch_does_with_its_folder() {
    let fixture: Fixture = serde_json::from_str(include_str!("reference/stylebank.json")).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/models/stylebank");
    let Stored { config, tensors, .. } = Stored::<Config>::open(folder.as_ref()).unwrap();
    let vb = Parameters::frozen(tensors).builder(DType::F32, &Device::Cpu);
    let bank = style_bank(&config, &vb).unwrap();
    let noise = seeded::noise("photo", fixture.width, fixture.height);
    let smooth = Pool2dConfig {
        kernel: (5, 5),
        stride: Some((1, 1)),
        padding: Padding2d::all(2),
        count_include_pad: false,
        ..Pool2dConfig::default()
    };
    let pixels = avg_pool2d(&noise.tensor(&Device::Cpu).unwrap(), &smooth).unwrap();
    assert_eq!(fixture.outputs.len(), config.styles.len() + 1);
    for (style, expected) in &fixture.outputs {
        let found = match style.as_str() {
            "" => bank.reconstruct(&pixels),
            style => bank.paint(&pixels, &Mixture::of(style, &config.styles).unwrap()),
        };
        let found = found.unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (at, expected) in expected.iter().enumerate() {
            let found = f64::from(found[at * found.len() / 64]);
            // 10⁻⁴ of a pixel's range.
            assert!((found - expected).abs() < 0.0255, "{style} {at}: {found} is not {expected}");
        }
    }
}
