//! Objectives, and ascents on the small network that ships.
#![allow(clippy::unwrap_used)]

use candle_core::{Device, Tensor, Var};
use conv_lens::{
    Climb, End, Error, Kind, Objective, Rendering, Transformation, excitement, render, render_all,
};
use conv_vision::{Picture, Pretrained};
use std::path::Path;

fn model() -> Pretrained {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/clevr-crops");
    Pretrained::open(&path, &Device::Cpu).unwrap()
}

/// Pixels, and the objective's value for them.
fn value(model: &Pretrained, text: &str) -> f64 {
    let picture = picture();
    excitement(model, &Objective::parse(text, model).unwrap(), &picture).unwrap()
}

fn picture() -> Picture {
    let pixel = |at: usize| ((at * 37 + at / 48 * 11) % 256) as u8;
    Picture::new(48, 48, (0..3 * 48 * 48).map(pixel).collect()).unwrap()
}

#[test]
fn reductions_are_those_of_the_documentation() {
    let model = model();
    let pixels = picture().tensor(&Device::Cpu).unwrap();
    let x = model.preprocessing.of_pixels(&pixels).unwrap();
    let layer = model.network.features(&x, &["bn3"]).unwrap().remove(0);
    let channel = layer.narrow(1, 5, 1).unwrap();
    let number = |t: candle_core::Result<Tensor>| f64::from(t.unwrap().to_scalar::<f32>().unwrap());
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-5 * b.abs().max(1.0), "{a} is not {b}");
    close(value(&model, "bn3:5"), number(channel.mean_all()));
    close(value(&model, "bn3"), number(layer.sqr().unwrap().mean_all()));
    let at = |row: usize, column: usize| {
        let place = channel.narrow(2, row, 1).unwrap().narrow(3, column, 1).unwrap();
        number(place.sum_all())
    };
    close(value(&model, "bn3:5@2,7"), at(2, 7));
    let (_, _, rows, columns) = layer.dims4().unwrap();
    close(value(&model, "bn3:5@centre"), at(rows / 2, columns / 2));
    // * before + and −, signs, parentheses.
    let a = value(&model, "bn3:5");
    let b = value(&model, "bn2:1");
    close(value(&model, "bn3:5 - 0.5*bn2:1*2 + 1e-1"), a - b + 0.1);
    close(value(&model, "-(bn3:5 + bn2:1) * bn2:1"), -(a + b) * b);
    // A class is its logit.
    let logits = model.network.features(&x, &["fc5"]).unwrap().remove(0);
    close(value(&model, "fc5:3"), number(logits.narrow(1, 3, 1).unwrap().sum_all()));
    // Smoothness is at most 0, and 0 for one colour.
    let grey = Picture::new(8, 6, vec![77; 144]).unwrap();
    assert!(value(&model, "tv") < 0.0);
    let smooth = Objective::parse("tv", &model).unwrap();
    assert_eq!(excitement(&model, &smooth, &grey).unwrap(), 0.0);
    // The others of the picture alone are at most 0 too, and lower for what is farther from grey or
    // from its neighbours.
    let black = Picture::new(8, 6, vec![0; 144]).unwrap();
    for (text, expected) in [("l1", -0.5), ("l2", -0.25), ("blur", 0.0)] {
        let objective = Objective::parse(text, &model).unwrap();
        close(excitement(&model, &objective, &black).unwrap(), expected);
        assert!(value(&model, text) < 0.0, "{text}");
    }
    // A direction is the sum of its channels; its cosine is within 1, and that of nothing is 0.
    let a = value(&model, "bn3:5");
    let b = value(&model, "bn3:7");
    close(value(&model, "direction(bn3, 5:1, 7:-0.5)"), a - 0.5 * b);
    let cosine = value(&model, "cosine(bn3, 5:1, 7:-0.5)");
    assert!(cosine.abs() <= 1.0 && cosine != 0.0, "{cosine}");
    close(value(&model, "cosine(bn3, 5:2, 7:-1)"), cosine);
    // Between two objectives; a single picture differs from nothing.
    close(value(&model, "interpolate(bn3:5, bn2:1 + 1, 0.25)"), {
        0.75 * a + 0.25 * (value(&model, "bn2:1") + 1.0)
    });
    assert_eq!(value(&model, "diversity(bn3)"), 0.0);
    // A class by its name.
    let name = model.labels.as_ref().unwrap().all()[3].name.clone();
    close(value(&model, &format!("class(\"{name}\")")), value(&model, "fc5:3"));
}

