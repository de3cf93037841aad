//! The Stanford Sentiment Treebank's own form, `(3 (2 The) (4 ...))`: every node is a phrase with a
//! sentiment.

use std::collections::HashSet;
use std::path::Path;

use conv_hub::text::{Encoding, Lines, Place};

use crate::error::{Error, Result};

/// The deepest nesting and the longest line taken, several times what an English sentence needs.
const MAX_DEPTH: usize = 256;
const MAX_BYTES: usize = 1 << 16;

/// A node of a tree: the words below it and their sentiment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Phrase {
    /// The words, joined by spaces.
    pub text: String,
    /// 0 very negative, 1 negative, 2 neutral, 3 positive, 4 very positive.
    pub sentiment: u8,
}

/// Which classes are made of the five sentiments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// All five (SST-1).
    Fine,
    /// Negative and positive; the neutral are left out (SST-2).
    Binary,
}

impl Granularity {
    /// The class of a sentiment, where it has one.
    pub fn class(self, sentiment: u8) -> Option<u32> {
        match (self, sentiment) {
            (Self::Fine, _) => Some(u32::from(sentiment)),
            (Self::Binary, 0 | 1) => Some(0),
            (Self::Binary, 2) => None,
            (Self::Binary, _) => Some(1),
        }
    }
}

/// The trees of a file, one a line, each as [`parse_tree`] gives it.
///
/// # Errors
/// [`Error::Hub`] for a file or a line that cannot be read, [`Error::Tree`].
pub fn read_trees(path: &Path) -> Result<Vec<Vec<Phrase>>> {
    let lines = Lines::open(path, Encoding::Utf8)?.limit(MAX_BYTES);
    let trees = lines.filter(|line| !matches!(line, Ok((_, text)) if text.trim().is_empty()));
    let parse = |line: conv_hub::Result<(Place, String)>| {
        let (at, text) = line?;
        parse_tree(&text, &at)
    };
    trees.map(parse).collect()
}

/// The phrases of all trees, each once, in order of their first appearance.
pub(crate) fn distinct(trees: &[Vec<Phrase>]) -> Vec<&Phrase> {
    let mut seen = HashSet::new();
    trees.iter().flatten().filter(|phrase| seen.insert(*phrase)).collect()
}

/// The phrases of one tree, children before parents: the last is the whole sentence.
///
/// # Errors
/// [`Error::Tree`], with the position, for anything but one tree of bounded depth;
/// [`conv_hub::Error::LineTooLong`] beyond 64 KiB.
pub fn parse_tree(line: &str, at: &Place) -> Result<Vec<Phrase>> {
    if line.len() > MAX_BYTES {
        let (at, limit) = (at.clone(), MAX_BYTES);
        return Err(conv_hub::Error::LineTooLong { at, limit, hint: "" }.into());
    }
    let wrong = |byte: usize, found: String, expected| {
        Err(Error::Tree { at: at.clone(), byte: byte + 1, found, expected })
    };
    let mut words: Vec<&str> = Vec::new();
    // Of each open node its sentiment and its first word.
    let mut open: Vec<(u8, usize)> = Vec::new();
    let mut phrases = Vec::new();
    let mut byte = 0;
    while let Some(next) = line.as_bytes().get(byte) {
        let rest = &line[byte..];
        match next {
            // Only the blank separates: some of the treebank's words hold a no-break space.
            b' ' => byte += 1,
            _ if open.is_empty() && !phrases.is_empty() => {
                return wrong(byte, "text after the tree".into(), "one tree a line");
            }
            b'(' => {
                let sentiment = match rest.as_bytes().get(1) {
                    Some(digit @ b'0'..=b'4')
                        if matches!(rest.as_bytes().get(2), Some(b' ' | b'(')) =>
                    {
                        digit - b'0'
                    }
                    _ => {
                        return wrong(
                            byte,
                            beginning(rest),
                            "`(`, a digit from 0 to 4, and a blank",
                        );
                    }
                };
                if open.len() == MAX_DEPTH {
                    return wrong(byte, "another level".into(), "at most 256 levels");
                }
                open.push((sentiment, words.len()));
                byte += 2;
            }
            b')' => {
                let Some((sentiment, first)) = open.pop() else {
                    return wrong(byte, "`)`".into(), "`(`");
                };
                if first == words.len() {
                    return wrong(byte, "a node without words".into(), "a word or a node");
                }
                phrases.push(Phrase { text: words[first..].join(" "), sentiment });
                byte += 1;
            }
            _ => {
                if open.is_empty() {
                    return wrong(byte, beginning(rest), "`(`");
                }
                let length = rest.find([' ', '(', ')']).unwrap_or(rest.len());
                words.push(&rest[..length]);
                byte += length;
            }
        }
    }
    match (open.len(), phrases.is_empty()) {
        (0, false) => Ok(phrases),
        (0, true) => wrong(byte, "nothing".into(), "a tree"),
        (left, _) => wrong(byte, format!("the end, {left} levels open"), "`)`"),
    }
}

