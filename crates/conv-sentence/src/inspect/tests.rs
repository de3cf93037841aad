//! Small corpora whose faults are known.

use super::*;
use conv_text::data::Example;

fn corpus(examples: &[(&str, u32)]) -> Corpus {
    let examples = examples.iter().map(|&(text, label)| Example { text: text.into(), label });
    Corpus::new(vec!["bad".into(), "good".into()], examples.collect()).unwrap()
}

#[test]
fn repetitions_conflicts_and_leaks_are_counted() {
    let train = corpus(&[("a fine film", 1), ("a fine film ", 0), ("dull", 0), ("…", 0)]);
    let test = corpus(&[("dull", 0), ("a fine", 1), ("dull", 0)]);
    let source = |name, corpus| Source { name, corpus, file: None };
    let known = |word: &str| word != "dull";
    let found =
        inspect(&[source("train", &train), source("test", &test)], Style::Kim, Some(&known))
            .unwrap();
    let first = &found.parts[0];
    let second = &found.parts[1];
    assert_eq!((first.examples, first.empty, first.repeated), (4, 1, 1));
    assert_eq!((second.examples, second.empty, second.repeated), (3, 0, 1));
    assert_eq!(first.classes, [("bad".to_owned(), 3), ("good".to_owned(), 1)]);
    assert_eq!(found.shared, [Shared { first: "train".into(), second: "test".into(), texts: 1 }]);
    assert_eq!(
        (found.conflicting, found.conflicts.as_slice()),
        (1, ["a fine film".to_owned()].as_slice())
    );
    assert_eq!(found.vocabulary, 4);
    assert_eq!(found.coverage.unwrap().known_tokens, 8);
    let table = found.to_string();
    for line in [
        "train: 4 examples, 1 without words, 1 repeated",
        "  classes    bad         3  75.0 %",
        "  words      0 to 3, median 1, 95 % have at most 3",
        "1 texts are in both train and test",
        "vectors      72.7 % of tokens, 75.0 % of 4 words",
    ] {
        assert!(table.contains(line), "{line:?} is not in\n{table}");
    }
}

#[test]
fn lengths_are_ranked_and_fall_into_at_most_ten_ranges() {
    let lengths = Lengths::of((0..=100).collect());
    assert_eq!((lengths.min, lengths.median, lengths.p95, lengths.max), (0, 50, 95, 100));
    assert_eq!(lengths.histogram.len(), 10);
    assert_eq!(lengths.histogram[0], (10, 11));
    assert_eq!(lengths.histogram[9], (109, 2));
    assert_eq!(Lengths::of(vec![]), Lengths::default());
    assert_eq!(Lengths::of(vec![7]).histogram.iter().map(|&(_, count)| count).sum::<u64>(), 1);
}

#[test]
fn another_script_is_pointed_out() {
    let german = corpus(&[("schöne Größe", 1)]);
    let source = Source { name: "data", corpus: &german, file: None };
    let table = inspect(&[source], Style::Kim, None).unwrap().to_string();
    assert!(table.contains("27.3 % are not ASCII"), "{table}");
}