#[test]
fn pictures_that_climb_together_can_be_kept_apart() {
    let model = model();
    let rendering = Rendering { size: 32, steps: 24, ..Rendering::default() };
    let climb = |text: &str| {
        let climb = Climb::new(Objective::parse(text, &model).unwrap(), vec![1, 2]);
        render_all(&model, &[climb], &rendering, |_| true).unwrap()
    };
    let apart = |rendered: &[conv_lens::Rendered]| {
        let pixels: Vec<Tensor> = rendered
            .iter()
            .map(|rendered| rendered.picture().tensor(&Device::Cpu).unwrap())
            .collect();
        let pixels = Tensor::cat(&pixels, 0).unwrap();
        let x = model.preprocessing.of_pixels(&pixels).unwrap();
        let diversity = Objective::parse("diversity(bn2)", &model).unwrap();
        let value = diversity.value(&model, false, &x, &pixels).unwrap();
        value.to_vec1::<f32>().unwrap()
    };
    let alike = apart(&climb("bn3:5"));
    let other = apart(&climb("bn3:5 + 20*diversity(bn2)"));
    assert_eq!(alike[0], alike[1]);
    assert!(alike[0] < 0.0 && other[0] > alike[0] + 0.05, "{alike:?}, {other:?}");
}

#[test]
fn errors_point_at_the_character() {
    let model = model();
    for (text, expected) in [
        (
            "bn3:5 - 0.5*bn9:1",
            "character 13: Conv-4 has no layer \"bn9:1\"; its 16 layers go from data to prob",
        ),
        ("bn3:5 -", "character 8: it ends here, expected a unit, a layer, tv or a number"),
        (
            "bn3:128",
            "character 1: layer \"bn3\" has 128 channels, numbered from 0; channel 128 is asked for",
        ),
        ("2*(bn3:1", "character 3: this parenthesis is not closed"),
        ("bn3:1 bn3:2", "character 7: found 'b', expected +, -, * or the end"),
        ("bn3:1 + 1e", "character 9: \"1e\" is no number"),
        ("bn3:1@4", "character 6: expected @centre or @ROW,COLUMN"),
        ("bn3@centre", "character 1: \"bn3\" has no channel, expected LAYER:CHANNEL before @"),
        (
            "2*sum(bn3:1)",
            "character 3: found \"sum\", expected class, cosine, direction, diversity or interpolate before a parenthesis",
        ),
        (
            "direction(bn3, 5:1, 128:2)",
            "character 21: \"bn3\" has 128 channels, numbered from 0; channel 128 is asked for",
        ),
        ("direction(bn3, 5)", "character 17: found ')', expected ':'"),
        (
            "cosine(bn3)",
            "character 1: direction is no direction, expected finite numbers, not all 0",
        ),
        (
            "diversity(bn3:1)",
            "character 1: layer is bn3:1, expected a layer without a channel, such as bn3",
        ),
        ("interpolate(bn3:1, bn3:2)", "character 25: found ')', expected ','"),
        (
            "tv + class(\"zebra\")",
            "character 6: class \"zebra\": none of the 48 classes has this name",
        ),
        ("class(3)", "character 7: found '3', expected '\"'"),
        ("ü", "character 1: found 'ü', expected a unit, a layer, tv or a number"),
    ] {
        let error = Objective::parse(text, &model).unwrap_err().to_string();
        assert_eq!(error, format!("{text:?}, {expected}"));
    }
    assert!(matches!(Objective::parse("1 + 2*3", &model), Err(Error::Constant)));
    for opening in ["(", "interpolate("] {
        let deep = opening.repeat(100_000);
        assert!(matches!(Objective::parse(&deep, &model), Err(Error::Objective { .. })));
    }
    let outside = Objective::parse("bn3:5@99,0", &model).unwrap();
    let error = excitement(&model, &outside, &picture()).unwrap_err().to_string();
    assert!(error.starts_with("layer \"bn3\" has 12 × 12 positions"), "{error}");
}

/// meta-pytorch/captum PR #552: an objective on one unit must not raise its neighbours.
#[test]
fn a_neuron_is_raised_by_its_own_field_alone() {
    let model = model();
    let objective = Objective::parse("bn1:4@3,3", &model).unwrap();
    let pixels = Var::from_tensor(&picture().tensor(&Device::Cpu).unwrap()).unwrap();
    let x = model.preprocessing.of_pixels(&pixels).unwrap();
    let value = objective.value(&model, true, &x, &pixels).unwrap();
    let gradients = value.neg().unwrap().backward().unwrap();
    let gradient = gradients.get(&pixels).unwrap().abs().unwrap().sum((0, 1)).unwrap();
    let gradient = gradient.to_vec2::<f32>().unwrap();
    let rows = gradient.iter().enumerate();
    let touched: Vec<(usize, usize)> = rows
        .flat_map(|(row, line)| line.iter().enumerate().map(move |(column, &x)| (row, column, x)))
        .filter(|&(_, _, x)| x != 0.0)
        .map(|(row, column, _)| (row, column))
        .collect();
    assert!(!touched.is_empty());
    assert!(
        touched.iter().all(|(row, column)| (2..5).contains(row) && (2..5).contains(column)),
        "{touched:?}"
    );
}

