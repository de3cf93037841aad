//! Which examples make a batch: a pure function of lengths, seed and epoch, so that a place in the
//! training data is two numbers, the epoch and the batch, and going on from there needs nothing
//! else.

use crate::{Error, Result};
use conv_hub::InvalidField;
use conv_nn::rng::seeded;
use rand::Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

/// Positions, padding included, that a batch of [`BatchSize::Examples`] has at most, unless a
/// single example has more: 50 examples of 2,600 words. One that is longer than all others does not
/// have a whole batch padded to it.
pub const PADDED_AT_MOST: usize = 1 << 17;

/// How the examples are put into batches.
///
/// ```
/// use conv_train::batch::{BatchSize, Batching};
/// let lengths = [5, 2, 9, 2, 4];
/// let batching = Batching { size: BatchSize::Examples(2), ..Batching::default() };
/// let batches = batching.epoch(&lengths, 42, 0);
/// assert_eq!(batches.iter().map(|batch| batch.len()).sum::<usize>(), 5);
/// assert_eq!(batches, batching.epoch(&lengths, 42, 0));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Batching {
    /// How much goes into a batch.
    pub size: BatchSize,
    /// Examples are sorted by length within windows of so many batches, so that a batch's examples
    /// have like lengths and little padding. 1 leaves batches fully random; more saves padding and
    /// mixes less.
    pub window: usize,
}

/// What bounds a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchSize {
    /// So many examples; the last batch of an epoch has what is left, and one of very long examples
    /// ends at [`PADDED_AT_MOST`].
    Examples(usize),
    /// At most so many tokens, padding included: examples × the longest length. An example that is
    /// longer by itself is a batch of its own.
    Tokens(usize),
}

/// An epoch's batches, in the order in which they are taken; 4 bytes an example and 8 a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batches {
    /// The examples, those of a batch side by side.
    order: Vec<u32>,
    /// Where each batch begins and ends in it.
    bounds: Vec<[u32; 2]>,
}

impl Batches {
    /// The most examples that batches are made of.
    pub const MOST_EXAMPLES: usize = u32::MAX as usize;

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bounds.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bounds.is_empty()
    }

    /// The examples of a batch, by their indexes; none beyond the last batch.
    pub fn get(&self, batch: usize) -> Vec<usize> {
        let bounds = self.bounds.get(batch).copied().unwrap_or_default();
        let [start, end] = bounds.map(|bound| bound as usize);
        self.order[start..end].iter().map(|&index| index as usize).collect()
    }

    /// The batches, one after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Vec<usize>> {
        (0..self.len()).map(|batch| self.get(batch))
    }
}

impl Default for Batching {
    fn default() -> Self {
        Self { size: BatchSize::Examples(50), window: 50 }
    }
}

impl Batching {
    /// The batches of `epoch`, as indexes into `lengths`, each index once: shuffled, sorted by
    /// length within windows, cut, and the batches shuffled. Of more than
    /// [`Batches::MOST_EXAMPLES`], the first so many.
    pub fn epoch(&self, lengths: &[usize], seed: u64, epoch: usize) -> Batches {
        let mut rng = seeded(seed, &format!("epoch {epoch}"));
        let count = u32::try_from(lengths.len()).unwrap_or(u32::MAX);
        let mut order: Vec<u32> = (0..count).collect();
        order.shuffle(&mut rng);
        let mut bounds = Vec::new();
        let mut start = 0;
        for window in order.chunks_mut(self.window_examples(lengths)) {
            if self.window > 1 {
                window.sort_by_key(|index| lengths[*index as usize]);
            }
            start = self.cut(window, lengths, start, &mut bounds);
        }
        bounds.shuffle(&mut rng);
        Batches { order, bounds }
    }

    /// Optimiser steps in an epoch when each takes `accumulate` batches. With a bound on tokens or
    /// very long examples, another epoch may have some more or less.
    pub fn steps_per_epoch(&self, lengths: &[usize], seed: u64, accumulate: usize) -> usize {
        self.epoch(lengths, seed, 0).len().div_ceil(accumulate.max(1))
    }

