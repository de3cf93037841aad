//! BLEU and chrF against sacreBLEU's own, made by `reference/make_metric_fixtures.py`.
#![allow(clippy::unwrap_used)]

use conv_translate::metrics::{Bleu, BleuStatistics, Chrf, ChrfStatistics, Tokenization};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    settings: [Settings; 1],
    corpora: Vec<Corpus>,
    /// A line, and its words by 13a and by intl.
    words: Vec<(String, Vec<String>, Vec<String>)>,
}

#[derive(Deserialize)]
struct Settings {
    bleu: Vec<Bleu>,
    chrf: Vec<Chrf>,
}

#[derive(Deserialize)]
struct Corpus {
    name: String,
    hypotheses: Vec<String>,
    references: Vec<Vec<String>>,
    bleu: Vec<(f64, String)>,
    chrf: Vec<(f64, String)>,
    /// BLEU with the effective order, chrF and chrF++ of each.
    sentences: Vec<[f64; 3]>,
}

impl Corpus {
    fn sentences(&self) -> impl Iterator<Item = (&String, &Vec<String>)> {
        self.hypotheses.iter().zip(&self.references)
    }
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("reference/metrics.json")).unwrap()
}

fn close(found: f64, expected: f64, of: &str) {
    let error = (found - expected).abs();
    assert!(error <= 1e-9 * expected.abs(), "{of}: {found}, sacreBLEU: {expected}");
}

#[test]
fn bleu_is_sacrebleus_in_every_setting() {
    let Fixture { settings: [settings], corpora, .. } = fixture();
    assert_eq!((settings.bleu.len(), corpora.len()), (48, 22));
    for corpus in &corpora {
        assert_eq!(corpus.bleu.len(), settings.bleu.len());
        for (bleu, (score, line)) in settings.bleu.iter().zip(&corpus.bleu) {
            let mut statistics = BleuStatistics::new(*bleu);
            for (hypothesis, references) in corpus.sentences() {
                statistics.add(hypothesis, references).unwrap();
            }
            let found = statistics.score();
            assert_eq!(found.to_string(), *line, "{}", corpus.name);
            close(found.score, *score, line);
        }
    }
}

#[test]
fn chrf_is_sacrebleus_in_every_setting() {
    let Fixture { settings: [settings], corpora, .. } = fixture();
    assert_eq!(settings.chrf.len(), 16);
    for corpus in &corpora {
        assert_eq!(corpus.chrf.len(), settings.chrf.len());
        for (chrf, (score, line)) in settings.chrf.iter().zip(&corpus.chrf) {
            let mut statistics = ChrfStatistics::new(*chrf);
            for (hypothesis, references) in corpus.sentences() {
                statistics.add(hypothesis, references).unwrap();
            }
            let found = statistics.score();
            assert_eq!(found.to_string(), *line, "{}", corpus.name);
            close(found.score, *score, line);
        }
    }
}

#[test]
fn single_sentences_have_sacrebleus_scores() {
    for corpus in fixture().corpora {
        for ((hypothesis, references), expected) in corpus.sentences().zip(&corpus.sentences) {
            let found = [
                Bleu::default().sentence(hypothesis, references).unwrap().score,
                Chrf::default().sentence(hypothesis, references).unwrap().score,
                Chrf::plus_plus().sentence(hypothesis, references).unwrap().score,
            ];
            for (found, expected) in found.into_iter().zip(expected) {
                close(found, *expected, hypothesis);
            }
        }
    }
}

#[test]
fn words_are_sacrebleus() {
    let words = fixture().words;
    assert_eq!(words.len(), 166);
    for (line, mteval_13a, international) in words {
        assert_eq!(Tokenization::Mteval13a.words(&line), mteval_13a, "{line:?}");
        assert_eq!(Tokenization::International.words(&line), international, "{line:?}");
    }
}

#[test]
fn parts_written_and_read_add_up_to_the_whole() {
    let corpus = fixture().corpora.swap_remove(2);
    let settings = (Bleu::default(), Chrf::plus_plus());
    let mut whole = (BleuStatistics::new(settings.0), ChrfStatistics::new(settings.1));
    let mut parts = whole;
    for (hypothesis, references) in corpus.sentences() {
        whole.0.add(hypothesis, references).unwrap();
        whole.1.add(hypothesis, references).unwrap();
        let mut part = (BleuStatistics::new(settings.0), ChrfStatistics::new(settings.1));
        part.0.add(hypothesis, references).unwrap();
        part.1.add(hypothesis, references).unwrap();
        let json = serde_json::to_string(&part).unwrap();
        part = serde_json::from_str(&json).unwrap();
        parts.0.merge(&part.0).unwrap();
        parts.1.merge(&part.1).unwrap();
    }
    assert_eq!(parts, whole);
    assert_eq!((whole.0.sentences(), whole.1.sentences()), (3, 3));
    assert!(whole.0.signature().starts_with("nrefs:var|"));
}

#[test]
fn what_cannot_be_compared_or_added_is_named() {
    let (lines, shorter) = (["a", "b"], ["a"]);
    let error = Bleu::default().corpus(&lines, &[&lines[..], &shorter[..]]).unwrap_err();
    assert_eq!(error.to_string(), "reference 2 has 1 line, expected 2, as many as the hypotheses");
    let error = Chrf::default().corpus(&lines, &[&[][..] as &[&str]]).unwrap_err();
    assert_eq!(error.to_string(), "reference 1 has 0 lines, expected 2, as many as the hypotheses");
    let none: [&[&str]; 0] = [];
    let error = Bleu::default().corpus(&lines, &none).unwrap_err();
    assert_eq!(error.to_string(), "sentence 1: no reference, expected at least one");

    let mut statistics = BleuStatistics::new(Bleu::default());
    let error = statistics.merge(&BleuStatistics::new(Bleu::multi_bleu())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "counts for the score nrefs:0|case:mixed|eff:no|tok:none|smooth:none|version:2.6.0, \
         expected nrefs:0|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"
    );
    let mut statistics = ChrfStatistics::new(Chrf::default());
    assert!(statistics.merge(&ChrfStatistics::new(Chrf::plus_plus())).is_err());
}
