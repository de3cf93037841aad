//! The user's own files: every format gives the same records, and what is wrong is named with its
//! line.
#![allow(clippy::unwrap_used)]

use std::io::{BufReader, Cursor, repeat};

use conv_text::Error;
use conv_text::data::{Column, Encoding, Format, ReadOptions, Record, Records};
use proptest::prelude::*;

fn options(format: Format) -> ReadOptions {
    ReadOptions { format: Some(format), ..ReadOptions::default() }
}

fn columns(format: Format, text: &str, label: &str) -> ReadOptions {
    let column = |name: &str| Some(name.parse().unwrap());
    ReadOptions { text: column(text), label: column(label), ..options(format) }
}

fn labelled(
    data: impl Into<Vec<u8>>,
    options: &ReadOptions,
) -> Result<Vec<(String, String, u64)>, String> {
    let reader = Box::new(Cursor::new(data.into()));
    let records = Records::labelled(reader, "data", options).map_err(|error| error.to_string())?;
    let plain = |record: Record| (record.text, record.label.unwrap(), record.line);
    records.map(|record| record.map(plain).map_err(|error| error.to_string())).collect()
}

fn texts(data: &str, options: &ReadOptions) -> Vec<String> {
    let reader = Box::new(Cursor::new(data.as_bytes().to_vec()));
    Records::texts(reader, "data", options).unwrap().map(|record| record.unwrap().text).collect()
}

#[test]
fn the_same_examples_from_every_format() {
    let expected =
        Ok(vec![("good, \"really\"".into(), "pos".into()), (String::new(), "neg".into())]);
    let files = [
        (
            options(Format::FastText),
            "\u{feff}__label__pos good, \"really\"\r\n\r\n__label__neg\r\n",
        ),
        (options(Format::Tsv), "\u{feff}pos\tgood, \"really\"\r\nneg\t\r\n"),
        (options(Format::Tsv), "\u{feff}id\ttext\tlabel\n1\tgood, \"really\"\tpos\n\n2\t\tneg\n"),
        (columns(Format::Tsv, "3", "1"), "pos\t?\tgood, \"really\"\nneg\t?\t\n"),
        // The usual names in any case, and GLUE's.
        (options(Format::Csv), "Label,Text\npos,\"good, \"\"really\"\"\"\nneg,\n"),
        (options(Format::Tsv), "sentence\tlabel\ngood, \"really\"\tpos\n\tneg\n"),
        (columns(Format::Tsv, "1", "2"), "sentence\tlabel\ngood, \"really\"\tpos\n\tneg\n"),
        (
            columns(Format::Csv, "review", "class"),
            "\u{feff}class,review\r\npos,\"good, \"\"really\"\"\"\r\nneg,\r\n",
        ),
        (
            ReadOptions { separator: Some(";".parse().unwrap()), ..options(Format::Csv) },
            "class;text\npos;\"good, \"\"really\"\"\"\nneg;\n",
        ),
        (
            ReadOptions { separator: Some("tab".parse().unwrap()), ..options(Format::Csv) },
            "class\ttext\npos\t\"good, \"\"really\"\"\"\nneg\t\"\"\n",
        ),
        (
            ReadOptions { separator: Some("|".parse().unwrap()), ..options(Format::Tsv) },
            "pos|good, \"really\"\nneg|\n",
        ),
        (columns(Format::Csv, "1", "2"), "\"good, \"\"really\"\"\",pos\n,neg\n"),
        (
            options(Format::Jsonl),
            "\u{feff}{\"text\": \"good, \\\"really\\\"\", \"label\": \"pos\"}\r\n\n{\"label\": \"neg\", \"text\": \"\"}\n",
        ),
    ];
    for (options, file) in files {
        let found = labelled(file, &options)
            .map(|records| records.into_iter().map(|(t, l, _)| (t, l)).collect());
        assert_eq!(found, expected, "{file:?}");
    }
}

#[test]
fn lines_are_counted_where_records_span_several() {
    let csv = "text,label\n\"one\ntwo\",a\n\n three,b\n\n\nfour,c";
    let expected = [("one\ntwo", "a", 2), (" three", "b", 5), ("four", "c", 8)];
    let expected = expected.map(|(text, label, line)| (text.to_owned(), label.to_owned(), line));
    assert_eq!(labelled(csv, &options(Format::Csv)).unwrap(), expected);
    let crlf = labelled(csv.replace('\n', "\r\n"), &options(Format::Csv)).unwrap();
    assert_eq!(crlf.iter().map(|record| record.2).collect::<Vec<_>>(), [2, 5, 8]);
    assert_eq!(crlf[2].1, "c");
}

