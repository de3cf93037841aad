//! Pairs kept aside from a corpus that has no parts of its own.

use std::collections::HashSet;

use conv_nn::rng::seeded;
use rand::Rng;
use rand::seq::SliceRandom;

use super::TextPair;
use crate::error::Result;

/// Pairs chosen at random, to watch training by and to measure it with. Nothing may be learnt from
/// a pair that
/// [shares](Self::shares) a sentence with one of them: collections of sentences have several translations of many.
#[derive(Debug, Clone, Default)]
pub struct HeldOut {
    /// The pairs of each part. No sentence is in two of them.
    pub parts: Vec<Vec<TextPair>>,
    sentences: [HashSet<String>; 2],
}

impl HeldOut {
    /// Chooses parts of so many pairs, or as many as there are, in memory of their size. `seed`
    /// decides which.
    ///
    /// # Errors
    /// The first of `pairs`.
    pub fn choose(
        pairs: impl IntoIterator<Item = Result<TextPair>>,
        sizes: &[usize],
        seed: u64,
    ) -> Result<Self> {
        // Twice as many, because some share a sentence. Each pair of the corpus is among them with
        // the same probability (Vitter 1985, algorithm R).
        let wanted = sizes.iter().sum::<usize>().saturating_mul(2);
        let mut rng = seeded(seed, "held out");
        let mut chosen = Vec::new();
        let mut seen = 0;
        for pair in pairs {
            let pair = pair?;
            if [&pair.source, &pair.target].into_iter().any(|sentence| words(sentence).is_empty()) {
                continue;
            }
            seen += 1;
            if chosen.len() < wanted {
                chosen.push(pair);
            } else if let Some(place) = chosen.get_mut(rng.random_range(0..seen)) {
                *place = pair;
            }
        }
        chosen.shuffle(&mut rng);
        let mut held_out = Self::default();
        let mut chosen = chosen.into_iter();
        for &size in sizes {
            let mut part = Vec::new();
            while part.len() < size {
                let Some(pair) = chosen.next() else { break };
                if !held_out.shares(&pair) {
                    let [sources, targets] = &mut held_out.sentences;
                    sources.insert(words(&pair.source));
                    targets.insert(words(&pair.target));
                    part.push(pair);
                }
            }
            held_out.parts.push(part);
        }
        Ok(held_out)
    }

    /// Whether the pair's sentence or its translation, but for case and punctuation, is one of
    /// those held out.
    pub fn shares(&self, pair: &TextPair) -> bool {
        let [sources, targets] = &self.sentences;
        sources.contains(&words(&pair.source)) || targets.contains(&words(&pair.target))
    }
}

/// What two sentences have in common that differ in case and punctuation alone.
fn words(sentence: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || c.is_whitespace();
    let kept: String = sentence.chars().filter(kept).flat_map(char::to_lowercase).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn corpus(count: u64) -> Vec<TextPair> {
        let pair = |line: u64| TextPair {
            // Three translations of each sentence, and here and there one sentence for two.
            source: format!("Satz {}.", line / 3),
            target: if line.is_multiple_of(10) { "Same!".into() } else { format!("number {line}") },
            line,
        };
        (0..count).map(pair).collect()
    }

    fn choose(pairs: &[TextPair], sizes: &[usize], seed: u64) -> HeldOut {
        HeldOut::choose(pairs.iter().cloned().map(Ok), sizes, seed).unwrap()
    }

    #[test]
    fn parts_share_no_sentence_and_their_sizes_are_kept() {
        let pairs = corpus(3000);
        let held_out = choose(&pairs, &[40, 60], 1);
        assert_eq!(held_out.parts.iter().map(Vec::len).collect::<Vec<_>>(), [40, 60]);
        let all: Vec<&TextPair> = held_out.parts.iter().flatten().collect();
        let distinct =
            |of: fn(&TextPair) -> String| all.iter().map(|p| of(p)).collect::<HashSet<_>>().len();
        assert_eq!((distinct(|p| words(&p.source)), distinct(|p| words(&p.target))), (100, 100));
        let left = pairs.iter().filter(|pair| !held_out.shares(pair)).count();
        // Three for each of a hundred, and the tenth that all have one translation.
        assert!((2400..=2460).contains(&left), "{left} of 3,000 pairs left to learn from");
    }

    #[test]
    fn the_seed_decides_and_every_place_may_be_chosen() {
        let pairs = corpus(300);
        let lines = |seed| choose(&pairs, &[5, 5], seed).parts.concat();
        assert_eq!(lines(1), lines(1));
        assert_ne!(lines(1), lines(2));
        let chosen: HashSet<u64> =
            (0..300).flat_map(|seed| lines(seed).into_iter().map(|pair| pair.line)).collect();
        assert!(chosen.len() > 290, "{}", chosen.len());
    }

    #[test]
    fn a_small_corpus_gives_what_it_has() {
        let mut pairs = corpus(9);
        pairs[4].target = " … ".into();
        let held_out = choose(&pairs, &[2, 5], 1);
        assert_eq!(held_out.parts.concat().len(), 3, "a sentence of each three");
        assert!(held_out.parts.concat().iter().all(|pair| pair.line != 4));
        assert!(choose(&[], &[1, 1], 1).parts.concat().is_empty());
        let shouted = TextPair { source: "SATZ  1".into(), target: "-".into(), line: 0 };
        assert!(held_out.shares(&shouted));
    }
}