fn beginning(text: &str) -> String {
    format!("{:?}", text.chars().take(12).collect::<String>())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(line: &str) -> Result<Vec<(String, u8)>> {
        let phrases = parse_tree(line, &Place { file: "train.txt".into(), line: 3 })?;
        Ok(phrases.into_iter().map(|phrase| (phrase.text, phrase.sentiment)).collect())
    }

    #[test]
    fn every_node_is_a_phrase_and_the_last_is_the_sentence() {
        let found = parse("(3 (2 The) (4 (3 -LRB-) (1 8\u{a0}1\\/2)))").unwrap();
        let expected = [
            ("The", 2),
            ("-LRB-", 3),
            ("8\u{a0}1\\/2", 1),
            ("-LRB- 8\u{a0}1\\/2", 4),
            ("The -LRB- 8\u{a0}1\\/2", 3),
        ];
        assert_eq!(found, expected.map(|(text, sentiment)| (text.to_owned(), sentiment)));
    }

    #[test]
    fn a_phrase_comes_once_and_the_neutral_have_no_binary_class() {
        let trees = ["(3 (2 a) (2 a))", "(4 (2 a) (1 b))"];
        let trees =
            trees.map(|tree| parse_tree(tree, &Place { file: String::new(), line: 1 }).unwrap());
        let texts: Vec<_> = distinct(&trees).iter().map(|phrase| phrase.text.as_str()).collect();
        assert_eq!(texts, ["a", "a a", "b", "a b"]);
        let classes = |granularity: Granularity| {
            [0, 1, 2, 3, 4].map(|sentiment| granularity.class(sentiment))
        };
        assert_eq!(classes(Granularity::Binary), [Some(0), Some(0), None, Some(1), Some(1)]);
        assert_eq!(classes(Granularity::Fine), [Some(0), Some(1), Some(2), Some(3), Some(4)]);
    }

    #[test]
    fn what_is_no_tree_is_named_with_its_place() {
        let wrong = |line: &str| parse(line).unwrap_err().to_string();
        assert_eq!(
            wrong("(3 (2 a)"),
            "train.txt line 3: tree, byte 9: the end, 1 levels open, expected `)`"
        );
        assert_eq!(
            wrong("(7 a)"),
            "train.txt line 3: tree, byte 1: \"(7 a)\", expected `(`, a digit from 0 to 4, and a blank"
        );
        for line in ["", "a", "(3 )", "(3 a))", "(3 a) (3 b)", "(33 a)", "(", "(3"] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(wrong(&"(3 ".repeat(10_000)).contains("at most 256 levels"));
        assert!(wrong(&"a".repeat(MAX_BYTES + 1)).contains("longer than 65536 bytes"));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[()0-5 a毛]{0,60}") {
            let _ = parse(&line);
        }
    }
}
