//! Memory does not grow with the corpus beyond an index of 32 bytes a pair: the whole way of 2
//! million made-up pairs, from files of text to the batches of an epoch. Takes some minutes:
//! `cargo test -p conv-translate --test memory -- --ignored`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use conv_text::subwords::{Sample, SubwordConfig, Subwords};
use conv_train::batch::{BatchSize, Batching};
use conv_translate::data::{Batch, Cleaning, Encoders, Parallel, encode};

const FEW: usize = 200_000;
const MANY: usize = 2_000_000;

/// Words of the numbers from 0 to 4,999, spelled with twenty syllables: enough of them that the
/// text is not all one.
fn word(number: usize) -> String {
    const SYLLABLES: [&str; 20] = [
        "ba", "be", "bi", "bo", "ka", "ke", "ki", "ko", "la", "le", "li", "lo", "na", "ne", "ni",
        "no", "sa", "se", "si", "so",
    ];
    [number / 400, number / 20 % 20, number % 20].map(|place| SYLLABLES[place % 20]).concat()
}

fn text(path: &Path, pairs: usize, salt: usize) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let words: Vec<String> = (0..5000).map(word).collect();
    for line in 0..pairs {
        for at in 0..4 + line % 9 {
            let number = (line * 31 + at * at * 17 + salt) * 2_654_435_761 % 5000;
            write!(file, "{} ", words[number]).unwrap();
        }
        writeln!(file, ".").unwrap();
    }
}

/// The most memory that this process has had at once, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// What a run does with its data before and in an epoch.
fn run(folder: &Path, pairs: usize) -> usize {
    let [source, target] = ["de", "en"].map(|language| folder.join(format!("train.{language}")));
    text(&source, pairs, 1);
    text(&target, pairs, 2);
    let open = || Parallel::files(&source, &target).unwrap();

    let config =
        SubwordConfig { vocabulary: 2000, sample_lines: 20_000, ..SubwordConfig::default() };
    let mut sample = Sample::new(&config);
    for pair in open() {
        let pair = pair.unwrap();
        sample.add(&pair.source);
        sample.add(&pair.target);
    }
    let subwords = Subwords::train(&config, sample).unwrap();
    let encoders = Encoders { source: &subwords, target: &subwords };
    let path = folder.join("train.pairs");
    let (store, cleaned) = encode(open(), encoders, &Cleaning::default(), &path).unwrap();
    assert_eq!(cleaned.kept, pairs as u64, "{cleaned}");
    // What stays for the whole run: the store's index and the lengths that the loop asks for.
    let lengths = store.lengths();
    let batching = Batching { size: BatchSize::Tokens(4000), window: 100 };
    let mut seen = 0;
    for epoch in 0..2 {
        let batches = batching.epoch(&lengths, 1, epoch);
        for number in (0..batches.len()).step_by(500) {
            let pairs: Vec<_> =
                batches.get(number).into_iter().map(|pair| store.read(pair).unwrap()).collect();
            seen += Batch::new(&pairs, 1, 2).target_tokens();
        }
    }
    assert!(seen > 0);
    peak()
}

#[test]
#[ignore = "writes and encodes 2 million pairs"]
fn memory_grows_by_no_more_than_32_bytes_a_pair() {
    let folder = tempfile::tempdir().unwrap();
    let few = run(folder.path(), FEW);
    let many = run(folder.path(), MANY);
    let growth = many.saturating_sub(few) as f64 / (MANY - FEW) as f64;
    eprintln!(
        "peak {:.1} MiB at {FEW} pairs, {:.1} MiB at {MANY}: {growth:.1} bytes a pair",
        few as f64 / f64::from(1 << 20),
        many as f64 / f64::from(1 << 20)
    );
    assert!(growth <= 32.0, "{growth:.1} bytes a pair");
}