    fn window_examples(&self, lengths: &[usize]) -> usize {
        let batch = match self.size {
            BatchSize::Examples(examples) => examples,
            BatchSize::Tokens(tokens) => {
                let total: usize = lengths.iter().sum();
                tokens / (total / lengths.len().max(1)).max(1)
            }
        };
        batch.max(1).saturating_mul(self.window.max(1))
    }

    /// Adds the bounds of a window's batches, of which the first begins at `start`, and gives where
    /// the last one ends.
    fn cut(
        &self,
        window: &[u32],
        lengths: &[usize],
        mut start: u32,
        bounds: &mut Vec<[u32; 2]>,
    ) -> u32 {
        let (mut end, mut longest) = (start, 0);
        for index in window {
            let length = lengths[*index as usize].max(1);
            let count = (end - start) as usize;
            let padded = longest.max(length).saturating_mul(count + 1);
            let full = match self.size {
                BatchSize::Examples(examples) => {
                    count >= examples.max(1) || padded > PADDED_AT_MOST
                }
                BatchSize::Tokens(tokens) => padded > tokens,
            };
            if full && count > 0 {
                bounds.push([start, end]);
                (start, longest) = (end, 0);
            }
            end += 1;
            longest = longest.max(length);
        }
        bounds.push([start, end]);
        end
    }

    pub(crate) fn check(&self) -> Result<()> {
        let (BatchSize::Examples(size) | BatchSize::Tokens(size)) = self.size;
        for (field, value) in [("batching.size", size), ("batching.window", self.window)] {
            if value == 0 {
                return Err(Error::from(InvalidField::new(field, "0", "at least 1")));
            }
        }
        Ok(())
    }
}

/// Indexes of `lengths` in batches of like length, shortest first, for evaluation: none has more
/// than `most` positions, padding included, unless a single example does.
///
/// ```
/// use conv_train::batch::by_length;
/// assert_eq!(by_length(&[9, 1, 2, 1], 6), [vec![1, 3, 2], vec![0]]);
/// ```
pub fn by_length(lengths: &[usize], most: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| lengths[index]);
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for index in order {
        match batches.last_mut() {
            Some(batch) if (batch.len() + 1).saturating_mul(lengths[index]) <= most => {
                batch.push(index);
            }
            _ => batches.push(vec![index]),
        }
    }
    batches
}

