//! What users of like systems stumbled on, each built in small.
#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device};
use conv_lens::{
    Climb, Colours, End, Kind, Objective, Rendering, Transformation, excitement, render, render_all,
};
use conv_nn::Parameters;
use conv_vision::{Architecture, Picture, Pretrained, network};
use std::path::Path;

fn conv4() -> Pretrained {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/clevr-crops");
    Pretrained::open(&path, &Device::Cpu).unwrap()
}

/// A network with weights that are drawn.
fn drawn(architecture: Architecture) -> Pretrained {
    let preprocessing = architecture.preprocessing();
    let build = |parameters: &Parameters| {
        let vb = parameters.builder(DType::F32, &Device::Cpu);
        network(architecture.name(), architecture.graph(), preprocessing.crop, &vb).unwrap()
    };
    let parameters = Parameters::new(1);
    build(&parameters);
    Pretrained {
        architecture,
        // Without gradients of the weights.
        network: build(&Parameters::frozen(parameters.tensors())),
        preprocessing: preprocessing.clone(),
        labels: None,
        hash: String::new(),
        path: "drawn".into(),
    }
}

fn stripes(width: usize, height: usize) -> Picture {
    let level = |at: usize| ((at * 37 + at / width * 11) % 256) as u8;
    Picture::new(width, height, (0..3 * width * height).map(level).collect()).unwrap()
}

/// tensorflow/lucid #101: a class's logit as the objective, and padding changes the size that the
/// last layer expects.
#[test]
fn l1_a_class_is_climbed_at_any_size_or_the_size_is_named() {
    let model = conv4();
    let objective = Objective::parse("fc5:3", &model).unwrap();
    for size in [17, 40] {
        let rendering = Rendering { size, steps: 16, ..Rendering::default() };
        let rendered = render(&model, &objective, &rendering, |_| true).unwrap();
        let worth =
            |at: usize| excitement(&model, &objective, &rendered.frames[at].picture).unwrap();
        assert!(rendered.picture().width() == size && worth(2) > worth(0));
    }
    // Fully connected layers need one size: it is named, and the middle of what was moved has it.
    let model = drawn(Architecture::AlexNet);
    let objective = Objective::parse("fc8:3", &model).unwrap();
    let rendering = Rendering { size: 227, steps: 1, redirected: 0, ..Rendering::default() };
    let error = render(&model, &objective, &rendering, |_| true).unwrap_err().to_string();
    assert!(error.contains("fc6"), "{error}");
    let transformation = Transformation { fixed_size: true, ..Transformation::default() };
    let rendering = Rendering { transformation, ..rendering };
    assert_eq!(render(&model, &objective, &rendering, |_| true).unwrap().steps.len(), 1);
}

/// greentfrapp/lucent #10: a network of 32 pixels, and jitter of twelve blurs everything.
#[test]
fn l2_a_small_picture_keeps_its_edges() {
    let model = conv4();
    let objective = Objective::parse("bn3:5", &model).unwrap();
    let with = |transformation| {
        let rendering = Rendering { size: 32, steps: 48, transformation, ..Rendering::default() };
        let rendered = render(&model, &objective, &rendering, |_| true).unwrap();
        excitement(&model, &objective, rendered.picture()).unwrap()
    };
    let own = with(Transformation::default());
    let twelve =
        with(Transformation { pad: 12.0 / 32.0, jitter: 24.0 / 32.0, ..Transformation::NONE });
    assert!(own > twelve, "{own}, {twelve}");
}

