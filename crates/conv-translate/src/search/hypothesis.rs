//! What a search finds.

use crate::END;

/// A translation with its score.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// T words, without `</s>`.
    pub tokens: Vec<u32>,
    /// The sum of the logarithms of the probabilities, divided by (T + 1) to the power of the
    /// length penalty, as fairseq prints it. Penalties of the search are in it.
    pub score: f32,
    /// The logarithm of the probability of each word and of `</s>`: T + 1.
    pub positional: Vec<f32>,
    /// The share of each of S source tokens, `</s>` included, in what was read for each word and
    /// for `</s>`: T + 1 rows of S.
    pub attention: Vec<Vec<f32>>,
    /// For each word the source token that was read most, `</s>` left out: T places.
    pub alignment: Vec<usize>,
}

impl Hypothesis {
    pub(super) fn new(
        source: &[u32],
        tokens: Vec<u32>,
        score: f32,
        positional: Vec<f32>,
        attention: Vec<Vec<f32>>,
    ) -> Self {
        let most = |shares: &Vec<f32>| {
            let words = shares.iter().zip(source).enumerate().filter(|(_, (_, t))| **t != END);
            // Of equals the first.
            let best = words.reduce(|a, b| if *b.1.0 > *a.1.0 { b } else { a });
            best.map_or(0, |(place, _)| place)
        };
        let alignment = attention.iter().take(tokens.len()).map(most).collect();
        Self { tokens, score, positional, attention, alignment }
    }
}
