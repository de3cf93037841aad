//! The embedding table's first values from pre-trained vectors, and how much of a corpus they
//! cover.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::tokenizer::{PAD, UNK};

/// How much of a vocabulary, and of the texts it came from, has vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Different words.
    pub types: u64,
    /// Different words with a vector.
    pub known_types: u64,
    /// Words of the texts, counted each time.
    pub tokens: u64,
    /// Those with a vector.
    pub known_tokens: u64,
}

impl Coverage {
    /// Counts a vocabulary whose first two words are padding and unknown; `counts` says how often
    /// each word comes.
    pub fn of(vocabulary: &[String], counts: &[u64], known: impl Fn(&str) -> bool) -> Self {
        let mut coverage = Self { types: 0, known_types: 0, tokens: 0, known_tokens: 0 };
        for (word, &count) in vocabulary.iter().zip(counts).skip(UNK as usize + 1) {
            let found = known(word) || known(&word.to_lowercase());
            coverage.types += 1;
            coverage.tokens += count;
            coverage.known_types += u64::from(found);
            coverage.known_tokens += if found { count } else { 0 };
        }
        coverage
    }

    /// The share of the tokens that have a vector, 0 to 1.
    pub fn of_tokens(&self) -> f64 {
        self.known_tokens as f64 / self.tokens.max(1) as f64
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = 100.0 * self.known_types as f64 / self.types.max(1) as f64;
        write!(
            f,
            "{:.1} % of tokens, {share:.1} % of {} words",
            100.0 * self.of_tokens(),
            self.types
        )
    }
}

/// What the embedding table starts from: rows of their own, and the range that the others are drawn
/// from.
///
/// The parts are those of `conv_nn::Init::Rows { index, values, rest: Uniform { low: -half_width,
/// high: half_width } }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The words that have a row here, ascending: padding and unknown (zeros) and every word with a
    /// vector.
    pub index: Vec<u32>,
    /// Their rows one after the other, `[index.len(), width]`.
    pub values: Vec<f32>,
    /// D: values a row.
    pub width: usize,
    /// a of U[−a, a] for the other words: √(3 · variance of the known vectors' values), which gives
    /// them the same variance (Kim 2014, section 4.3). 0.25, as in his code, where no word has a
    /// vector.
    pub half_width: f64,
}

/// The words under which a vocabulary's vectors may stand: each as written and lower-cased. What a
/// vector file's reader needs to keep.
pub fn wanted(vocabulary: &[String]) -> BTreeSet<String> {
    vocabulary.iter().flat_map(|word| [word.clone(), word.to_lowercase()]).collect()
}

/// Looks up each word as written, then lower-cased; the padding's row is zero. So is that of
/// unknown words, unless a vector of theirs is known: where the training words are the vocabulary
/// no sentence trains it, and a word that was never seen must not speak for a class.
///
/// # Errors
/// [`Error::VectorWidth`] where a vector has not `width` values.
pub fn rows<'a>(
    vocabulary: &[String],
    width: usize,
    vector: impl Fn(&str) -> Option<&'a [f32]>,
) -> Result<Rows> {
    let mut index = vec![PAD, UNK];
    let mut values = vec![0.0; 2 * width];
    for (id, word) in (0..).zip(vocabulary).skip(UNK as usize) {
        let Some(found) = vector(word).or_else(|| vector(&word.to_lowercase())) else {
            continue;
        };
        if found.len() != width {
            return Err(Error::VectorWidth {
                word: word.clone(),
                found: found.len(),
                expected: width,
            });
        }
        if id == UNK {
            values[width..].copy_from_slice(found);
        } else {
            index.push(id);
            values.extend_from_slice(found);
        }
    }
    let known = &values[2 * width..];
    let half_width = if known.is_empty() { 0.25 } else { (3.0 * variance(known)).sqrt() };
    Ok(Rows { index, values, width, half_width })
}

fn variance(values: &[f32]) -> f64 {
    let number = values.len() as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / number;
    values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / number
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn vocabulary(words: &[&str]) -> Vec<String> {
        ["[PAD]", "[UNK]"].iter().chain(words).map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn a_word_is_looked_up_as_written_then_lower_cased() {
        let vectors: HashMap<&str, Vec<f32>> =
            [("us", vec![1.0, -1.0]), ("US", vec![3.0, -3.0]), ("who", vec![1.0, -1.0])].into();
        let vocabulary = vocabulary(&["US", "zyx", "us", "Who"]);
        let rows = rows(&vocabulary, 2, |word| vectors.get(word).map(Vec::as_slice)).unwrap();
        assert_eq!(rows.index, [0, 1, 2, 4, 5]);
        assert_eq!(rows.values, [0.0, 0.0, 0.0, 0.0, 3.0, -3.0, 1.0, -1.0, 1.0, -1.0]);
        // The variance of ±3, ±1, ±1 is 22/6; the zeros of padding and unknown do not count.
        assert!((rows.half_width - 11.0_f64.sqrt()).abs() < 1e-12);
        let coverage =
            Coverage::of(&vocabulary, &[9, 9, 5, 3, 1, 1], |word| vectors.contains_key(word));
        assert_eq!(coverage, Coverage { types: 4, known_types: 3, tokens: 10, known_tokens: 7 });
        assert_eq!(coverage.to_string(), "70.0 % of tokens, 75.0 % of 4 words");
        assert!(wanted(&vocabulary).contains("who"));
    }

    #[test]
    fn a_vector_of_another_width_is_named() {
        let short = |word: &str| (word == "a").then_some(&[1.0, 2.0][..]);
        let error = rows(&vocabulary(&["a"]), 3, short).unwrap_err();
        assert_eq!(error.to_string(), "vectors: \"a\" has 2 values, expected 3");
    }

    #[test]
    fn nothing_known_leaves_padding_and_unknown_alone() {
        let rows = rows(&vocabulary(&["a"]), 3, |_| None).unwrap();
        assert_eq!((rows.index, rows.values, rows.half_width), (vec![0, 1], vec![0.0; 6], 0.25));
    }

    #[test]
    fn a_learnt_vector_of_unknown_words_is_kept() {
        let learnt = |word: &str| (word == "[UNK]").then_some(&[1.0, 2.0][..]);
        let rows = rows(&vocabulary(&["a"]), 2, learnt).unwrap();
        assert_eq!((rows.index, rows.values), (vec![0, 1], vec![0.0, 0.0, 1.0, 2.0]));
    }
}