/// `count` of `total` indexes, one from each of as many equal stretches: which examples to learn by
/// heart when one checks a set-up. Data that lie sorted by class, or in which classes take turns,
/// still give every class.
pub(crate) fn evenly_spread(count: usize, total: usize) -> Vec<usize> {
    let count = count.min(total);
    let mut rng = seeded(0, "evenly spread");
    let stretch = |i: usize| i * total / count..(i + 1) * total / count;
    (0..count).map(|i| rng.random_range(stretch(i))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sizes() -> impl Strategy<Value = BatchSize> {
        prop_oneof![
            (1..20usize).prop_map(BatchSize::Examples),
            (1..200usize).prop_map(BatchSize::Tokens),
        ]
    }

    /// The same written plainly, with a vector for each batch.
    fn plain(batching: &Batching, lengths: &[usize], seed: u64, epoch: usize) -> Vec<Vec<usize>> {
        let mut rng = seeded(seed, &format!("epoch {epoch}"));
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.shuffle(&mut rng);
        let mut batches: Vec<Vec<usize>> = Vec::new();
        for window in order.chunks_mut(batching.window_examples(lengths)) {
            if batching.window > 1 {
                window.sort_by_key(|index| lengths[*index]);
            }
            let mut batch: Vec<usize> = Vec::new();
            for &index in window.iter() {
                let with = batch.iter().chain([&index]).map(|i| lengths[*i].max(1)).max();
                let padded = with.unwrap_or(0) * (batch.len() + 1);
                let full = match batching.size {
                    BatchSize::Examples(most) => batch.len() >= most || padded > PADDED_AT_MOST,
                    BatchSize::Tokens(tokens) => padded > tokens,
                };
                if full && !batch.is_empty() {
                    batches.push(std::mem::take(&mut batch));
                }
                batch.push(index);
            }
            batches.push(batch);
        }
        batches.shuffle(&mut rng);
        batches
    }

    proptest! {
        #[test]
        fn every_example_comes_once_and_the_bound_holds(
            lengths in prop::collection::vec(prop_oneof![30 => 0..60usize, 1 => 0..200_000usize], 0..300),
            size in sizes(), window in 1..10usize, seed: u64, epoch in 0..5usize,
        ) {
            let batching = Batching { size, window };
            let batches = batching.epoch(&lengths, seed, epoch);
            for batch in batches.iter() {
                let longest = batch.iter().map(|i| lengths[*i].max(1)).max().unwrap_or(0);
                match size {
                    BatchSize::Examples(examples) => {
                        prop_assert!(batch.len() <= examples);
                        prop_assert!(batch.len() == 1 || batch.len() * longest <= PADDED_AT_MOST);
                    }
                    BatchSize::Tokens(tokens) => {
                        prop_assert!(batch.len() == 1 || batch.len() * longest <= tokens);
                    }
                }
            }
            prop_assert_eq!(&batches, &batching.epoch(&lengths, seed, epoch));
            let mut seen: Vec<usize> = batches.iter().flatten().collect();
            prop_assert_eq!(&batches.iter().collect::<Vec<_>>(), &plain(&batching, &lengths, seed, epoch));
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn one_very_long_example_is_alone_and_others_keep_their_batches() {
        let mut lengths: Vec<usize> = (0..500).map(|i| 1 + i * 7919 % 50).collect();
        let batching = Batching { size: BatchSize::Examples(50), window: 1000 };
        let sizes = |lengths: &[usize]| {
            let mut sizes: Vec<_> = batching.epoch(lengths, 1, 0).iter().map(|b| b.len()).collect();
            sizes.sort_unstable();
            sizes
        };
        assert_eq!(sizes(&lengths), [50; 10]);
        lengths[17] = 100_000;
        assert_eq!(sizes(&lengths), [1, 49, 50, 50, 50, 50, 50, 50, 50, 50, 50]);
    }

    #[test]
    fn sorting_within_windows_saves_most_padding_and_epochs_differ() {
        let lengths: Vec<usize> = (0..2000).map(|i| 1 + i * 7919 % 50).collect();
        let padded = |window| {
            let size = BatchSize::Examples(50);
            let batches = Batching { size, window }.epoch(&lengths, 1, 0);
            let cost = |b: Vec<usize>| b.len() * b.iter().map(|i| lengths[*i]).max().unwrap_or(0);
            batches.iter().map(cost).sum::<usize>()
        };
        let real: usize = lengths.iter().sum();
        assert!(padded(1) > real * 18 / 10, "{} {real}", padded(1));
        assert!(padded(20) < real * 11 / 10, "{} {real}", padded(20));
        let batching = Batching::default();
        assert_ne!(batching.epoch(&lengths, 1, 0), batching.epoch(&lengths, 1, 1));
    }

    #[test]
    fn the_examples_to_learn_by_heart_come_from_all_over() {
        let spread = evenly_spread(10, 1000);
        let stretches: Vec<usize> = spread.iter().map(|index| index / 100).collect();
        assert_eq!(stretches, (0..10).collect::<Vec<_>>());
        let odd = spread.iter().filter(|index| *index % 2 == 1).count();
        assert!((2..=8).contains(&odd), "{spread:?}");
        assert_eq!(evenly_spread(5, 3), [0, 1, 2]);
        assert!(evenly_spread(2, 0).is_empty());
    }
}
