//! Heads beside their PyTorch twins (`tests/reference/make_heads.py`), and a small world from
//! questions to a folder that answers.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{Function, Kind, Question};
use candle_core::{DType, Device};
use conv_nn::rng::seeded;
use conv_nn::{CrossEntropyConfig, Parameters, cross_entropy};
use conv_train::{Learner, Run, Task, fit, task};
use conv_vision::{Features, FeaturesMadeBy, Picture};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Numbers by the formula of conv-vision's `tests/reference/seeded.py`, from -1 to 1.
fn numbers(name: &str, shape: &[usize]) -> Tensor {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let seed = name.bytes().fold(0x811c_9dc5, step);
    let number = |at: u32| {
        let mut x = at.wrapping_mul(0x9e37_79b1).wrapping_add(seed);
        x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
        x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
        f64::from(x ^ (x >> 16)) / 2f64.powi(31) - 1.0
    };
    let values: Vec<f64> = (0..shape.iter().product::<usize>() as u32).map(number).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn weight(name: &str, shape: &[usize]) -> Tensor {
    let fan_in = shape[1..].iter().product::<usize>();
    let (factor, offset) = match shape.len() {
        1 if name.ends_with("norm.weight") => (0.1, 1.0),
        1 => (0.1, 0.0),
        _ => ((6.0 / fan_in as f64).sqrt(), 0.0),
    };
    numbers(name, shape).affine(factor, offset).unwrap()
}

#[derive(Deserialize)]
struct Case {
    logits: Vec<f64>,
    loss: f64,
    gradients: BTreeMap<String, Vec<f64>>,
}

const MAPS: [usize; 3] = [3, 4, 6];

fn maps_of() -> MapsOf {
    let made_by = FeaturesMadeBy {
        network: "formula".into(),
        layers: vec!["layer".into()],
        weights: "0".into(),
        preprocessing: serde_json::Value::Null,
        names: Default::default(),
    };
    MapsOf { made_by, shape: MAPS, mean: vec![0.1, -0.2, 0.3], deviation: vec![0.5, 0.8, 1.1] }
}

/// As small as the twins.
fn config(architecture: Architecture) -> Config {
    Config {
        architecture,
        words: 7,
        answers: 3,
        maps: architecture.looks().then(maps_of),
        embedding: 3,
        units: 4,
        channels: 4,
        stride: 2,
        objects: [2, 2],
        steps: 2,
        coordinates: architecture == Architecture::Mac,
        hidden: 5,
        dropout: 0.0,
    }
}

fn asked(dtype: DType) -> Asked {
    let questions: [&[u32]; 5] = [&[1, 2, 3], &[4], &[5, 6, 1, 2], &[3, 3], &[2, 6, 5, 4, 1]];
    let color = Function::Equal(Kind::Color);
    let functions = [Some(Function::Count), Some(color), Some(color), None, Some(Function::Exist)];
    let questions: Vec<_> = questions.into_iter().zip(functions).collect();
    let maps = numbers("maps", &[3, 3, 4, 6]).to_dtype(dtype).unwrap();
    Asked::new(&questions, vec![0, 0, 1, 2, 2], Some(maps), &Device::Cpu).unwrap()
}

/// Parameters by formula.
fn parameters(config: &Config, dtype: DType) -> Parameters {
    let parameters = Parameters::new(1);
    head(config, &parameters.builder(dtype, &Device::Cpu)).unwrap();
    let mut values = parameters.tensors();
    for (name, value) in &mut values {
        *value = if parameters.is_buffer(name) {
            value.copy().unwrap()
        } else {
            weight(name, value.dims()).to_dtype(dtype).unwrap()
        };
    }
    parameters.restore(&values).unwrap();
    parameters
}

fn near(name: &str, found: &Tensor, expected: &[f64]) {
    let found = found.flatten_all().unwrap().to_vec1::<f64>().unwrap();
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        let most = 1e-6 + 1e-5 * expected.abs();
        assert!((found - expected).abs() < most, "{name}: {found}, expected {expected}");
    }
}

#[test]
fn logits_losses_and_gradients_are_pytorchs() {
    let cases: BTreeMap<String, Case> =
        serde_json::from_str(include_str!("../../tests/reference/heads.json")).unwrap();
    for architecture in Architecture::ALL {
        let name = architecture.name();
        let config = config(architecture);
        let case = &cases[name];
        let parameters = parameters(&config, DType::F64);
        let head = head(&config, &parameters.builder(DType::F64, &Device::Cpu)).unwrap();
        let mut stream = seeded(1, "no dropout");
        let logits = head.logits(&asked(DType::F64), &mut Mode::Train(&mut stream)).unwrap();
        near(name, &logits, &case.logits);
        let targets = Tensor::new(&[0u32, 2, 1, 1, 0], &Device::Cpu).unwrap();
        let loss = cross_entropy(&logits, &targets, &CrossEntropyConfig::default()).unwrap();
        near(name, &loss, &[case.loss]);
        let gradients = loss.backward().unwrap();
        let vars = parameters.vars();
        assert_eq!(vars.len(), case.gradients.len(), "{name}: {:?}", case.gradients.keys());
        for (parameter, var) in vars {
            let found = gradients.get(var.as_tensor()).unwrap();
            near(&format!("{name}, {parameter}"), found, &case.gradients[&parameter]);
        }
    }
}

