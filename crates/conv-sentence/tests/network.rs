//! What holds for every network and sentence, trained or not.
#![allow(clippy::unwrap_used)]

mod tiny;

use candle_core::{DType, Device};
use conv_nn::{Init, Mode, Parameters};
use conv_sentence::{Batch, Classifier, Config, FilterBank, KimCnn, Variant, evidence, kim_cnn};
use proptest::prelude::*;

const WORDS: usize = 30;

fn network(variant: Variant, widths: &[usize], seed: u64) -> (KimCnn, Parameters) {
    let filters = widths.iter().map(|&width| FilterBank { width, maps: 4 }).collect();
    let config = Config { filters, ..Config::kim(variant, WORDS, 6, 3) };
    let parameters = Parameters::new(seed);
    let table = Init::Uniform { low: -1.0, high: 1.0 };
    let model = kim_cnn(&config, table, &parameters.builder(DType::F32, &Device::Cpu)).unwrap();
    (model, parameters)
}

fn logits(model: &KimCnn, sentences: &[&[u32]]) -> Vec<Vec<f32>> {
    let batch = Batch::new(sentences, model.config().padding(), &Device::Cpu).unwrap();
    model.forward(&batch, &mut Mode::Eval).unwrap().to_vec2().unwrap()
}

fn variant() -> impl Strategy<Value = Variant> {
    prop::sample::select(Variant::ALL.to_vec())
}

fn widths() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1usize..7, 1..4)
}

fn sentence() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(1..WORDS as u32, 0..15)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_sentence_s_logits_do_not_depend_on_its_batch(
        variant in variant(), widths in widths(), seed: u64, sentences in prop::collection::vec(sentence(), 1..6),
    ) {
        let (model, _) = network(variant, &widths, seed);
        let sentences: Vec<&[u32]> = sentences.iter().map(Vec::as_slice).collect();
        let together = logits(&model, &sentences);
        for (sentence, row) in sentences.iter().zip(together) {
            for (alone, beside) in logits(&model, &[sentence])[0].iter().zip(row) {
                prop_assert!((alone - beside).abs() < 1e-6, "{alone} {beside}");
            }
        }
    }

    #[test]
    fn the_shares_of_the_windows_and_the_bias_sum_to_the_logit(
        variant in variant(), widths in widths(), seed: u64, sentence in sentence(), class in 0usize..3,
    ) {
        let (model, _) = network(variant, &widths, seed);
        let found = evidence(&model, &sentence, class).unwrap();
        let sum = found.bias + found.windows.iter().map(|window| window.share).sum::<f64>();
        let logit = f64::from(logits(&model, &[&sentence])[0][class]);
        prop_assert!((sum - logit).abs() < 1e-5 && (found.logit - logit).abs() < 1e-5, "{sum} {logit}");
        prop_assert!(found.windows.iter().all(|window| window.start <= window.end && window.end <= sentence.len()));
        let maps: usize = found.windows.iter().map(|window| window.maps).sum();
        prop_assert_eq!(maps, model.config().features());
        let by_word: f64 = found.by_word(sentence.len()).iter().sum();
        let inside: f64 = found.windows.iter().filter(|w| w.end > w.start).map(|w| w.share).sum();
        prop_assert!((by_word - inside).abs() < 1e-9);
    }
}

#[test]
fn the_gradient_reaches_every_parameter_but_the_kept_table() {
    for variant in Variant::ALL {
        let (model, parameters) = network(variant, &[1, 3, 4], 7);
        let sentences: [&[u32]; 2] = [&[3, 4, 5, 6, 7, 8], &[9, 1]];
        let batch = Batch::new(&sentences, model.config().padding(), &Device::Cpu).unwrap();
        let loss =
            model.forward(&batch, &mut Mode::Eval).unwrap().sqr().unwrap().sum_all().unwrap();
        let gradients = loss.backward().unwrap();
        for (name, var) in parameters.vars() {
            let gradient = gradients.get(var.as_tensor());
            assert_eq!(gradient.is_none(), name == "static.weight", "{variant} {name}");
            if let Some(gradient) = gradient {
                let size = gradient.abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
                assert!(size > 0.0, "{variant} {name}");
            }
        }
    }
}