/// tensorflow/lucid #159: from a photograph instead of noise.
#[test]
fn l3_an_ascent_starts_from_a_picture() {
    let model = conv4();
    let start = stripes(64, 40);
    let middle = start.resize_region(
        (64, 40),
        conv_vision::Region { left: 12, top: 0, width: 40, height: 40 },
        conv_vision::Filter::Bilinear,
    );
    for parameters in [Kind::Spectrum, Kind::Pixels] {
        let rendering = Rendering { size: 40, steps: 8, parameters, ..Rendering::default() };
        let objective = Objective::parse("bn3:5", &model).unwrap();
        let climb = Climb { start: Some(start.clone()), ..Climb::new(objective, vec![1]) };
        let rendered = render_all(&model, &[climb], &rendering, |_| true).unwrap().remove(0);
        assert_eq!(&rendered.frames[0].picture, middle.as_ref().unwrap(), "{parameters:?}");
        assert_ne!(&rendered.frames[0].picture, rendered.picture());
    }
}

/// meta-pytorch/captum PR #552, tensorflow/lucid #136: a mean or a sum, raised or lowered? All that
/// stands in a documentation is in `objectives.rs`; here, that an ascent raises, and that the sign
/// turns it round.
#[test]
fn l5_an_objective_is_raised_and_its_negative_lowered() {
    let model = conv4();
    let rendering = Rendering { size: 40, steps: 24, ..Rendering::default() };
    let objective = Objective::parse("bn3/pre_relu:5", &model).unwrap();
    let at_end = |climbed: &Objective| {
        let rendered = render(&model, climbed, &rendering, |_| true).unwrap();
        let worth =
            |at: usize| excitement(&model, &objective, &rendered.frames[at].picture).unwrap();
        (worth(0), worth(rendered.frames.len() - 1))
    };
    let (noise, up) = at_end(&objective);
    let (_, down) = at_end(&-objective.clone());
    assert!(down < noise && noise < up, "{down}, {noise}, {up}");
}

/// tensorflow/lucid #175: a network that was trained on grey pictures.
#[test]
fn l6_a_grey_picture_is_rendered_grey() {
    let model = conv4();
    let objective = Objective::parse("bn3:5", &model).unwrap();
    for parameters in [Kind::Spectrum, Kind::Pixels] {
        let colours = Colours::Grey;
        let rendering =
            Rendering { size: 28, steps: 16, parameters, colours, ..Rendering::default() };
        let rendered = render(&model, &objective, &rendering, |_| true).unwrap();
        let worth = |picture: &Picture| excitement(&model, &objective, picture).unwrap();
        let noise = &rendered.frames[0].picture;
        let picture = rendered.picture();
        assert!(picture.pixels().chunks(3).all(|p| p[0] == p[1] && p[1] == p[2]));
        assert!(worth(picture) > worth(noise));
    }
}

/// Mayukhdeb/torch-dreams #55: channel 119 of a joined layer, or of one of its branches?
#[test]
fn l7_a_joined_channel_and_its_branch_are_one_unit_and_both_are_told() {
    let model = drawn(Architecture::GoogLeNet);
    let of = |text: &str| Objective::parse(text, &model).unwrap();
    for (text, told) in [
        ("inception_4c:119", "inception_4c/output:119 (inception_4c/1x1:119)"),
        ("mixed4c:135", "inception_4c/output:135 (inception_4c/3x3:7)"),
        ("mixed4c_pre_relu:135", "inception_4c/output/pre_relu:135 (inception_4c/3x3/pre_relu:7)"),
        ("inception_4c/3x3:7", "inception_4c/3x3:7"),
        ("mixed4c_3x3:7", "inception_4c/3x3:7"),
    ] {
        assert_eq!(of(text).units()[0].to_string(), told);
    }
    let picture = stripes(64, 64);
    let worth = |text: &str| excitement(&model, &of(text), &picture).unwrap();
    assert_eq!(worth("mixed4c_pre_relu:135"), worth("inception_4c/3x3/pre_relu:7"));
    let error = Objective::parse("mixed4c:512", &model).unwrap_err().to_string();
    assert!(error.contains("\"inception_4c/output\" has 512 channels"), "{error}");
    let rendering = Rendering { size: 32, steps: 0, ..Rendering::default() };
    assert_eq!(render(&model, &of("mixed4c:1"), &rendering, |_| true).unwrap().end, End::Completed);
}