#[test]
fn in_f32_they_are_the_same_but_for_rounding() {
    for architecture in Architecture::ALL {
        let config = config(architecture);
        let logits = [DType::F32, DType::F64].map(|dtype| {
            let parameters = parameters(&config, dtype);
            let head = head(&config, &parameters.builder(dtype, &Device::Cpu)).unwrap();
            let logits = head.logits(&asked(dtype), &mut Mode::Eval).unwrap();
            logits.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap()
        });
        let apart = logits[0].iter().zip(&logits[1]).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f64::max) < 1e-4, "{architecture}: {logits:?}");
    }
}

#[test]
fn what_looks_in_steps_looks_everywhere_by_parts_of_one() {
    for architecture in Architecture::ALL {
        let config = config(architecture);
        let parameters = parameters(&config, DType::F32);
        let head = head(&config, &parameters.builder(DType::F32, &Device::Cpu)).unwrap();
        let Some(maps) = head.attention(&asked(DType::F32)).unwrap() else { continue };
        let steps = if architecture == Architecture::Film { 1 } else { 2 };
        assert_eq!(maps.dims(), [5, steps, 2, 3], "{architecture}");
        for sum in maps.sum((2, 3)).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap() {
            assert!((sum - 1.0).abs() < 1e-5, "{architecture}: {sum}");
        }
    }
}

#[test]
fn a_field_out_of_its_range_is_named() {
    let error = |change: fn(&mut Config)| {
        let mut config = config(Architecture::Relation);
        change(&mut config);
        head(&config, &Parameters::new(1).builder(DType::F32, &Device::Cpu))
            .unwrap_err()
            .to_string()
    };
    for (found, expected) in [
        (error(|config| config.objects = [4, 7]), "objects"),
        (error(|config| config.objects = [3, 1]), "objects"),
        (error(|config| config.steps = 0), "steps"),
        (error(|config| config.dropout = 1.0), "dropout"),
        (error(|config| config.maps = None), "maps"),
        (error(|config| config.architecture = Architecture::Lstm), "maps"),
        (error(|config| config.maps.as_mut().unwrap().mean = vec![1.0]), "maps.mean"),
        (error(|config| config.maps.as_mut().unwrap().shape = [3, 0, 2]), "maps.shape"),
    ] {
        assert!(found.contains(expected), "{found}, expected {expected}");
    }
    assert!(
        "resnet".parse::<Architecture>().unwrap_err().to_string().contains("one of type, lstm")
    );
}

/// Maps of pictures, in which the place of the one that is not 0 says the answer.
struct Formula;

impl conv_vision::FeatureSource for Formula {
    type Error = conv_vision::Error;

    fn made_by(&self) -> FeaturesMadeBy {
        FeaturesMadeBy { layers: Vec::new(), ..maps_of().made_by }
    }

    fn layers(
        &self,
        pictures: Vec<Picture>,
        _: &[&str],
        device: &Device,
    ) -> conv_vision::Result<Vec<Vec<Tensor>>> {
        let map = |picture: &Picture| {
            let value = f32::from(picture.pixels()[0]) / 100.0;
            Ok(vec![Tensor::full(value, (1, 2, 2), device)?])
        };
        pictures.iter().map(map).collect()
    }
}

/// Twelve pictures, dark or light, with two questions each: the first asks which, the second is
/// answered alike by all.
fn small_world(folder: &Path) -> (Vec<Question>, Maps) {
    let mut questions = Vec::new();
    let mut files = Vec::new();
    for at in 0..12u8 {
        let name = format!("{at}.png");
        let picture = Picture::new(2, 2, vec![200 * (at % 2) + at; 12]).unwrap();
        files.push(folder.join(&name));
        std::fs::write(&files[at as usize], picture.to_png().unwrap()).unwrap();
        let answer = ["no", "yes"][at as usize % 2];
        for (text, answer, last) in
            [("Is there a cube?", answer, "exist"), ("How many cubes are there?", "3", "count")]
        {
            let program = serde_json::json!([
                {"function": "scene", "inputs": []}, {"function": last, "inputs": [0]}]);
            let text = serde_json::json!({
                "image_filename": name, "question": text, "answer": answer, "program": program
            });
            questions.push(serde_json::from_value(text).unwrap());
        }
    }
    let layers = ["layer@2x2".to_string()];
    let limits = conv_vision::Limits::default();
    let half = DType::F16;
    let (features, _) =
        Features::of(&Formula, (&files, folder), &layers, &limits, half, &Device::Cpu).unwrap();
    let path = folder.join("maps.safetensors");
    features.write(&path).unwrap();
    (questions, Maps::read(&path).unwrap())
}