#[test]
fn a_unit_climbs_by_waves_and_by_pixels_and_its_bits_are_the_seeds() {
    let model = model();
    // Noise does not excite this one at all: the redirected rectifier leads to it.
    let objective = Objective::parse("bn4:101", &model).unwrap();
    for parameters in [Kind::Spectrum, Kind::Pixels] {
        let rendering =
            Rendering { size: 48, steps: 24, keep: vec![0, 4], parameters, ..Rendering::default() };
        let rendered = render(&model, &objective, &rendering, |_| true).unwrap();
        let steps: Vec<usize> = rendered.frames.iter().map(|frame| frame.step).collect();
        assert_eq!((steps, rendered.end), (vec![0, 4, 24], End::Completed));
        let [noise, last] =
            [0, 2].map(|at| excitement(&model, &objective, &rendered.frames[at].picture).unwrap());
        assert!(last > noise + 0.1, "{parameters:?}: {noise} to {last}");
        let strip = rendered.strip().unwrap();
        assert_eq!((strip.width(), strip.height()), (3 * 48 + 2 * 4, 48));
        let again = render(&model, &objective, &rendering, |_| true).unwrap();
        assert_eq!(again.picture(), rendered.picture());
        let other = Rendering { seed: 2, ..rendering };
        assert_ne!(
            render(&model, &objective, &other, |_| true).unwrap().picture(),
            rendered.picture()
        );
    }
}

#[test]
fn what_cannot_climb_is_told_and_what_there_is_is_kept() {
    let model = model();
    let objective = Objective::parse("bn4:17", &model).unwrap();
    let rendering = |steps| Rendering {
        size: 48,
        steps,
        transformation: Transformation::NONE,
        ..Rendering::default()
    };
    let none = render(&model, &objective, &rendering(0), |_| true).unwrap();
    assert_eq!((none.frames.len(), none.steps.len()), (1, 0));
    let stopped = render(&model, &objective, &rendering(9), |step| step.step < 2).unwrap();
    assert_eq!((stopped.end, stopped.frames.last().unwrap().step), (End::Stopped, 3));
    let infinite = Objective::parse("bn4:17 * 1e300 * 1e300", &model).unwrap();
    let rendered = render(&model, &infinite, &rendering(5), |_| true).unwrap();
    assert!(matches!(rendered.end, End::NotFinite { step: 0 }), "{:?}", rendered.end);
    assert_eq!(rendered.frames.len(), 2);
    // Its pools take a single pixel.
    let small = Rendering { size: 1, ..rendering(3) };
    let one = render(&model, &objective, &small, |_| true).unwrap();
    assert_eq!((one.picture().width(), one.end), (1, End::Completed));
    assert!(render(&model, &objective, &Rendering { size: 0, ..rendering(3) }, |_| true).is_err());
}

#[test]
fn a_picture_is_the_same_alone_and_in_a_batch() {
    let model = model();
    let rendering = Rendering { size: 40, steps: 20, keep: vec![4], ..Rendering::default() };
    // Of several layers, with a class, with one that turns infinite after a while and one that a
    // layer alone makes.
    let texts = ["bn4:101", "bn3:5 - 0.5*bn3:7", "fc5:3 + 0.1*tv", "bn4:17 * 1e300 * 1e300", "bn2"];
    let climb = |(seed, text)| Climb::new(Objective::parse(text, &model).unwrap(), vec![seed]);
    let climbs: Vec<Climb> = (3..).zip(texts).map(climb).collect();
    let together = render_all(&model, &climbs, &rendering, |_| true).unwrap();
    for (climb, together) in climbs.iter().zip(&together) {
        let rendering = Rendering { seed: climb.seeds[0], ..rendering.clone() };
        let alone = render(&model, &climb.objective, &rendering, |_| true).unwrap();
        assert_eq!(alone.end, together.end);
        let worth = |steps: &[conv_lens::Step]| -> Vec<f64> {
            steps.iter().map(|step| step.objective).collect()
        };
        assert_eq!(worth(&alone.steps), worth(&together.steps));
        for (alone, together) in alone.frames.iter().zip(&together.frames) {
            assert_eq!((alone.step, &alone.picture), (together.step, &together.picture));
        }
    }
    assert!(matches!(together[3].end, End::NotFinite { step: 0 }), "{:?}", together[3].end);
    let none = Climb { seeds: Vec::new(), ..climbs[0].clone() };
    assert!(render_all(&model, &[none], &rendering, |_| true).is_err());
}
