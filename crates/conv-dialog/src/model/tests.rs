//! Every encoder × decoder against PyTorch (`tests/reference/make_networks.py`), and alone against
//! in a batch.
#![allow(clippy::unwrap_used)]

use super::network::network;
use super::{Asked, Batch, Beam, scores, search};
use crate::counts::FEATURES;
use crate::data::ImageSource;
use crate::words::Turn;
use crate::{Config, Decoder, Encoder};
use candle_core::{DType, Device, Tensor};
use conv_nn::rng::seeded;
use conv_nn::{Mode, Parameters};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Fixture {
    sizes: BTreeMap<String, usize>,
    turns: Vec<Round>,
    /// One of text alone, and one that sees images.
    networks: Vec<Made>,
}

#[derive(Deserialize)]
struct Made {
    image: usize,
    parameters: BTreeMap<String, Vec<f32>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Round {
    caption: Vec<u32>,
    rounds: Vec<[Vec<u32>; 2]>,
    question: Vec<u32>,
    image: Vec<f32>,
    candidates: Vec<Vec<u32>>,
    counted: Vec<[f32; FEATURES]>,
}

#[derive(Deserialize)]
struct Case {
    encoder: Encoder,
    decoder: Decoder,
    scores: Vec<f32>,
    loss: f32,
    gradients: BTreeMap<String, Vec<f32>>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../tests/reference/networks.json")).unwrap()
}

fn config(fixture: &Fixture, network: &Made, case: &Case) -> Config {
    let size = |name: &str| fixture.sizes[name];
    Config {
        encoder: case.encoder,
        decoder: case.decoder,
        image: (network.image > 0).then(|| ImageSource {
            size: network.image,
            network: "made up".into(),
            layer: "made up".into(),
            weights: "0".into(),
        }),
        vocabulary: size("known"),
        known: size("known"),
        dimension: size("dimension"),
        units: size("units"),
        history: size("history"),
        counting_units: size("counting_units"),
        dropout: 0.0,
    }
}

/// The fixture's values for the parameters that this network has.
fn parameters(made: &Made, config: &Config) -> Parameters {
    let drawn = Parameters::new(1);
    network(config, None, &drawn.builder(DType::F32, &Device::Cpu)).unwrap();
    let given = drawn.vars().into_iter().map(|(name, var)| {
        let count = var.elem_count();
        let values = made.parameters[&name][..count].to_vec();
        (name, Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap())
    });
    Parameters::warm(1, given.collect())
}

fn turns(fixture: &Fixture) -> Vec<Turn> {
    let turn = |round: &Round| Turn {
        caption: round.caption.clone(),
        rounds: round.rounds.clone(),
        question: round.question.clone(),
    };
    fixture.turns.iter().map(turn).collect()
}

fn asked<'a>(
    fixture: &'a Fixture,
    network: &Made,
    turns: &'a [Turn],
    most: usize,
) -> Vec<Asked<'a>> {
    let asked = |(round, turn): (&'a Round, &'a Turn)| Asked {
        turn,
        image: &round.image[..network.image],
        candidates: round.candidates.iter().take(most).map(Vec::as_slice).collect(),
        counted: round.counted[..most.min(round.counted.len())].to_vec(),
    };
    fixture.turns.iter().zip(turns).map(asked).collect()
}

fn near(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-4, "{name}: {found}, expected {expected}");
    }
}

#[test]
fn scores_losses_and_gradients_are_pytorchs() {
    let fixture = fixture();
    let turns = turns(&fixture);
    let cases = fixture.networks.iter().flat_map(|made| made.cases.iter().map(move |c| (made, c)));
    assert_eq!(cases.clone().count(), 12);
    for (made, case) in cases {
        let named = format!("{:?} {:?} {}", case.encoder, case.decoder, made.image);
        let config = config(&fixture, made, case);
        let parameters = parameters(made, &config);
        let vb = parameters.builder(DType::F32, &Device::Cpu);
        let model = network(&config, None, &vb).unwrap();
        // A generative decoder learns from the true answer alone, the first candidate.
        let most = if case.decoder == Decoder::Generative { 1 } else { usize::MAX };
        let learnt = asked(&fixture, made, &turns, most);
        let batch = Batch::new(&learnt, &config, &Device::Cpu).unwrap();
        let mut rng = seeded(1, "no dropout");
        let (loss, _) = model.loss(&batch, &mut Mode::Train(&mut rng)).unwrap();
        near(&named, &[loss.to_scalar::<f32>().unwrap()], &[case.loss]);
        let gradients = loss.backward().unwrap();
        let vars = parameters.vars();
        assert_eq!(vars.len(), case.gradients.len(), "{named}");
        for (name, var) in vars {
            let found = gradients.get(var.as_tensor()).unwrap().flatten_all().unwrap();
            let named = format!("{named}, {name}");
            near(&named, &found.to_vec1::<f32>().unwrap(), &case.gradients[&name]);
        }

        let all = asked(&fixture, made, &turns, usize::MAX);
        let found = scores(&model, &all, |_| String::new(), &Device::Cpu).unwrap();
        near(&named, &found.concat(), &case.scores);
        // The same bits alone.
        for (one, together) in all.iter().zip(&found) {
            let alone = std::slice::from_ref(one);
            assert_eq!(
                &scores(&model, alone, |_| String::new(), &Device::Cpu).unwrap()[0],
                together
            );
        }
    }
}