fn recipe(architecture: Architecture, epochs: usize) -> Recipe {
    let mut recipe =
        Recipe { dev: 0.25, stride: 1, objects: [2, 2], ..Recipe::preset(architecture) };
    (recipe.embedding, recipe.units, recipe.channels, recipe.hidden) = (6, 8, 6, 8);
    (recipe.fit.epochs, recipe.fit.schedule.warmup_steps, recipe.fit.learning_rate) =
        (epochs, 0, 0.01);
    recipe.fit.batching.size = conv_train::batch::BatchSize::Examples(4);
    recipe
}

#[test]
fn a_small_world_is_learnt_by_what_looks_and_opened_again() {
    let place = tempfile::tempdir().unwrap();
    let (questions, maps) = small_world(place.path());
    assert_eq!((maps.shape(), maps.len()), ([1, 2, 2], 12));
    for architecture in Architecture::ALL {
        let epochs = if architecture == Architecture::Type { 1 } else { 120 };
        let mut recipe = recipe(architecture, epochs);
        // All at once: a batch of alike pictures has moments of its own.
        recipe.fit.batching.size = conv_train::batch::BatchSize::Examples(9);
        let training = Training::new(recipe, &questions, Some(&maps), &Device::Cpu).unwrap();
        assert_eq!((training.examples()["train questions"], training.left_out()), (18, 0));
        let run = place.path().join(architecture.name());
        if architecture != Architecture::Type {
            fit(&training, training.fit(), Run::new(&run)).unwrap();
        }
        let figures = training.measure().unwrap();
        let accuracy = figures["accuracy"];
        if architecture.looks() {
            assert_eq!(accuracy, 1.0, "{architecture}")
        } else {
            assert!((0.5..1.0).contains(&accuracy), "{architecture}: {accuracy}")
        }
        let model = run.join("model");
        task::save(&training, &model, &card(training.config(), "here", figures), false).unwrap();
        let answerer = Answerer::open(&model, &Device::Cpu).unwrap();
        let map = maps.of(&["3.png"], &Device::Cpu).unwrap().get(0).unwrap();
        let asked = [
            ("How many cubes are there?", Some(Function::Count)),
            ("Is there a ball?", Some(Function::Exist)),
            ("is there a cube", Some(Function::Exist)),
        ];
        let answers = answerer.answers(&asked, Some(&map)).unwrap();
        assert_eq!(answers[0].as_ref().unwrap().answer.to_string(), "3", "{architecture}");
        let error = answers[1].as_ref().unwrap_err().to_string();
        assert!(error.contains("is not known: ball") || architecture == Architecture::Type);
        if architecture.looks() {
            assert_eq!(answers[2].as_ref().unwrap().answer.to_string(), "yes", "{architecture}");
            assert!(answerer.answers(&asked, None).is_err(), "{architecture}");
            let other = Tensor::zeros((1, 3, 2), DType::F32, &Device::Cpu).unwrap();
            assert!(answerer.answers(&asked, Some(&other)).is_err(), "{architecture}");
        }
    }
}

#[test]
fn a_run_that_is_broken_off_goes_on_with_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    let (questions, maps) = small_world(place.path());
    let weights = |folder: &str, parts: &[usize]| {
        let folder = place.path().join(folder);
        for (at, &epochs) in parts.iter().enumerate() {
            let mut recipe = recipe(Architecture::Film, 4);
            recipe.dropout = 0.2;
            let training = Training::new(recipe, &questions, Some(&maps), &Device::Cpu).unwrap();
            let stop = std::sync::atomic::AtomicBool::new(false);
            let mut observer = |event: &conv_train::Event| {
                if let conv_train::Event::Step(step) = event
                    && step.step >= 3 * epochs as u64
                    && epochs < 4
                {
                    stop.store(true, std::sync::atomic::Ordering::SeqCst);
                }
            };
            let observer: &mut dyn FnMut(&conv_train::Event) = &mut observer;
            let run = Run {
                resume: at > 0,
                stop: Some(&stop),
                observer: Some(observer),
                ..Run::new(&folder)
            };
            fit(&training, training.fit(), run).unwrap();
            if at + 1 == parts.len() {
                let tensors = training.parameters().tensors();
                let values = tensors
                    .values()
                    .map(|tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap());
                return values.collect::<Vec<_>>();
            }
        }
        Vec::new()
    };
    assert_eq!(weights("whole", &[4]), weights("broken", &[1, 2, 4]));
}

#[test]
fn what_cannot_be_learnt_from_is_said() {
    let place = tempfile::tempdir().unwrap();
    let (questions, maps) = small_world(place.path());
    let film = recipe(Architecture::Film, 1);
    let error = |questions: &[Question], maps: Option<&Maps>, recipe: Recipe| {
        Training::new(recipe, questions, maps, &Device::Cpu).err().unwrap().to_string()
    };
    assert!(error(&[], Some(&maps), film.clone()).contains("expected answers to learn from"));
    assert!(error(&questions, None, film.clone()).contains("maps"));
    let no_dev = Recipe { dev: 0.0, ..film.clone() };
    assert!(error(&questions, Some(&maps), no_dev).contains("monitor"));
    let mut other = questions.clone();
    other[0].image_filename = "none.png".into();
    let training = Training::new(film, &other, Some(&maps), &Device::Cpu).unwrap();
    assert_eq!(training.left_out(), 1);
}
