//! Multi30k as it is, raw and gzipped, and tokenised and lower-cased.
//!
//! It needs `CONVOKE_DATA`, a folder with `translate/multi30k/{raw,tok}/`; without it the tests say
//! so and pass.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use conv_text::subwords::{Model, Sample, SubwordConfig, Subwords, TextForm};
use conv_translate::data::{Cleaning, Encoders, Languages, Parallel, encode};

fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("CONVOKE_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!(
            "skipped: set CONVOKE_DATA to a folder with translate/multi30k/ (docs/datasets.md)"
        );
    }
    folder.map(|folder| folder.join("translate/multi30k"))
}

fn files(prefix: &Path) -> [PathBuf; 2] {
    "de-en".parse::<Languages>().unwrap().files(prefix).unwrap()
}

fn joint(files: &[PathBuf; 2], config: &SubwordConfig) -> Subwords {
    let mut sample = Sample::new(config);
    for pair in Parallel::files(&files[0], &files[1]).unwrap() {
        let pair = pair.unwrap();
        sample.add(&pair.source);
        sample.add(&pair.target);
    }
    assert_eq!(sample.len(), 58_000);
    Subwords::train(config, sample).unwrap()
}

/// Trains on `train`, encodes it, and expects the text of `test` back.
fn check(train: &Path, test: &Path, config: &SubwordConfig) {
    let files = self::files(train);
    let start = Instant::now();
    let subwords = joint(&files, config);
    let trained = start.elapsed().as_secs_f64();
    let folder = tempfile::tempdir().unwrap();
    let encoders = Encoders { source: &subwords, target: &subwords };
    let pairs = Parallel::files(&files[0], &files[1]).unwrap();
    let path = folder.path().join("train.pairs");
    let (store, cleaned) = encode(pairs, encoders, &Cleaning::default(), &path).unwrap();
    let [source, target] = store.tokens();
    eprintln!(
        "{:?} {:?}: {} tokens, trained in {trained:.1} s, all in {:.1} s; {source} and {target} tokens; {cleaned}",
        config.model,
        config.text,
        subwords.vocabulary().len(),
        start.elapsed().as_secs_f64()
    );
    assert_eq!(cleaned.read, 29_000);
    assert!(cleaned.kept >= 28_990, "{cleaned}");
    assert_eq!(subwords.vocabulary().len(), config.vocabulary);
    // 13 English tokens a sentence: subwords are more, but not twice as many.
    assert!((300_000..700_000).contains(&target), "{target}");

    let (mut same, mut lines) = (0, 0);
    let test = self::files(test);
    for pair in Parallel::files(&test[0], &test[1]).unwrap() {
        let pair = pair.unwrap();
        for text in [pair.source, pair.target] {
            lines += 1;
            let decoded = subwords.decode(&subwords.encode(&text).unwrap()).unwrap();
            let expected = match config.text {
                TextForm::Raw => text.trim().to_owned(),
                TextForm::Tokens => text.split_whitespace().collect::<Vec<_>>().join(" "),
            };
            same += usize::from(decoded == expected);
        }
    }
    eprintln!("{same} of {lines} lines of the test set come back as they were");
    assert!(lines - same <= 5, "{same} of {lines}");
}

#[test]
fn raw_text_comes_back_through_subwords() {
    let Some(folder) = data() else { return };
    let raw = folder.join("raw");
    for model in [Model::Bpe, Model::Unigram] {
        let config = SubwordConfig { model, vocabulary: 6000, ..SubwordConfig::default() };
        check(&raw.join("train"), &raw.join("val"), &config);
    }
}

#[test]
fn tokenised_text_comes_back_through_subwords() {
    let Some(folder) = data() else { return };
    let tok = folder.join("tok");
    let config =
        SubwordConfig { vocabulary: 6000, text: TextForm::Tokens, ..SubwordConfig::default() };
    check(&tok.join("train"), &tok.join("val"), &config);
}

#[test]
fn an_unknown_language_is_named_beside_those_there() {
    let Some(folder) = data() else { return };
    let languages: Languages = "de-cs".parse().unwrap();
    let error = languages.files(&folder.join("raw/train")).unwrap_err().to_string();
    assert!(error.ends_with("no file for `cs` of the pair de-cs, found de, en, fr"), "{error}");
}