#[test]
fn a_batch_of_another_configuration_is_refused() {
    let fixture = fixture();
    let turns = turns(&fixture);
    let [text, seeing] = &fixture.networks[..] else { panic!("two networks") };
    let all = asked(&fixture, text, &turns, usize::MAX);
    let [first, second] = [&text.cases[0], &text.cases[3]].map(|case| config(&fixture, text, case));
    let parameters = parameters(text, &first);
    let model = network(&first, None, &parameters.builder(DType::F32, &Device::Cpu)).unwrap();
    let batch = Batch::new(&all, &second, &Device::Cpu).unwrap();
    let error = model.scores(&batch, &mut Mode::Eval).unwrap_err().to_string();
    assert!(error.contains("another configuration"), "{error}");
    // Images for a network of text, and none for one that sees them.
    let seen = asked(&fixture, seeing, &turns, usize::MAX);
    let sees = config(&fixture, seeing, &seeing.cases[0]);
    for (rounds, config) in [(&seen, &first), (&all, &sees)] {
        let error = Batch::new(rounds, config, &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("numbers of each image"), "{error}");
    }
    let batch = Batch::new(&seen, &sees, &Device::Cpu).unwrap();
    let error = model.scores(&batch, &mut Mode::Eval).unwrap_err().to_string();
    assert!(error.contains("another configuration"), "{error}");
}

/// Every answer of at most three words is a candidate; a beam as wide as they are many finds them
/// all, in the order of their scores, and a narrow one some of them, with theirs.
#[test]
fn a_beam_finds_what_enumeration_does() {
    let fixture = fixture();
    let turns = turns(&fixture);
    let longest = 3;
    let is_generative = |case: &&Case| case.decoder == Decoder::Generative;
    let text = &fixture.networks[0];
    for case in text.cases.iter().filter(is_generative) {
        let config = config(&fixture, text, case);
        let parameters = parameters(text, &config);
        // What is drawn says nearly every word alike: sharper, the words of an answer depend on
        // each other.
        for (_, var) in parameters.vars() {
            var.set(&(var.as_tensor() * 3.0).unwrap()).unwrap();
        }
        let vb = parameters.builder(DType::F32, &Device::Cpu);
        let model = network(&config, None, &vb).unwrap();
        let mut texts: Vec<Vec<u32>> = vec![Vec::new()];
        let mut from = 0;
        for _ in 0..longest {
            let shorter = texts[from..].to_vec();
            from = texts.len();
            // 0 and 1 are nothing and the unknown word.
            let longer = |text: &Vec<u32>| {
                let text = text.clone();
                (2..config.known as u32).map(move |word| [&text[..], &[word]].concat())
            };
            texts.extend(shorter.iter().flat_map(longer));
        }
        texts.remove(0);
        for turn in &turns {
            let candidates: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
            let asked = Asked { turn, image: &[], candidates, counted: Vec::new() };
            let scored = scores(&model, &[asked], |_| String::new(), &Device::Cpu).unwrap();
            let mut expected: Vec<(&Vec<u32>, f32)> =
                texts.iter().zip(scored[0].iter().copied()).collect();
            expected.sort_by(|a, b| b.1.total_cmp(&a.1));
            let asked = Asked { turn, image: &[], candidates: Vec::new(), counted: Vec::new() };
            let batch = Batch::new(&[asked], &config, &Device::Cpu).unwrap();
            let found =
                |width| search(&model, &batch, Beam { width, longest }, &Device::Cpu).unwrap();
            let every = found(texts.len());
            assert_eq!(every.len(), texts.len());
            for ((found, score), (text, expected)) in every.iter().zip(&expected) {
                assert!((score - expected).abs() < 1e-4, "{found:?} {score}, {text:?} {expected}");
            }
            assert_eq!(&every[0].0, expected[0].0);
            for width in [1, 4] {
                let some = found(width);
                assert_eq!(some.len(), width);
                for (text, score) in &some {
                    let place = texts.iter().position(|other| other == text).unwrap();
                    assert!((score - scored[0][place]).abs() < 1e-4, "{text:?}");
                }
            }
        }
    }
}
