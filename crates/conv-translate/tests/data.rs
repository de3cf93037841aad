//! From files to batches: what a corpus's faults lead to, and that threads change nothing.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::{Path, PathBuf};

use conv_text::subwords::{Model, Sample, SubwordConfig, Subwords};
use conv_translate::Error;
use conv_translate::data::{Batch, Cleaning, Count, Encoders, Languages, Parallel, Store, encode};
use flate2::Compression;
use flate2::write::GzEncoder;

const WORDS: [&str; 12] = [
    "hund", "katze", "läuft", "garten", "dog", "cat", "runs", "garden", "der", "the", "rot", "red",
];

/// Made-up sentences: line `i` has between 1 and 9 words.
fn lines(count: usize, shift: usize) -> Vec<String> {
    let line = |i: usize| {
        let words = (0..1 + i * 7 % 9).map(|j| WORDS[(i * 5 + j * j + shift) % WORDS.len()]);
        words.collect::<Vec<_>>().join(" ")
    };
    (0..count).map(line).collect()
}

fn write(path: &Path, lines: &[String]) {
    std::fs::write(path, lines.join("\n") + "\n").unwrap();
}

fn gzip(path: &Path, lines: &[String]) {
    let mut encoder = GzEncoder::new(std::fs::File::create(path).unwrap(), Compression::fast());
    encoder.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    encoder.finish().unwrap();
}

fn corpus(
    files: [PathBuf; 2],
) -> impl Iterator<Item = conv_translate::Result<conv_translate::data::TextPair>> {
    Parallel::files(&files[0], &files[1]).unwrap()
}

fn joint(files: &[PathBuf; 2]) -> Subwords {
    let config = SubwordConfig { vocabulary: 60, ..SubwordConfig::default() };
    let mut sample = Sample::new(&config);
    for pair in corpus(files.clone()) {
        let pair = pair.unwrap();
        sample.add(&pair.source);
        sample.add(&pair.target);
    }
    Subwords::train(&config, sample).unwrap()
}

#[test]
fn gzipped_files_become_batches_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    gzip(&folder.path().join("train.de.gz"), &lines(10_000, 0));
    write(&folder.path().join("train.en"), &lines(10_000, 3));
    let files = "de-en".parse::<Languages>().unwrap().files(&folder.path().join("train")).unwrap();
    let subwords = joint(&files);
    let encoders = Encoders { source: &subwords, target: &subwords };
    let path = folder.path().join("train.pairs");
    let stores: Vec<Store> = [1, 2, 4]
        .iter()
        .map(|&threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let work = || {
                let pairs = corpus(files.clone());
                encode(pairs, encoders, &Cleaning::default(), &path).unwrap()
            };
            let (store, cleaned) = pool.install(work);
            assert_eq!((cleaned.read, cleaned.kept), (10_000, 10_000));
            store
        })
        .collect();
    assert!(stores.iter().all(|store| store.fingerprint() == stores[0].fingerprint()));
    let store = Store::open(&path).unwrap();
    for (at, pair) in corpus(files.clone()).enumerate().step_by(997) {
        let text = pair.unwrap();
        let pair = store.read(at).unwrap();
        assert_eq!(subwords.decode(&pair.source).unwrap(), text.source);
        assert_eq!(subwords.decode(&pair.target).unwrap(), text.target);
    }
    let pairs = [store.read(3).unwrap(), store.read(4).unwrap()];
    let batch = Batch::new(&pairs, subwords.specials().pad, subwords.specials().eos);
    assert_eq!(batch.source.columns, pairs.iter().map(|p| p.source.len()).max().unwrap() + 1);
    assert_eq!(store.lengths()[3], batch.source_lengths[0].max(batch.target_lengths[0]));
}

#[test]
fn a_line_of_100_000_words_and_empty_lines_are_dropped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["de", "en"].map(|language| folder.path().join(format!("train.{language}")));
    let mut source = lines(20, 0);
    let mut target = lines(20, 3);
    source[4] = "hund ".repeat(100_000);
    target[9] = "x".repeat(5000);
    source[11].clear();
    target[15] = " \t ".into();
    write(&files[0], &source);
    write(&files[1], &target);
    let subwords = joint(&files);
    let encoders = Encoders { source: &subwords, target: &subwords };
    let path = folder.path().join("train.pairs");
    let (store, cleaned) = encode(corpus(files), encoders, &Cleaning::default(), &path).unwrap();
    assert_eq!((store.len(), cleaned.read, cleaned.kept), (17, 20, 17), "{cleaned}");
    assert_eq!(cleaned.long, Count { pairs: 1, first: Some(5) });
    assert_eq!(cleaned.empty, Count { pairs: 2, first: Some(12) });
    assert_eq!(cleaned.control, Count { pairs: 1, first: Some(16) });
}

#[test]
fn nothing_left_and_settings_out_of_range_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["de", "en"].map(|language| folder.path().join(format!("train.{language}")));
    write(&files[0], &["hund".into(), String::new()]);
    write(&files[1], &[String::new(), "dog".into()]);
    let subwords = joint(&files);
    let encoders = Encoders { source: &subwords, target: &subwords };
    let path = folder.path().join("train.pairs");
    let fails = |cleaning: Cleaning| {
        encode(corpus(files.clone()), encoders, &cleaning, &path).unwrap_err().to_string()
    };
    assert_eq!(
        fails(Cleaning::default()),
        "no pair is left to train on: 0 of 2 pairs kept; 2 dropped, a side is empty (first on line 1)"
    );
    assert_eq!(
        fails(Cleaning { longest: 0, ..Cleaning::default() }),
        "cleaning.longest is 0, expected at least 1"
    );
    assert_eq!(
        fails(Cleaning { ratio: Some(f64::NAN), ..Cleaning::default() }),
        "cleaning.ratio is NaN, expected at least 1"
    );
    assert!(!path.exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn an_error_in_the_text_leaves_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["de", "en"].map(|language| folder.path().join(format!("train.{language}")));
    write(&files[0], &lines(30, 0));
    write(&files[1], &lines(30, 3));
    let subwords = joint(&files);
    write(&files[1], &lines(29, 3));
    let encoders = Encoders { source: &subwords, target: &subwords };
    let path = folder.path().join("train.pairs");
    let error = encode(corpus(files), encoders, &Cleaning::default(), &path).unwrap_err();
    assert!(matches!(error, Error::LineCounts { lines: [30, 29], .. }), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_vocabulary_of_words_is_built_by_count() {
    let config = SubwordConfig { model: Model::Words, vocabulary: 7, ..SubwordConfig::default() };
    let mut sample = Sample::new(&config);
    ["b a a", "c a b", "d b b"].iter().for_each(|line| sample.add(line));
    let words = Subwords::train(&config, sample).unwrap();
    assert_eq!(words.vocabulary()[4..], ["b", "a", "c"]);
}
