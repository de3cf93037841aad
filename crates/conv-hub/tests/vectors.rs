//! Word vectors: the three forms hold the same, and the real file reads as it should.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use conv_hub::vectors::{Form, Vectors};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

fn binary(rows: &[(String, Vec<f32>)], line_feeds: bool) -> Vec<u8> {
    let mut file = format!("{} {}\n", rows.len(), rows[0].1.len()).into_bytes();
    for (word, values) in rows {
        file.extend(word.as_bytes());
        file.push(b' ');
        values.iter().for_each(|value| file.extend(value.to_le_bytes()));
        if line_feeds {
            file.push(b'\n');
        }
    }
    file
}

fn text(rows: &[(String, Vec<f32>)], end: &str) -> String {
    let line = |(word, values): &(String, Vec<f32>)| {
        let values: Vec<String> = values.iter().map(f32::to_string).collect();
        format!("{word} {}{end}", values.join(" "))
    };
    rows.iter().map(line).collect()
}

fn parse(file: &[u8], form: Option<Form>) -> Vectors {
    Vectors::parse(file, file.len() as u64, form, |_| true).unwrap()
}

#[test]
fn a_row_for_the_blank_is_no_word_wherever_it_stands() {
    let row = |word: &str, value: f32| (word.to_string(), vec![value, -1.0, 2.5]);
    let blank = row(" ", 9.0);
    let cat = row("cat", 1.0);
    let dog = row("dog", 2.0);
    for rows in [[&blank, &cat, &dog], [&cat, &blank, &dog], [&cat, &dog, &blank]] {
        let rows = rows.map(Clone::clone);
        let header = format!("{} 3\n", rows.len());
        for file in [
            binary(&rows, true),
            binary(&rows, false),
            text(&rows, "\n").into_bytes(),
            (header + &text(&rows, "\n")).into_bytes(),
            text(&rows, "\n").replace(' ', "\t").into_bytes(),
        ] {
            let found = parse(&file, None);
            assert_eq!((found.dimension(), found.words()), (3, &["cat".into(), "dog".into()][..]));
            assert_eq!(found.get("dog"), Some(&[2.0, -1.0, 2.5][..]));
        }
    }
}

#[test]
fn gzipped_files_hold_what_they_unpack_to() {
    let rows = [("the".to_string(), vec![0.5, -1.0]), ("cat".into(), vec![2.0, 3.0])];
    let folder = tempfile::tempdir().unwrap();
    let written = |content: &[u8]| {
        let path = folder.path().join("vectors.bin.gz");
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(content).unwrap();
        std::fs::write(&path, packed.finish().unwrap()).unwrap();
        Vectors::read(&path, |_| true)
    };
    for content in [binary(&rows, true), text(&rows, "\n").into_bytes()] {
        let found = written(&content).unwrap();
        assert_eq!(
            (found.words(), found.get("cat")),
            (&rows.each_ref().map(|r| r.0.clone())[..], Some(&[2.0, 3.0][..]))
        );
    }
    // What is claimed is checked there too, and what is missing is missed.
    let cut = &binary(&rows, false)[..20];
    let text = written(cut).unwrap_err().to_string();
    assert!(text.contains("the file ends in word 2 of 2"), "{text}");
    let claim = [b"1000000000000 300\n".as_slice(), &binary(&rows, true)[4..]].concat();
    assert!(written(&claim).unwrap_err().to_string().contains("line 1 claims"));
}

proptest! {
    #[test]
    fn the_three_forms_hold_the_same(
        words in proptest::collection::btree_set("[a-zäß日.]{1,6}", 1..6),
        values in proptest::collection::vec(-3f32..3.0, 24),
        dimension in 2usize..4,
    ) {
        let rows: Vec<(String, Vec<f32>)> = words
            .iter()
            .enumerate()
            .map(|(row, word)| (word.clone(), values[row * dimension..][..dimension].to_vec()))
            .collect();
        let header = format!("{} {dimension}\n", rows.len());
        let files: [(Vec<u8>, Form); 5] = [
            (binary(&rows, true), Form::Word2VecBinary),
            (binary(&rows, false), Form::Word2VecBinary),
            ((header.clone() + &text(&rows, "\n")).into(), Form::Word2VecText),
            ((header + &text(&rows, " \r\n")).into(), Form::Word2VecText),
            (text(&rows, "\n").into(), Form::GloVe),
        ];
        for (file, form) in files {
            let given = parse(&file, Some(form));
            prop_assert_eq!(given.dimension(), dimension);
            prop_assert_eq!(given.words().iter().collect::<Vec<_>>(), words.iter().collect::<Vec<_>>());
            for (word, values) in &rows {
                prop_assert_eq!(given.get(word), Some(&values[..]), "{}", form);
            }
            let told = parse(&file, None);
            prop_assert_eq!(told.values(), given.values(), "{} not told by its content", form);
        }
    }
}

