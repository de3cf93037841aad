//! Against searches that ask the network for whole sentences.

use crate::networks::{Failure, network, requests, tiny};
use candle_core::{D, Device, IndexOp, Tensor};
use conv_nn::{Mode, log_softmax};
use conv_translate::{ConvS2s, Ensemble, Preset, Request, Sampling, SearchConfig};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence::Off;

/// Logarithms of the probabilities after a prefix, of which `<pad>` has none.
fn follows(model: &ConvS2s, source: &[u32], words: &[u32]) -> Result<Vec<f32>, Failure> {
    let ids = Tensor::new(source, &Device::Cpu)?.unsqueeze(0)?;
    let source = model.encode(&ids, &[source.len()], &mut Mode::Eval)?;
    let prefix = Tensor::new([&[2], words].concat(), &Device::Cpu)?.unsqueeze(0)?;
    let logits = model.decode(&prefix, &source, &mut Mode::Eval)?.logits;
    let mut values = log_softmax(&logits, D::Minus1)?.i((0, words.len()))?.to_vec1::<f32>()?;
    values[1] = f32::NEG_INFINITY;
    Ok(values)
}

/// That every word is the likeliest after those before it, but for `near`: at most `longest`.
fn is_greedy(
    model: &ConvS2s,
    source: &[u32],
    words: &[u32],
    longest: usize,
    near: f32,
) -> Result<bool, Failure> {
    for place in 0..=words.len().min(longest - 1) {
        let mut values = follows(model, source, &words[..place])?;
        if place == 0 {
            values[2] = f32::NEG_INFINITY;
        }
        let best = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let word = words.get(place).map_or(2, |word| *word as usize);
        if values[word] < best - near {
            return Ok(false);
        }
    }
    Ok(words.len() <= longest)
}

fn beam_of_one(preset: Preset, seed: u64) -> Result<(), Failure> {
    let model = network(preset, 23, seed)?;
    let ensemble = Ensemble::new(vec![model.clone()])?;
    let config = SearchConfig { beam: 1, max_length_b: 15, ..Default::default() };
    // Nearly all probability is the likeliest word's: a word that is 0.002 less likely is drawn
    // once in exp(20) times. Untrained networks do have words as near as that to each other.
    let cold =
        SearchConfig { temperature: 1e-4, sampling: Some(Sampling::default()), ..config.clone() };
    let requests = requests(3, 23, seed);
    let found = ensemble.search(&requests, &config)?;
    let drawn = ensemble.search(&requests, &cold)?;
    for (i, request) in requests.iter().enumerate() {
        for (how, words, near) in
            [("found", &found[i][0].tokens, 1e-5), ("drawn", &drawn[i][0].tokens, 2e-3)]
        {
            let greedy = is_greedy(&model, &request.source, words, 15, near)?;
            assert!(greedy, "{preset}, seed {seed}, {how}: {words:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: Some(Box::new(Off)), ..ProptestConfig::with_cases(4) })]
    #[test]
    fn a_beam_of_one_is_greedy(which in 0..Preset::ALL.len(), seed in 0..1000u64) {
        beam_of_one(Preset::ALL[which], seed).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn a_beam_of_one_is_greedy_with_every_presets_layers() -> Result<(), Failure> {
    Preset::ALL.into_iter().try_for_each(|preset| beam_of_one(preset, 3))
}

/// All translations of 1 to 3 words of a vocabulary, scored one by one.
fn every(
    model: &ConvS2s,
    source: &[u32],
    vocabulary: u32,
) -> Result<Vec<(f32, Vec<u32>)>, Failure> {
    let mut all = Vec::new();
    let mut prefixes = vec![(0.0, vec![])];
    for length in 0..=3 {
        for (sum, words) in std::mem::take(&mut prefixes) {
            let values = follows(model, source, &words)?;
            if length > 0 {
                all.push(((sum + values[2]) / (length + 1) as f32, words.clone()));
            }
            for word in (0..vocabulary).filter(|word| ![1, 2].contains(word) && length < 3) {
                prefixes.push((sum + values[word as usize], [&words[..], &[word]].concat()));
            }
        }
    }
    all.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    Ok(all)
}

#[test]
fn a_beam_without_bounds_ranks_all_there_is() -> Result<(), Failure> {
    // <s>, <unk> and two words.
    let config = SearchConfig { beam: 100, n_best: 100, max_length_b: 3, ..Default::default() };
    for seed in 0..4 {
        let model = tiny(6, seed)?;
        let expected = every(&model, &[4, 5, 2], 6)?;
        let request = Request::new(0, vec![4, 5, 2]);
        let found = Ensemble::new(vec![model])?.search(&[request], &config)?.remove(0);
        assert_eq!((found.len(), expected.len()), (84, 84));
        for (found, (score, words)) in found.iter().zip(expected) {
            assert!((found.score - score).abs() < 1e-5, "{words:?}");
            assert_eq!(found.tokens, words);
        }
    }
    Ok(())
}
