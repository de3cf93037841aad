//! What a search finds, against searches written out plainly and against what was asked.

mod networks;
mod plain;
mod wishes;

use conv_translate::{Ensemble, Request, SearchConfig};
use networks::{Failure, network, requests, tiny};

/// The text of the error.
fn refused(ensemble: &Ensemble, request: Request, config: &SearchConfig) -> String {
    let found = ensemble.search(&[request], config);
    found.map_or_else(|error| error.to_string(), |_| "nothing".into())
}

#[test]
fn what_cannot_be_asked_is_named() -> Result<(), Failure> {
    let ensemble = Ensemble::new(vec![tiny(10, 1)?])?;
    let config = SearchConfig { max_length_b: 4, ..Default::default() };
    let good = Request::new(6, vec![4, 2]);
    let drawn = SearchConfig { sampling: Some(Default::default()), ..config.clone() };
    let repeated = SearchConfig { no_repeat_ngram: 1, ..config.clone() };
    for (request, config, expected) in [
        (Request::new(6, vec![]), &config, "sentence 7: its source is empty"),
        (Request::new(6, vec![10, 2]), &config, "its source is token 10, expected less than 10"),
        (Request { prefix: vec![4, 2], ..good.clone() }, &config, "its prefix is token 2"),
        (
            Request { prefix: vec![4; 5], ..good.clone() },
            &config,
            "of 5 tokens, expected at most 4",
        ),
        (
            Request { constraints: vec![vec![11]], ..good.clone() },
            &config,
            "its constraints is token 11",
        ),
        (Request { constraints: vec![vec![]], ..good.clone() }, &config, "an empty phrase"),
        (Request { constraints: vec![vec![5]], ..good.clone() }, &drawn, "none with sampling"),
        (
            Request { constraints: vec![vec![5, 5]], ..good.clone() },
            &repeated,
            "sentence 7: no translation is left",
        ),
        (good.clone(), &SearchConfig { beam: 0, ..config.clone() }, "beam is 0"),
    ] {
        let message = refused(&ensemble, request, config);
        assert!(message.contains(expected), "{expected}: `{message}`");
    }
    assert_eq!(refused(&ensemble, good, &config), "nothing");
    assert!(ensemble.search(&[], &config)?.is_empty());
    assert!(ensemble.score(&[], &config)?.is_empty());
    let message = ensemble.score(&[(&[4, 2], &[10])], &config).map(|_| ());
    assert!(message.is_err_and(|error| error.to_string().contains("its target is token 10")));
    assert!(Ensemble::new(vec![]).is_err());
    let message = Ensemble::new(vec![tiny(10, 1)?, tiny(11, 1)?]).map(|_| ());
    assert!(
        message
            .is_err_and(|error| error.to_string().contains("model 2 of the ensemble has 11 words"))
    );
    Ok(())
}

#[test]
fn an_ensemble_of_one_network_twice_is_the_network() -> Result<(), Failure> {
    let config =
        SearchConfig { n_best: 5, temperature: 0.8, max_length_b: 20, ..Default::default() };
    let requests = requests(4, 20, 5);
    let one = Ensemble::new(vec![tiny(20, 1)?])?.search(&requests, &config)?;
    let two = Ensemble::new(vec![tiny(20, 1)?, tiny(20, 1)?])?.search(&requests, &config)?;
    for (one, two) in one.iter().flatten().zip(two.iter().flatten()) {
        assert_eq!(one.tokens, two.tokens);
        assert!((one.score - two.score).abs() < 1e-5);
    }
    Ok(())
}

#[test]
fn an_ensemble_says_the_mean() -> Result<(), Failure> {
    let networks = [network(conv_translate::Preset::FconvIwsltDeEn, 20, 1)?, tiny(20, 2)?];
    let alone =
        [Ensemble::new(vec![networks[0].clone()])?, Ensemble::new(vec![networks[1].clone()])?];
    let both = Ensemble::new(networks.into())?;
    assert_eq!(both.longest_target(), 28);
    let config = SearchConfig { max_length_b: 12, ..Default::default() };
    for request in requests(4, 20, 3) {
        let found = &both.search(std::slice::from_ref(&request), &config)?[0][0];
        let pair = (&request.source[..], &found.tokens[..]);
        let [a, b] = [alone[0].score(&[pair], &config)?, alone[1].score(&[pair], &config)?];
        for (t, found_here) in found.positional.iter().enumerate() {
            let mean = (a[0].positional[t].exp() + b[0].positional[t].exp()) / 2.0;
            assert!((mean.ln() - found_here).abs() < 1e-4, "word {t}");
            for (s, share) in found.attention[t].iter().enumerate() {
                let mean = (a[0].attention[t][s] + b[0].attention[t][s]) / 2.0;
                assert!((mean - share).abs() < 1e-4, "word {t}, source {s}");
            }
        }
        let scored = &both.score(&[pair], &config)?[0];
        assert!((scored.score - found.score).abs() < 1e-4);
        assert_eq!(scored.alignment, found.alignment);
    }
    Ok(())
}

/// A source of one token beside one of every other length, with the five best of each: to the last
/// bit.
#[test]
fn scores_do_not_depend_on_what_else_is_in_the_batch() -> Result<(), Failure> {
    let network = network(conv_translate::Preset::FconvIwsltDeEn, 20, 1)?;
    let ensemble = Ensemble::new(vec![network])?;
    let config = SearchConfig { n_best: 5, max_length_b: 8, ..Default::default() };
    let short = Request::new(0, vec![7, 2]);
    let alone = ensemble.search(std::slice::from_ref(&short), &config)?.remove(0);
    assert_eq!(alone.len(), 5);
    for length in 1..28 {
        let long = Request::new(1, (0..length).map(|i| 4 + i % 16).chain([2]).collect());
        let found = ensemble.search(&[short.clone(), long], &config)?.remove(0);
        for (alone, found) in alone.iter().zip(&found) {
            assert_eq!(alone.tokens, found.tokens, "beside {length}");
            assert_eq!(alone.score.to_bits(), found.score.to_bits(), "beside {length}");
        }
    }
    Ok(())
}
