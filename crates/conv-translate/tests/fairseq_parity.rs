//! Checkpoints that fairseq trained give here what they give there
//! (tests/reference/make_fairseq_fixtures.py): what the encoder says, every step of the decoder,
//! and what is found and scored.
#![allow(clippy::unwrap_used)]

use candle_core::{D, DType, Device, Tensor};
use conv_nn::{Mode, Parameters, log_softmax};
use conv_translate::fairseq::FairseqModel;
use conv_translate::{
    Constraints, ConvS2s, END, Ensemble, Hypothesis, Request, SearchConfig, Translator, convs2s,
};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Scores and logarithms of probabilities agree to this.
const CLOSE: f64 = 1e-4;

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/fairseq").join(name)
}

/// The checkpoint `name`; that of the older form has dictionaries of its own, which fairseq finds
/// beside it as any.
fn checkpoint(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let dictionaries = if name == "old" { reference("bpe") } else { reference("") };
    for file in ["dict.zo.txt", "dict.mi.txt"] {
        std::fs::copy(dictionaries.join(file), folder.path().join(file)).unwrap();
    }
    let path = folder.path().join("checkpoint.pt");
    std::fs::copy(reference(&format!("{name}.pt")), &path).unwrap();
    (folder, path)
}

fn network(name: &str) -> ConvS2s {
    let (_folder, path) = checkpoint(name);
    let model = FairseqModel::open(&path).unwrap();
    let vb = Parameters::frozen(model.tensors).builder(DType::F32, &Device::Cpu);
    convs2s(&model.config, &vb).unwrap()
}

