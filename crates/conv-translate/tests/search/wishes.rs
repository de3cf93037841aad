//! Whatever is asked for is so in what is found.

use crate::networks::{Failure, requests, tiny};
use conv_nn::rng::seeded;
use conv_translate::{Constraints, Ensemble, Hypothesis, Request, Sampling, SearchConfig};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence::Off;
use rand::Rng;

const VOCABULARY: u32 = 20;

fn any_config() -> impl Strategy<Value = SearchConfig> {
    let lengths = (0..4usize, 0.0..1.5f64, 4..10usize);
    let scores = (0.0..2.0f64, any::<bool>(), 0..4usize, prop_oneof![Just(0.0), -2.0..2.0f64]);
    let of_sampling = (prop::option::of(1..8usize), prop::option::of(0.1..1.0f64), 0..9u64);
    let kind = (0..4u8, prop_oneof![Just(1.0), 0.3..2.0f64], any::<bool>());
    (1..7usize, lengths, scores, of_sampling, kind).prop_map(
        |(beam, lengths, scores, of_sampling, kind)| {
            let (top_k, top_p, seed) = of_sampling;
            let top_p = top_p.filter(|_| top_k.is_none());
            SearchConfig {
                beam,
                n_best: beam,
                length_penalty: scores.0,
                unnormalised: scores.1,
                min_length: lengths.0,
                max_length_a: lengths.1,
                max_length_b: lengths.2,
                no_repeat_ngram: scores.2,
                unknown_penalty: scores.3,
                temperature: kind.1,
                constraints: if kind.2 { Constraints::Ordered } else { Constraints::Unordered },
                diverse_groups: if kind.0 == 0 { beam } else { 1 },
                diverse_strength: 0.7,
                sampling: (kind.0 == 1).then_some(Sampling { top_k, top_p, seed }),
            }
        },
    )
}

/// Sentences with prefixes, and with phrases where there may be some.
fn asked(config: &SearchConfig, count: usize, seed: u64) -> Vec<Request> {
    let mut stream = seeded(seed, "wishes");
    let mut words = |most: usize| -> Vec<u32> {
        let length = stream.random_range(0..=most);
        (0..length).map(|_| stream.random_range(4..VOCABULARY)).collect()
    };
    let mut requests = requests(count, VOCABULARY, seed);
    let may =
        config.sampling.is_none() && config.diverse_groups == 1 && config.no_repeat_ngram == 0;
    for request in &mut requests {
        request.prefix = words(2);
        let phrases = [words(1), words(1)].into_iter().filter(|phrase| may && !phrase.is_empty());
        request.constraints = phrases.collect();
    }
    requests
}

/// Whether `size` words that end behind the prefix came before.
fn repeats(size: usize, words: &[u32], prefix: usize) -> bool {
    let windows: Vec<_> = words.windows(size.max(1)).collect();
    let is_again = |i: usize| i + size > prefix && windows[..i].contains(&windows[i]);
    size > 0 && (0..windows.len()).any(is_again)
}

fn check(found: &Hypothesis, request: &Request, config: &SearchConfig) {
    let Hypothesis { tokens, score, positional, attention, alignment } = found;
    let source = request.source.len();
    let longest = (config.max_length_a * source as f64 + config.max_length_b as f64) as usize;
    assert!((config.min_length..=longest.min(27)).contains(&tokens.len()), "{tokens:?}");
    assert!(tokens.starts_with(&request.prefix));
    assert!(tokens.iter().all(|token| ![1, 2].contains(token)));
    assert!(!repeats(config.no_repeat_ngram, tokens, request.prefix.len()), "{tokens:?}");
    for phrase in &request.constraints {
        assert!(tokens.windows(phrase.len()).any(|window| window == phrase), "{tokens:?}");
    }
    let length = tokens.len() + 1;
    assert_eq!([positional.len(), attention.len(), alignment.len() + 1], [length; 3]);
    for shares in attention {
        assert!(shares.len() == source && (shares.iter().sum::<f32>() - 1.0).abs() < 1e-4);
    }
    assert!(alignment.iter().all(|place| *place < source - 1));
    let scale = if config.unnormalised { 1.0 } else { (length as f64).powf(config.length_penalty) };
    let sum: f32 = positional.iter().sum();
    assert!((f64::from(sum) / scale - f64::from(*score)).abs() < 1e-4);
}

