//! Rendered pictures beside photographs, on the small network and the crops that ship.
#![allow(clippy::unwrap_used)]

use candle_core::Device;
use conv_lens::evaluate::{draw, measure, shares};
use conv_lens::{Objective, Photographs, Rendering, Survey, excitement, stages};
use conv_vision::{Limits, Picture, Pretrained};
use std::path::{Path, PathBuf};

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data").join(path)
}

#[test]
fn units_are_drawn_rendered_and_measured() {
    let model = Pretrained::open(&data("models/clevr-crops"), &Device::Cpu).unwrap();
    let layers = stages(model.network.graph());
    let survey = Survey::measure(&model, &layers, &data("samples/crops"), &[48, 40]).unwrap();
    assert_eq!((survey.photographs, survey.skipped.len()), (48, 0));

    // A channel's best mean is what `Photographs` finds.
    let objective = Objective::parse("bn4:101", &model).unwrap();
    let found =
        Photographs::measure(&model, &objective, &data("samples/crops"), &[48, 40]).unwrap();
    let best = survey.layers[3].1[101];
    let expected = found.ranking[0].value;
    assert!((best.mean - expected).abs() < 1e-5 * expected, "{best:?}, {expected}");
    assert!(best.maximum > best.mean);

    // Six over four layers; those that nothing excites are not drawn; ten have the same first.
    let units = draw(&survey, 6, 7);
    let of = |layer: &str| units.iter().filter(|unit| unit.0 == layer).count();
    assert_eq!([of("bn1"), of("bn2"), of("bn3"), of("bn4")], [2, 2, 1, 1]);
    let excited = |(layer, channel): &(String, usize)| {
        let (_, best) = survey.layers.iter().find(|(name, _)| name == layer).unwrap();
        best[*channel].maximum > 0.0
    };
    assert!(draw(&survey, 10_000, 7).iter().all(excited));
    assert_eq!(draw(&survey, 6, 7), units);
    assert_ne!(draw(&survey, 6, 8), units);
    assert!(units.iter().all(|unit| draw(&survey, 16, 7).contains(unit)));

    let place = tempfile::tempdir().unwrap();
    let rendering = Rendering { size: 48, steps: 24, ..Rendering::default() };
    let mut seen = 0;
    let folder = Some(place.path());
    let measured = measure(&model, &survey, &units, &rendering, folder, |_| {
        seen += 1;
        true
    });
    let measured = measured.unwrap();
    assert_eq!((seen, measured.len()), (6, 6));
    let last = &measured[5];
    let picture = place.path().join(format!("bn4-{}.png", units[5].1));
    let written = Picture::open(&picture, &Limits::default()).unwrap();
    let objective = Objective::parse(&last.unit, &model).unwrap();
    let value = excitement(&model, &objective, &written).unwrap();
    assert!((value - last.mean).abs() < 1e-5 * value, "{value}, {last:?}");

    // Again: nothing is rendered, another picture in its place is measured.
    std::fs::write(&picture, Picture::new(48, 48, vec![9; 3 * 48 * 48]).unwrap().to_png().unwrap())
        .unwrap();
    let again = measure(&model, &survey, &units, &rendering, folder, |_| true).unwrap();
    assert_eq!(again[..5], measured[..5]);
    assert_ne!(again[5], measured[5]);
    std::fs::write(&picture, b"no picture").unwrap();
    let error = measure(&model, &survey, &units, &rendering, folder, |_| true).unwrap_err();
    assert!(error.to_string().contains("bn4-"), "{error}");

    let (all, layers) = shares(&survey, &measured);
    let beating = measured.iter().filter(|one| one.mean > one.best_mean).count();
    assert_eq!((all.units, layers.len(), layers[0].units), (6, 4, 2));
    assert!((all.mean_beats - beating as f64 / 6.0).abs() < 1e-12);
    let ended = measure(&model, &survey, &units, &rendering, None, |_| false).unwrap();
    assert_eq!(ended.len(), 1);
}

#[test]
fn a_folder_without_photographs_is_told() {
    let model = Pretrained::open(&data("models/clevr-crops"), &Device::Cpu).unwrap();
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("a.jpg"), b"no picture").unwrap();
    let layers = ["bn1".to_string()];
    let error = Survey::measure(&model, &layers, place.path(), &[48]).unwrap_err().to_string();
    assert!(error.contains("no photograph; ") && error.contains("a.jpg"), "{error}");
    let error = Survey::measure(&model, &["bn9".into()], place.path(), &[48]).unwrap_err();
    assert!(error.to_string().contains("bn9"), "{error}");
}