/// Of the floats' bytes some are digits, and some a line feed.
#[test]
fn a_first_number_that_reads_as_text_is_no_text() {
    let values = vec![f32::from_le_bytes(*b"3\n%@"), 0.0];
    let rows = [("日".to_string(), values.clone()), ("a".to_string(), vec![0.0, 0.0])];
    assert_eq!(parse(&binary(&rows, false), None).get("日"), Some(&values[..]));
}

#[test]
fn a_word_may_have_spaces_and_other_whitespace() {
    let vectors = parse(
        "the 1 2\n. . . 3 4\nat name@domain.com 5 6\nnon\u{a0}breaking 7 8\n".as_bytes(),
        None,
    );
    assert_eq!(vectors.get(". . ."), Some(&[3.0, 4.0][..]));
    assert_eq!(vectors.get("at name@domain.com"), Some(&[5.0, 6.0][..]));
    assert_eq!(vectors.get("non\u{a0}breaking"), Some(&[7.0, 8.0][..]));
}

#[test]
fn spaces_between_a_word_and_its_numbers_are_no_part_of_it() {
    let vectors = parse("2 2\na  1 2\nbb 3 4\n".as_bytes(), None);
    assert_eq!(vectors.words(), ["a", "bb"]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_word() {
    for file in ["\u{feff}the 1 2\ncat 3 4\n", "\u{feff}2 2\nthe 1 2\ncat 3 4\n"] {
        let vectors = parse(file.as_bytes(), None);
        assert_eq!(vectors.words(), ["the", "cat"], "{file:?}");
    }
}

#[test]
fn the_first_of_two_equal_words_stands() {
    let vectors = parse(b"the 1 2\nthe 3 4\ncat 5 6\n", None);
    assert_eq!(vectors.get("the"), Some(&[1.0, 2.0][..]));
    assert_eq!((vectors.len(), vectors.duplicates()), (2, 1));
    assert_eq!(vectors.tensor().unwrap().to_vec2::<f32>().unwrap(), [[1., 2.], [5., 6.]]);
}

#[test]
fn a_word_of_a_binary_file_that_is_not_utf_8_is_left_out() {
    let file = b"2 1\ncaf\xc3 \0\0\x80\x3fthe \0\0\0\x40";
    let vectors = parse(file, None);
    assert_eq!(vectors.words(), ["the"]);
    assert_eq!(vectors.unreadable(), 1);
}

#[test]
fn only_what_is_kept_is_held() {
    let line = |row: usize| format!("w{row} 0.25 {}\n", row % 7);
    let file: String = (0..50_000).map(line).collect();
    let vectors =
        Vectors::parse(file.as_bytes(), file.len() as u64, None, |word| word.ends_with("999"))
            .unwrap();
    assert_eq!(vectors.len(), 50);
    assert_eq!(vectors.get("w1999"), Some(&[0.25, (1999 % 7) as f32][..]));
}

#[test]
fn glove_itself() {
    let Some(data) = std::env::var_os("CONVOKE_DATA") else {
        eprintln!(
            "skipped: CONVOKE_DATA is to name the folder with vectors/glove.6B.100d.subset.txt"
        );
        return;
    };
    let path = PathBuf::from(data).join("vectors/glove.6B.100d.subset.txt");
    let vectors = Vectors::read(&path, |_| true).unwrap();
    assert_eq!((vectors.len(), vectors.dimension(), vectors.duplicates()), (29_097, 100, 0));
    let count = vectors.values().len() as f64;
    let mean = vectors.values().iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let squares = vectors.values().iter().map(|&value| (f64::from(value) - mean).powi(2));
    let deviation = (squares.sum::<f64>() / count).sqrt();
    assert!((deviation - 0.494).abs() < 0.0005, "{deviation}");

    let some = Vectors::read(&path, |word| word == "film" || word == "movie").unwrap();
    let similarity = |one: &str, other: &str| {
        let one = vectors.get(one).unwrap();
        let other = vectors.get(other).unwrap();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
    };
    assert_eq!(
        BTreeMap::from([("film", some.get("film")), ("movie", some.get("movie"))]).len(),
        some.len()
    );
    assert_eq!(some.get("film"), vectors.get("film"));
    assert!(similarity("film", "movie") > similarity("film", "beef"));
}
