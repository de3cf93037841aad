//! An ascent that is left and gone on with, and what a seed gives on known processors.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use candle_core::Device;
use conv_core::cpu::InstructionSet;
use conv_lens::{Ascent, Climb, Kind, Objective, Rendered, Rendering, render, render_all};
use conv_nn::rng::Fingerprint;
use conv_vision::{Picture, Pretrained};
use std::path::Path;

fn model() -> Pretrained {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/clevr-crops");
    Pretrained::open(&data, &Device::Cpu).unwrap()
}

fn bytes(rendered: &[Rendered]) -> Vec<Vec<u8>> {
    rendered.iter().map(|one| one.strip().unwrap().pixels().to_vec()).collect()
}

#[test]
fn an_ascent_goes_on_with_the_same_bits() {
    let model = model();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a.ascent");
    let parse = |text: &str| Objective::parse(text, &model).unwrap();
    let start =
        Picture::new(50, 44, (0..50 * 44 * 3).map(|at| (at % 251) as u8).collect()).unwrap();
    let climbs = [
        Climb::new(parse("bn4:101"), vec![1, 2]),
        Climb { start: Some(start), ..Climb::new(parse("bn3:5 + 0.1*diversity(bn2)"), vec![3, 4]) },
    ];
    for parameters in [Kind::Spectrum, Kind::Pixels] {
        let rendering = Rendering {
            size: 40,
            steps: 20,
            keep: vec![0, 6, 12],
            parameters,
            ..Rendering::default()
        };
        let whole = render_all(&model, &climbs, &rendering, |_| true).unwrap();

        // Left within the redirected steps, and once more behind them.
        let mut ascent = Ascent::new(&model, &climbs, &rendering).unwrap();
        for _ in 0..7 {
            assert_eq!(ascent.step().unwrap().unwrap().len(), 4);
        }
        ascent.save(&path).unwrap();
        let mut ascent = Ascent::resume(&model, &climbs, &rendering, &path).unwrap();
        for _ in 0..11 {
            ascent.step().unwrap();
        }
        ascent.save(&path).unwrap();
        drop(ascent);
        let mut ascent = Ascent::resume(&model, &climbs, &rendering, &path).unwrap();
        while ascent.step().unwrap().is_some() {}
        ascent.save(&path).unwrap();
        let parts = ascent.finish().unwrap();
        assert!(bytes(&whole) == bytes(&parts));
        let steps = |rendered: &[Rendered]| -> Vec<Vec<(usize, f64)>> {
            let of = |one: &Rendered| one.steps.iter().map(|s| (s.step, s.objective)).collect();
            rendered.iter().map(of).collect()
        };
        assert_eq!(steps(&whole), steps(&parts));
        assert_eq!(whole[3].end, parts[3].end);

        // More steps than were asked for at first.
        let more = Rendering { steps: 24, ..rendering.clone() };
        let mut ascent = Ascent::resume(&model, &climbs, &more, &path).unwrap();
        while ascent.step().unwrap().is_some() {}
        let whole = render_all(&model, &climbs, &more, |_| true).unwrap();
        assert!(bytes(&whole) == bytes(&ascent.finish().unwrap()));
    }

    let rendering = Rendering {
        size: 40,
        steps: 24,
        keep: vec![0, 6, 12],
        parameters: Kind::Pixels,
        ..Rendering::default()
    };
    let refused = |climbs: &[Climb], rendering: &Rendering| {
        let error = Ascent::resume(&model, climbs, rendering, &path).err().unwrap();
        error.to_string()
    };
    let other = Rendering { learning_rate: 0.1, ..rendering.clone() };
    assert!(refused(&climbs, &other).contains("another ascent: its settings differ"));
    assert!(refused(&climbs[..1], &rendering).contains("another ascent: its climbs differ"));
    let fewer = Rendering { steps: 19, ..rendering.clone() };
    assert!(refused(&climbs, &fewer).contains("it has taken 20 steps, more than the 19"));
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(!refused(&climbs, &rendering).is_empty());
    }
    let tensors = [("x".to_string(), candle_core::Tensor::new(&[1f32], &Device::Cpu).unwrap())];
    conv_hub::files::write_safetensors(&path, &tensors.into()).unwrap();
    assert!(refused(&climbs, &rendering).contains("it holds no ascent"));
}

/// What the picture of `bn4:101` after 24 steps hashes to, by the best instruction set that the
/// processor has; kernels use it unless the environment's `CONVOKE_ISA` asks for another.
const GOLDEN: [(&str, InstructionSet, u64); 1] =
    [("x86_64", InstructionSet::Avx512, 0x540e_f881_a9ab_6372)];

/// A change of it is a change of what every seed gives: it is to be meant, and to stand in the
/// changelog.
#[test]
fn a_seed_gives_what_it_gave() {
    let model = model();
    let objective = Objective::parse("bn4:101", &model).unwrap();
    let rendering = Rendering { size: 48, steps: 24, keep: Vec::new(), ..Rendering::default() };
    let rendered = render(&model, &objective, &rendering, |_| true).unwrap();
    let mut hash = Fingerprint::default();
    hash.bytes(rendered.picture().pixels());
    let found = hash.value();
    let arch = std::env::consts::ARCH;
    let set = InstructionSet::in_use();
    let best = InstructionSet::available().max();
    let known = GOLDEN.iter().find(|(of, best, _)| *of == arch && *best == set);
    match known.filter(|_| best == Some(set)) {
        Some((.., expected)) => assert_eq!(found, *expected, "{found:#018x} on {arch} with {set}"),
        None => eprintln!(
            "no hash is known of {arch} with {set}, of which it is {found:#018x}: passed over"
        ),
    }
}