#[test]
fn prediction_needs_no_labels_and_keeps_blank_lines() {
    assert_eq!(texts("one\n\n__label__x two\n", &options(Format::FastText)), ["one", "", "two"]);
    assert_eq!(texts("__label__x __label__y\tone\n", &options(Format::FastText)), ["one"]);
    assert_eq!(texts("one\ntwo\n", &options(Format::Tsv)), ["one", "two"]);
    assert_eq!(texts("x\tone\ny\ttwo\n", &options(Format::Tsv)), ["one", "two"]);
    assert_eq!(texts("id,text\n1,one\n", &options(Format::Csv)), ["one"]);
    assert_eq!(texts("id,review\n1,one\n", &options(Format::Csv)), ["one"]);
    assert_eq!(texts("class\ntwo\n", &options(Format::Csv)), ["class", "two"]);
    assert_eq!(texts("{\"text\":\"one\"}\n", &options(Format::Jsonl)), ["one"]);
}

#[test]
fn numbers_and_truth_values_are_class_names_in_json() {
    let lines = "{\"text\": \"a\", \"label\": 3}\n{\"text\": \"b\", \"label\": true}\n";
    let labels =
        labelled(lines, &options(Format::Jsonl)).unwrap().into_iter().map(|(_, label, _)| label);
    assert_eq!(labels.collect::<Vec<_>>(), ["3", "true"]);
}

#[test]
fn latin1_is_read_when_asked_for() {
    let latin1 = ReadOptions { encoding: Encoding::Latin1, ..options(Format::Csv) };
    assert_eq!(labelled(*b"a,caf\xe9\n", &latin1).unwrap()[0].0, "café");
    let error = labelled(*b"a,b\na,caf\xe9\n", &options(Format::Csv)).unwrap_err();
    assert!(error.starts_with("data line 2: byte 0xe9 at column 6 is not UTF-8"), "{error}");
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let tsv = options(Format::Tsv);
    let json = options(Format::Jsonl);
    let named = |format| columns(format, "review", "label");
    let unclear = |found: &str, what: &str| {
        format!(
            "data line 1: cannot tell which of {found} is the {what}: choose text and label by --text-column and --label-column, with names of a header, or numbers for a table without one"
        )
    };
    for (file, found, what) in [
        ("id,sentence,stars\n", "id, sentence, stars", "label"),
        ("body,label\n", "body, label", "text"),
        ("label,review,comment\n", "label, review, comment", "text"),
    ] {
        let error = labelled(file, &options(Format::Csv)).unwrap_err();
        assert_eq!(error, unclear(found, what), "{file:?}");
    }
    let extra = "fields, expected 2 as in the first row; a text that holds the separator is quoted in CSV, and cannot stand in TSV";
    let three = format!("data line 2: 3 {extra}");
    let four = format!("data line 3: 4 {extra}");
    let wrong: [(&ReadOptions, &str, &str); 19] = [
        (&tsv, "a\tb\na\tb\tc\n", &three),
        (&options(Format::Csv), "a,b\na,b,,\na,b,c,d\n", &four),
        (
            &options(Format::Csv),
            "label,text\na,5\" pipe\na,\"x \"\"y\"\"\"\nb,\"d\nb,\"\"e\n",
            "data line 4: a quotation mark is opened here and never closed",
        ),
        (
            &options(Format::Csv),
            "a,x\nb,\"y\n",
            "data line 2: a quotation mark is opened here and never closed",
        ),
        (&tsv, "a\tb\nx\n", "data line 2: 1 field, expected at least 2"),
        (&columns(Format::Tsv, "4", "1"), "a\tb\n", "data line 1: 2 fields, expected at least 4"),
        (
            &named(Format::Csv),
            "label,text\n",
            "data line 1: no column \"review\", found label, text",
        ),
        (&columns(Format::Csv, "2", "2"), "a,b\n", "data: text and label are both column 2"),
        (
            &columns(Format::Jsonl, "a", "a"),
            "{\"a\": \"x\"}\n",
            "data: text and label are both column \"a\"",
        ),
        (&tsv, "a\tx\n \tb\n", "data line 2: no label, expected one, without line breaks"),
        (
            &options(Format::Csv),
            "\"a\nb\",c\n",
            "data line 1: label \"a\\nb\", expected one, without line breaks",
        ),
        (
            &options(Format::FastText),
            "plain\n",
            "data line 1: no label, expected `__label__NAME text`",
        ),
        (
            &options(Format::FastText),
            "__label__a __label__b x\n",
            "data line 1: several labels, expected one: a text belongs to one class here",
        ),
        (
            &json,
            "\n[1]\n",
            "data line 2: not a JSON object: invalid type: sequence, expected a map (column 0)",
        ),
        (&json, "{\"label\": \"a\"}\n", "data line 1: no column \"text\", found label"),
        (&json, "{\"text\": null}\n", "data line 1: \"text\" is null, expected a string"),
        (
            &json,
            "{\"text\": \"\", \"label\": []}\n",
            "data line 1: \"label\" is an array, expected a string, a number or a truth value",
        ),
        (
            &columns(Format::Jsonl, "1", "label"),
            "",
            "data: column 1 of JSON lines, expected a name",
        ),
        (
            &columns(Format::Jsonl, "review", "label"),
            "{}\n",
            "data line 1: no column \"review\", found ",
        ),
    ];
    for (options, file, expected) in wrong {
        assert_eq!(labelled(file, options).unwrap_err(), expected, "{file:?}");
    }
    let zero = ReadOptions { text: Some(Column::Number(0)), ..tsv };
    assert!(labelled("a\tb\n", &zero).unwrap_err().starts_with("column is 0, expected 1, 2"));
}

