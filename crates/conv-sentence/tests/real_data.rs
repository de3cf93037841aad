//! Kim's seven sets as they are: sizes, vocabularies and coverage against the paper's Table 1.
//!
//! They need `CONVOKE_DATA`, a folder with `sentence/` and `vectors/`; without it they say so and
//! pass.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Instant;

use conv_sentence::data::{KimData, KimSet};
use conv_sentence::inspect::{Source, inspect};
use conv_text::embedding::{Coverage, rows};
use conv_text::tokenizer::Tokenizer;

/// N, test size (0: cross-validation) and |V| of Kim (2014), Table 1.
const TABLE_1: [(KimSet, usize, usize, usize); 7] = [
    (KimSet::Mr, 10662, 0, 18765),
    (KimSet::Sst1, 11855, 2210, 17836),
    (KimSet::Sst2, 9613, 1821, 16185),
    (KimSet::Subj, 10000, 0, 21323),
    (KimSet::Trec, 5952, 500, 9592),
    (KimSet::Cr, 3775, 0, 5340),
    (KimSet::Mpqa, 10606, 0, 6246),
];

fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("CONVOKE_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!(
            "skipped: set CONVOKE_DATA to a folder with sentence/ and vectors/ (docs/datasets.md)"
        );
    }
    folder
}

fn load(set: KimSet, data: &std::path::Path) -> KimData {
    set.load(&data.join("sentence")).unwrap()
}

fn sentences(data: &KimData) -> Vec<&str> {
    data.sentences().iter().map(|example| example.text.as_str()).collect()
}

#[test]
fn sizes_and_vocabularies_are_those_of_table_1() {
    let Some(folder) = data() else { return };
    for (set, size, test, vocabulary) in TABLE_1 {
        let data = load(set, &folder);
        assert_eq!(data.sentences, size, "{set}");
        let tokenizer = Tokenizer::fit(set.style(), &sentences(&data)).unwrap();
        let found = tokenizer.vocabulary().len() - 2;
        assert!(found.abs_diff(vocabulary) <= 3, "{set}: {found} words, Table 1 has {vocabulary}");

        let split = data.split(0, 1).unwrap();
        assert_eq!(split.test.len(), if test > 0 { test } else { size.div_ceil(10) }, "{set}");
        let dev = match set {
            KimSet::Sst1 => 1101,
            KimSet::Sst2 => 872,
            _ => (0.1 * (size - split.test.len()) as f64).round() as usize,
        };
        assert_eq!(split.dev.len(), dev, "{set}");
        let learned = split.train.len();
        match set {
            KimSet::Sst1 => assert_eq!(learned, 159_274),
            KimSet::Sst2 => assert_eq!(learned, 77_616),
            _ => assert_eq!(learned + split.dev.len() + split.test.len(), size),
        }
        assert!(split.train.iter().all(|&index| (index as usize) < data.corpus.examples().len()));
    }
}

#[test]
fn phrases_and_sentences_of_the_treebank_are_in_one_form() {
    let Some(folder) = data() else { return };
    let data = load(KimSet::Sst1, &folder);
    let (sentences, phrases) = data.corpus.examples().split_at(data.sentences);
    let phrases: HashSet<&str> = phrases.iter().map(|phrase| phrase.text.as_str()).collect();
    // The training sentences come first; each is the phrase at the top of its tree.
    assert!(sentences[..8544].iter().all(|sentence| phrases.contains(sentence.text.as_str())));
}

#[test]
fn empty_sentences_are_kept() {
    let Some(folder) = data() else { return };
    let empty = |set: KimSet| {
        let data = load(set, &folder);
        let tokenizer = Tokenizer::fit(set.style(), &sentences(&data)).unwrap();
        tokenizer.ids_of_all(&sentences(&data)).unwrap().iter().filter(|ids| ids.is_empty()).count()
    };
    assert_eq!((empty(KimSet::Cr), empty(KimSet::Mpqa)), (5, 3));
}

#[test]
fn glove_covers_98_percent_of_the_tokens_of_every_set() {
    let Some(folder) = data() else { return };
    let vectors = std::fs::read_to_string(folder.join("vectors/glove.6B.100d.subset.txt")).unwrap();
    let vectors: HashMap<&str, Vec<f32>> = vectors
        .lines()
        .map(|line| {
            let (word, values) = line.split_once(' ').unwrap();
            (word, values.split(' ').map(|value| value.parse().unwrap()).collect())
        })
        .collect();
    let all: Vec<String> =
        ["[PAD]", "[UNK]"].iter().chain(vectors.keys()).map(|&word| word.to_owned()).collect();
    let half_width =
        rows(&all, 100, |word| vectors.get(word).map(Vec::as_slice)).unwrap().half_width;
    assert!((half_width - 0.855).abs() < 0.001, "{half_width}");
    for (set, ..) in TABLE_1 {
        let data = load(set, &folder);
        let texts = sentences(&data);
        let tokenizer = Tokenizer::fit(set.style(), &texts).unwrap();
        let counts = tokenizer.counts(&tokenizer.ids_of_all(&texts).unwrap());
        let coverage =
            Coverage::of(tokenizer.vocabulary(), &counts, |word| vectors.contains_key(word));
        assert!(coverage.of_tokens() >= 0.98, "{set}: {coverage}");
        let rows =
            rows(tokenizer.vocabulary(), 100, |word| vectors.get(word).map(Vec::as_slice)).unwrap();
        assert_eq!(rows.index.len() as u64, coverage.known_types + 2, "{set}");
        eprintln!("{set}: {coverage}, unknown words from U[-{0:.3}, {0:.3}]", rows.half_width);
        assert!((rows.half_width - half_width).abs() < 0.1, "{set}: {}", rows.half_width);
    }
}

#[test]
fn inspection_finds_what_mpqa_repeats() {
    let Some(folder) = data() else { return };
    let data = load(KimSet::Mpqa, &folder);
    let source = Source { name: "mpqa", corpus: &data.corpus, file: None };
    let found = inspect(&[source], data.set.style(), None).unwrap();
    assert_eq!((found.parts[0].repeated, found.conflicting, found.parts[0].empty), (2365, 99, 3));
    assert_eq!(
        found.parts[0].classes,
        [("negative".to_owned(), 7294), ("positive".to_owned(), 3312)]
    );
}

#[test]
fn the_largest_set_is_tokenised_in_seconds() {
    let Some(folder) = data() else { return };
    let data = load(KimSet::Sst1, &folder);
    let texts = data.corpus.texts();
    let start = Instant::now();
    let tokenizer = Tokenizer::fit(data.set.style(), &texts).unwrap();
    let ids = tokenizer.ids_of_all(&texts).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    eprintln!(
        "{} texts, {} words in {seconds:.2} s",
        texts.len(),
        ids.iter().map(Vec::len).sum::<usize>()
    );
    assert!(seconds < 60.0, "{seconds} s");
}