fn expectations(name: &str) -> Value {
    let text = std::fs::read_to_string(reference(&format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn tokens(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|token| token.as_u64().unwrap() as u32).collect()
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
    (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

/// The `length` last rows of a padded sequence of the reference, whose padding comes first.
fn last_rows(of: &Tensor, sentence: usize, length: usize) -> Tensor {
    let of = of.get(sentence).unwrap();
    of.narrow(0, of.dim(0).unwrap() - length, length).unwrap()
}

#[test]
fn encoder_outputs_and_every_steps_log_probabilities_agree() {
    for name in ["first", "second", "old"] {
        let network = network(name);
        let file = reference(&format!("{name}.safetensors"));
        let expected = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
        let ids = |name: &str| expected[name].to_dtype(DType::U32).unwrap();
        let rows = ids("source").to_vec2::<u32>().unwrap();
        let sources: Vec<Vec<u32>> = rows
            .iter()
            .map(|row| row.iter().copied().filter(|id| *id != conv_translate::PAD).collect())
            .collect();
        let lengths: Vec<usize> = sources.iter().map(Vec::len).collect();
        assert!(lengths.iter().min() < lengths.iter().max(), "some are padded");
        let width = rows[0].len();
        let padded = sources.iter().flat_map(|source| {
            source.iter().copied().chain(std::iter::repeat_n(1, width - source.len()))
        });
        let padded = Tensor::from_iter(padded, &Device::Cpu).unwrap();
        let padded = padded.reshape((rows.len(), width)).unwrap();
        let encoded = network.encode(&padded, &lengths, &mut Mode::Eval).unwrap();
        let decoded = network.decode(&ids("previous"), &encoded, &mut Mode::Eval).unwrap();
        let said = log_softmax(&decoded.logits, D::Minus1).unwrap();
        let targets = ids("target").to_vec2::<u32>().unwrap();
        for (i, &length) in lengths.iter().enumerate() {
            for (found, name) in [(&encoded.keys, "encoder_a"), (&encoded.values, "encoder_b")] {
                let found = found.get(i).unwrap().narrow(1, 0, length).unwrap().t().unwrap();
                let difference = largest_difference(&found, &last_rows(&expected[name], i, length));
                assert!(difference < 1e-5, "{name} of sentence {i}: {difference}");
            }
            let count = targets[i].iter().filter(|id| **id != conv_translate::PAD).count();
            let first = |of: &Tensor| of.get(i).unwrap().narrow(0, 0, count).unwrap();
            let difference =
                largest_difference(&first(&said), &first(&expected["log_probabilities"]));
            assert!(difference < CLOSE as f32, "{name}, sentence {i}: {difference}");
            let attention = first(&decoded.attention).narrow(1, 0, length).unwrap();
            let theirs = first(&expected["attention"]);
            let theirs = theirs.narrow(1, width - length, length).unwrap();
            assert!(largest_difference(&attention, &theirs) < 1e-5, "{name}, sentence {i}");
        }
    }
}

fn config(options: &Value) -> Option<SearchConfig> {
    let mut config = SearchConfig::default();
    for (option, value) in options.as_object().unwrap() {
        let number = || value.as_f64().unwrap();
        match option.as_str() {
            "beam" => config.beam = number() as usize,
            "lenpen" => config.length_penalty = number(),
            "unnormalized" => config.unnormalised = true,
            "min_len" => config.min_length = number() as usize,
            "max_len_a" => config.max_length_a = number(),
            "max_len_b" => config.max_length_b = number() as usize,
            "no_repeat_ngram_size" => config.no_repeat_ngram = number() as usize,
            "unkpen" => config.unknown_penalty = number(),
            "temperature" => config.temperature = number(),
            "constraints" if value == "ordered" => config.constraints = Constraints::Ordered,
            "constraints" => config.constraints = Constraints::Unordered,
            // Its penalty is the paper's here; fairseq's adds up over the steps.
            "diverse_beam_groups" => return None,
            option => panic!("what is {option}?"),
        }
    }
    config.n_best = config.beam;
    Some(config)
}

fn agree(what: &str, found: &Hypothesis, expected: &Value) {
    let words = [&found.tokens[..], &[END]].concat();
    assert_eq!(words, tokens(&expected["tokens"]), "{what}");
    let score = expected["score"].as_f64().unwrap();
    assert!((f64::from(found.score) - score).abs() < CLOSE, "{what}: {} {score}", found.score);
    for (found, expected) in found.positional.iter().zip(numbers(&expected["positional_scores"])) {
        assert!((f64::from(*found) - expected).abs() < CLOSE, "{what}: {found} {expected}");
    }
}

fn finds(name: &str, ensemble: &Ensemble) {
    let expected = expectations(name);
    let sources: Vec<Vec<u32>> =
        expected["source_ids"].as_array().unwrap().iter().map(tokens).collect();
    let mut searched = 0;
    for (setting, result) in expected["results"].as_object().unwrap() {
        if setting == "references" {
            continue;
        }
        let Some(config) = config(&result["options"]) else { continue };
        let request = |(place, source): (usize, &Vec<u32>)| {
            let given = |field: &str| result.get(field).map(|of| &of[place]);
            let phrases = given("constraints")
                .map(|phrases| phrases.as_array().unwrap().iter().map(tokens).collect::<Vec<_>>());
            Request {
                prefix: given("prefix").map(tokens).unwrap_or_default(),
                constraints: phrases.unwrap_or_default(),
                ..Request::new(place, source.clone())
            }
        };
        let requests: Vec<_> = sources.iter().enumerate().map(request).collect();
        let found = ensemble.search(&requests, &config).unwrap();
        let sentences = result["sentences"].as_array().unwrap();
        assert_eq!(sentences.len(), found.len());
        for (i, (found, expected)) in found.iter().zip(sentences).enumerate() {
            let expected = expected.as_array().unwrap();
            assert!(!expected.is_empty() && found.len() >= expected.len(), "{name} {setting} {i}");
            for (rank, (found, expected)) in found.iter().zip(expected).enumerate() {
                agree(&format!("{name}, {setting}, sentence {i}, rank {rank}"), found, expected);
                searched += 1;
            }
        }
    }
    assert!(searched > 30, "{searched} translations");
    let targets: Vec<Vec<u32>> =
        expected["target_ids"].as_array().unwrap().iter().map(tokens).collect();
    let pairs: Vec<_> =
        sources.iter().zip(&targets).map(|(s, t)| (&s[..], &t[..t.len() - 1])).collect();
    let scored = ensemble.score(&pairs, &SearchConfig::default()).unwrap();
    let references = expected["results"]["references"]["sentences"].as_array().unwrap();
    for (i, (found, expected)) in scored.iter().zip(references).enumerate() {
        agree(&format!("{name}, reference {i}"), found, &expected[0]);
    }
}

#[test]
fn searches_find_what_fairseq_finds_with_its_scores() {
    for name in ["first", "second", "old"] {
        finds(name, &Ensemble::new(vec![network(name)]).unwrap());
    }
}

#[test]
fn an_ensemble_finds_what_fairseqs_does() {
    let networks = ["first", "second"].map(network).to_vec();
    finds("ensemble", &Ensemble::new(networks).unwrap());
}

#[test]
fn a_translator_takes_tokens_and_joins_their_pieces() {
    for name in ["first", "old"] {
        let (_folder, path) = checkpoint(name);
        let translator = Translator::open(&path, &Device::Cpu).unwrap();
        let expected = expectations(name);
        let sources: Vec<&str> =
            expected["source"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
        let found = translator.translate_batch(&sources, &SearchConfig::default()).unwrap();
        let sentences = expected["results"]["beam5"]["sentences"].as_array().unwrap();
        for (found, expected) in found.iter().zip(sentences) {
            assert_eq!(found[0].text, expected[0]["text"].as_str().unwrap(), "{name}");
        }
    }
}

#[test]
fn a_dictionary_that_does_not_fit_is_named() {
    let (_folder, path) = checkpoint("first");
    let dictionary = path.with_file_name("dict.zo.txt");
    let mut lines = std::fs::read_to_string(&dictionary).unwrap();
    lines.push_str("another 1\n");
    std::fs::write(&dictionary, lines).unwrap();
    let error = FairseqModel::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("source vocabulary has") && error.contains("as the network has"),
        "{error}"
    );
    std::fs::remove_file(&dictionary).unwrap();
    let error = FairseqModel::open(&path).unwrap_err().to_string();
    assert!(error.contains("dict.zo.txt"), "{error}");
}