#[test]
fn a_classifier_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Classifier>();
}

/// At the paper's size, where a large batch would have another, less exact kernel than a small one.
#[test]
fn nor_do_its_features_where_kernels_differ_with_the_batch() {
    let config = Config::kim(Variant::Rand, WORDS, 100, 2);
    let table = Init::Uniform { low: -1.0, high: 1.0 };
    let parameters = Parameters::new(1);
    let model = kim_cnn(&config, table, &parameters.builder(DType::F32, &Device::Cpu)).unwrap();
    let sentence = |number: usize| -> Vec<u32> {
        (0..5 + number % 40).map(|i| ((i * 7 + number * 11) % (WORDS - 1)) as u32 + 1).collect()
    };
    let sentences: Vec<Vec<u32>> = (0..100).map(sentence).collect();
    let sentences: Vec<&[u32]> = sentences.iter().map(Vec::as_slice).collect();
    let features = |sentences: &[&[u32]]| -> Vec<Vec<f32>> {
        let batch = Batch::new(sentences, model.config().padding(), &Device::Cpu).unwrap();
        model.features(&batch, &mut Mode::Eval).unwrap().to_vec2().unwrap()
    };
    for (sentence, row) in sentences.iter().zip(features(&sentences)) {
        assert_eq!(features(&[sentence])[0], row);
    }
}

#[test]
fn any_text_has_a_prediction() {
    let (sentences, split) = tiny::sentences();
    let recipe = tiny::recipe(Variant::Rand);
    let classifier = tiny::training(&recipe, &sentences, &split, [].into()).classifier().unwrap();
    let long = "the film is good ".repeat(2000);
    let texts = ["", "   ", "quite unheard of", &long, "good", "\u{0}\u{feff}毛🙂"];
    let predictions = classifier.predict_batch(&texts).unwrap();
    for (text, prediction) in texts.iter().zip(&predictions) {
        assert!((prediction.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let alone = classifier.predict(text).unwrap();
        for (a, b) in alone.probabilities.iter().zip(&prediction.probabilities) {
            assert!((a - b).abs() < 1e-6);
        }
        classifier.evidence(text, 1).unwrap();
    }
    assert_eq!(predictions[0], predictions[1]);
    assert!(classifier.predict_batch(&[""; 0]).unwrap().is_empty());
}

#[test]
fn thresholds_choose_what_reaches_them_and_otherwise_what_has_none() {
    let (sentences, split) = tiny::sentences();
    let recipe = tiny::recipe(Variant::Rand);
    let classifier = tiny::training(&recipe, &sentences, &split, [].into()).classifier().unwrap();
    let prediction = classifier.predict("good").unwrap();
    let probability = prediction.probabilities[1];
    let decide = |least: f64| classifier.decide(prediction.clone(), &[(1, least)]).label;
    assert_eq!((decide(probability).as_str(), decide(probability + 1e-9).as_str()), ("yes", "no"));
    assert_eq!(classifier.decide(prediction.clone(), &[]), prediction);
}

#[test]
fn words_that_were_never_seen_say_nothing() {
    let (sentences, split) = tiny::sentences();
    for variant in Variant::ALL {
        let recipe = tiny::recipe(variant);
        let training = tiny::training(&recipe, &sentences, &split, [].into());
        tiny::train(&training, &recipe);
        let classifier = training.classifier().unwrap();
        let probabilities = |text| classifier.predict(text).unwrap().probabilities;
        for (nothing, strange) in probabilities("").into_iter().zip(probabilities("zyx zyx")) {
            assert!((nothing - strange).abs() < 1e-6, "{variant}: {nothing} {strange}");
        }
    }
}

#[test]
fn two_channels_start_alike() {
    let (_, parameters) = network(Variant::Multichannel, &[3], 5);
    let rows = |name: &str| parameters.tensors()[name].to_vec2::<f32>().unwrap();
    assert_eq!(rows("static.weight"), rows("embedding.weight"));
}