fn holds(config: &SearchConfig, seed: u64) -> Result<(), Failure> {
    let ensemble = Ensemble::new(vec![tiny(VOCABULARY as usize, seed)?])?;
    let requests = asked(config, 5, seed);
    let together = ensemble.search(&requests, config)?;
    let plain =
        config.unknown_penalty == 0.0 && config.temperature == 1.0 && config.diverse_groups == 1;
    for (request, found) in requests.iter().zip(&together) {
        assert!(!found.is_empty() && found.len() <= config.n_best);
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        let alone = ensemble.search(std::slice::from_ref(request), config)?.remove(0);
        assert_eq!(alone.len(), found.len());
        for (found, alone) in found.iter().zip(&alone) {
            check(found, request, config);
            assert_eq!(found.tokens, alone.tokens);
            assert!((found.score - alone.score).abs() < 1e-5, "{} {}", found.score, alone.score);
        }
        let pairs: Vec<_> = found.iter().map(|h| (&request.source[..], &h.tokens[..])).collect();
        for (scored, found) in ensemble.score(&pairs, config)?.iter().zip(found).filter(|_| plain) {
            assert!((scored.score - found.score).abs() < 1e-4, "{} {}", scored.score, found.score);
            assert_eq!(scored.alignment, found.alignment);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: Some(Box::new(Off)), ..ProptestConfig::with_cases(96) })]
    #[test]
    fn what_is_asked_is_so_and_no_sentence_sees_another(config in any_config(), seed in 0..10_000u64) {
        holds(&config, seed).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn groups_begin_with_words_of_their_own() -> Result<(), Failure> {
    let ensemble = Ensemble::new(vec![tiny(VOCABULARY as usize, 1)?])?;
    let plain = SearchConfig { beam: 6, n_best: 6, max_length_b: 12, ..Default::default() };
    let apart = SearchConfig { diverse_groups: 6, diverse_strength: 50.0, ..plain.clone() };
    for found in ensemble.search(&requests(4, VOCABULARY, 1), &apart)? {
        let mut firsts: Vec<u32> = found.iter().map(|found| found.tokens[0]).collect();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 6);
    }
    // Groups that nothing keeps apart are the same search three times.
    let close = SearchConfig { diverse_groups: 3, diverse_strength: 0.0, ..plain.clone() };
    let small = SearchConfig { beam: 2, n_best: 2, ..plain };
    let requests = requests(4, VOCABULARY, 1);
    let found =
        ensemble.search(&requests, &close)?.into_iter().zip(ensemble.search(&requests, &small)?);
    for (close, small) in found {
        assert_eq!(close.len(), 3 * small.len());
        for (i, close) in close.iter().enumerate() {
            assert_eq!(close.tokens, small[i / 3].tokens);
        }
    }
    Ok(())
}

#[test]
fn what_is_drawn_depends_on_the_seed_and_the_place() -> Result<(), Failure> {
    let ensemble = Ensemble::new(vec![tiny(VOCABULARY as usize, 1)?])?;
    let draw = |seed, place| -> Result<_, Failure> {
        let sampling = Some(Sampling { seed, ..Default::default() });
        let config = SearchConfig { n_best: 5, sampling, max_length_b: 20, ..Default::default() };
        Ok(ensemble.search(&[Request::new(place, vec![4, 5, 6, 2])], &config)?.remove(0))
    };
    let first = draw(1, 0)?;
    assert_eq!(first, draw(1, 0)?);
    assert!(first != draw(2, 0)? && first != draw(1, 1)?);
    assert!(first.iter().any(|other| other.tokens != first[0].tokens));
    Ok(())
}