#[test]
fn a_quotation_mark_left_open_does_not_take_the_rest_of_an_endless_file() {
    let endless = std::io::Read::chain(Cursor::new("label,text\na,b\nc,\"d\n"), repeat(b'e'));
    let reader = Box::new(BufReader::new(endless));
    let mut records = Records::labelled(reader, "data.csv", &options(Format::Csv)).unwrap();
    assert_eq!(records.next().unwrap().unwrap().text, "b");
    let error = records.next().unwrap().unwrap_err();
    assert!(matches!(error, Error::Hub(conv_hub::Error::LineTooLong { .. })));
    assert_eq!(
        error.to_string(),
        "data.csv line 3: longer than 1048576 bytes; is a quotation mark left open?"
    );
    assert!(records.next().is_none());
}

#[test]
fn a_line_that_is_no_record_keeps_nothing_from_the_texts_behind_it() {
    let texts = |options: &ReadOptions, file: &[u8]| -> Vec<Option<String>> {
        let reader = Box::new(Cursor::new(file.to_vec()));
        let records = Records::texts(reader, "data", options).unwrap();
        records.map(|record| record.ok().map(|record| record.text)).collect()
    };
    let some = |text: &str| Some(text.to_string());
    let json = b"{\"text\": \"a\"}\n{bad\n{\"other\": 1}\n\xff\n{\"text\": \"b\"}\n";
    assert_eq!(texts(&options(Format::Jsonl), json), [some("a"), None, None, None, some("b")]);
    let second = |format| ReadOptions { text: Some(Column::Number(2)), ..options(format) };
    let mut table = b"x\ta\nalone\ny\t\xff\n".to_vec();
    table.resize(table.len() + (1 << 20) + 1, b'w');
    table.extend(b"\nz\tb\n");
    assert_eq!(texts(&second(Format::Tsv), &table), [some("a"), None, None, None, some("b")]);
    let commas = b"x,a\nalone\ny,\xff\nz,b\n";
    assert_eq!(texts(&second(Format::Csv), commas), [some("a"), None, None, some("b")]);
    // Where a row ends is not known behind a mark that is never closed, nor which column is meant
    // without a first row.
    assert_eq!(texts(&second(Format::Csv), b"x,a\ny,\"b\nz,c\n"), [some("a"), None]);
    assert_eq!(texts(&columns(Format::Tsv, "text", "label"), b"x\ta\nz\tb\n"), [None]);
    // With labels the first error is the last.
    let reader = Box::new(Cursor::new(b"{bad\n{\"text\": \"b\", \"label\": \"c\"}\n".to_vec()));
    assert_eq!(Records::labelled(reader, "data", &options(Format::Jsonl)).unwrap().count(), 1);
}

#[test]
fn deeply_nested_json_is_an_error_and_not_a_stack_overflow() {
    let nested = format!("{{\"text\": {}\n", "[".repeat(500_000));
    assert!(labelled(nested, &options(Format::Jsonl)).unwrap_err().contains("recursion limit"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), text in "[_label\\\\\"{}:,\t\r\n\u{feff}é]{0,60}") {
        for format in [Format::Tsv, Format::Csv, Format::Jsonl, Format::FastText] {
            let _ = labelled(bytes.clone(), &options(format));
            let _ = labelled(text.clone(), &options(format));
        }
    }
}
