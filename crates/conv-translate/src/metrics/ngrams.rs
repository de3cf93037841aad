//! Counting n-grams: slices of a sentence, none of them copied.

use std::collections::HashMap;
use std::hash::Hash;

/// How often each n-gram of `items` comes.
pub(super) fn counts<T: Eq + Hash>(items: &[T], n: usize) -> HashMap<&[T], u64> {
    let mut counts = HashMap::with_capacity((items.len() + 1).saturating_sub(n));
    for ngram in items.windows(n) {
        *counts.entry(ngram).or_default() += 1;
    }
    counts
}

/// How many n-grams there are.
pub(super) fn total(length: usize, n: usize) -> u64 {
    (length + 1).saturating_sub(n) as u64
}

/// Adds counts to counts; those of a damaged file stop at the largest number.
pub(super) fn accumulate(sum: &mut [u64], part: &[u64]) {
    for (sum, part) in sum.iter_mut().zip(part) {
        *sum = sum.saturating_add(*part);
    }
}

/// Numbers for words: the same word gets the same number.
#[derive(Default)]
pub(super) struct Words<'a>(HashMap<&'a str, u32>);

impl<'a> Words<'a> {
    /// The numbers of `words`.
    pub(super) fn ids(&mut self, words: impl Iterator<Item = &'a str>) -> Vec<u32> {
        words
            .map(|word| {
                let next = self.0.len() as u32;
                *self.0.entry(word).or_insert(next)
            })
            .collect()
    }
}
