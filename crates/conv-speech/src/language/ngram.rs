//! N-grams with Witten-Bell smoothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How likely a word is behind the words before it, from the word sequences of a training text.
///
/// P(w | h) = (c(hw) + T(h) P(w | h′)) / (c(h) + T(h)), where c counts, T(h) is the number of
/// different words behind h, and h′ is h without its first word (Witten and Bell 1991, method C,
/// interpolated). Behind nothing the words are alike, one that is not known being as likely as one
/// that is known and was not seen. Each sentence begins with `<s>`, which is never predicted, and
/// ends with `</s>`, which is.
///
/// ```
/// use conv_speech::NgramModel;
/// let model = NgramModel::train(["GO ON", "GO HOME"], ["STAY"], 2);
/// let probability = |history: &str, word: &str| model.log_probability(&model.history(history), model.id(word)).exp();
/// // Of six words, ends among them, two are GO; there are four kinds, and two more that did not come.
/// let anywhere = (2.0 + 4.0 / 6.0) / (6.0 + 4.0);
/// // Both sentences begin with it, and with nothing else.
/// assert!((probability("", "GO") - (2.0 + anywhere) / (2.0 + 1.0)).abs() < 1e-6);
/// assert!(probability("GO", "ON") > 2.0 * probability("GO", "STAY"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NgramModel {
    pub(super) order: usize,
    /// The words, in the order of their numbers.
    pub(super) words: Vec<String>,
    ids: HashMap<String, u32>,
    /// What is known of each sequence of 1 to `order` words.
    pub(super) grams: HashMap<Box<[u32]>, Gram>,
}

/// A sequence of words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gram {
    /// log10 of its last word's probability behind the others.
    pub log_probability: f32,
    /// log10 of what a shorter history's probability is multiplied by for words that were not seen
    /// behind this sequence.
    pub backoff: f32,
}

/// Before a sentence's first word.
pub(super) const START: &str = "<s>";
/// Behind its last.
pub(super) const END: &str = "</s>";
/// A word that is not known.
pub(super) const UNKNOWN: &str = "<unk>";

/// log10 of the probability of what never comes, as ARPA files write it.
pub(super) const NEVER: f32 = -99.0;

/// The longest sequences that are counted.
pub(super) const HIGHEST_ORDER: usize = 8;

impl NgramModel {
    /// Counts the sequences of up to `order` words (1 to 8) in `texts`. `words` are known too,
    /// whether they come or not.
    pub fn train<'t>(
        texts: impl IntoIterator<Item = &'t str>,
        words: impl IntoIterator<Item = &'t str>,
        order: usize,
    ) -> Self {
        let order = order.clamp(1, HIGHEST_ORDER);
        let texts: Vec<Vec<&str>> =
            texts.into_iter().map(|text| text.split_whitespace().collect()).collect();
        let known: BTreeSet<&str> = texts.iter().flatten().copied().chain(words).collect();
        let known = known.into_iter().filter(|word| ![START, END, UNKNOWN].contains(word));
        let words = [UNKNOWN, START, END].into_iter().chain(known).map(str::to_string);
        let mut model = Self::of(order, words.collect());
        // Of each history, how often each word comes behind it.
        let mut behind = BTreeMap::from([(Vec::new(), BTreeMap::<u32, u64>::new())]);
        for text in &texts {
            let ids = [START].iter().chain(text).chain(&[END]);
            let ids: Vec<u32> = ids.filter_map(|word| model.id(word)).collect();
            for at in 1..ids.len() {
                for first in at.saturating_sub(order - 1)..=at {
                    *behind
                        .entry(ids[first..at].into())
                        .or_default()
                        .entry(ids[at])
                        .or_default() += 1;
                }
            }
        }
        model.smooth(&behind);
        model
    }

    /// A model of `words` that knows no sequence.
    pub(super) fn of(order: usize, words: Vec<String>) -> Self {
        let ids = words.iter().zip(0..).map(|(word, id)| (word.clone(), id)).collect();
        Self { order, words, ids, grams: HashMap::new() }
    }

    /// Probabilities from counts, shorter histories first: a longer one's stand on them.
    fn smooth(&mut self, behind: &BTreeMap<Vec<u32>, BTreeMap<u32, u64>>) {
        // All but `<s>`, which is never predicted.
        let alike = 1.0 / (self.words.len() - 1) as f64;
        let start = self.id(START);
        let mut histories: Vec<_> = behind.iter().collect();
        histories.sort_by_key(|(history, _)| history.len());
        for (history, counts) in histories {
            let seen: u64 = counts.values().sum();
            let kinds = counts.len().max(1) as f64;
            let whole = seen as f64 + kinds;
            let shorter = |model: &Self, word: u32| match history.split_first() {
                Some((_, shorter)) => model.log_probability(shorter, Some(word)).exp(),
                None => alike,
            };
            let smoothed = |model: &Self, word: u32, count: u64| {
                (((count as f64 + kinds * shorter(model, word)) / whole).log10()) as f32
            };
            if history.is_empty() {
                for word in 0..self.words.len() as u32 {
                    let count = counts.get(&word).copied().unwrap_or(0);
                    let log_probability =
                        if Some(word) == start { NEVER } else { smoothed(self, word, count) };
                    self.grams.insert([word].into(), Gram { log_probability, backoff: 0.0 });
                }
                continue;
            }
            for (&word, &count) in counts {
                let gram: Box<[u32]> = history.iter().copied().chain([word]).collect();
                let log_probability = smoothed(self, word, count);
                self.grams.insert(gram, Gram { log_probability, backoff: 0.0 });
            }
            // Each history is itself a sequence that was counted, or `<s>`.
            if let Some(gram) = self.grams.get_mut(&history[..]) {
                gram.backoff = ((kinds / whole).log10()) as f32;
            }
        }
    }

    /// Whether two numbers are of one word.
    pub(super) fn has_repeats(&self) -> bool {
        self.ids.len() < self.words.len()
    }

    /// Words of a sequence at most.
    pub fn order(&self) -> usize {
        self.order
    }

    /// The words that it knows, without the marks `<s>`, `</s>` and `<unk>`.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let is_mark = |word: &str| [START, END, UNKNOWN, "<UNK>"].contains(&word);
        self.words.iter().map(String::as_str).filter(move |word| !is_mark(word))
    }

    /// The number of a word, where it is known.
    pub fn id(&self, word: &str) -> Option<u32> {
        self.ids.get(word).copied()
    }

    /// The numbers of a sentence's first words, as a history: behind `<s>`, and no more than tell
    /// what follows.
    pub fn history(&self, text: &str) -> Vec<u32> {
        let mut history: Vec<u32> = self.id(START).into_iter().collect();
        for word in text.split_whitespace() {
            self.extend(&mut history, self.id(word));
        }
        history
    }

    /// Adds a word to a history.
    pub fn extend(&self, history: &mut Vec<u32>, word: Option<u32>) {
        match word.or_else(|| self.unknown()) {
            Some(word) => history.push(word),
            // Behind a word without a number nothing is known of what came before it.
            None => history.clear(),
        }
        let most = self.order.saturating_sub(1);
        history.drain(..history.len().saturating_sub(most));
    }

    fn unknown(&self) -> Option<u32> {
        self.id(UNKNOWN).or_else(|| self.id("<UNK>"))
    }

    /// ln P(word | history), of which as many of the last words count as the order lets. A word
    /// without a number, and one that the model says nothing of, has the probability of an unknown
    /// one; where the model has none of that, 10⁻⁹⁹.
    pub fn log_probability(&self, history: &[u32], word: Option<u32>) -> f64 {
        let never = f64::from(NEVER) * std::f64::consts::LN_10;
        let Some(word) = word.or_else(|| self.unknown()) else { return never };
        let mut history = &history[history.len().saturating_sub(self.order.saturating_sub(1))..];
        let mut backoff = 0.0;
        let mut gram: Vec<u32> = history.iter().copied().chain([word]).collect();
        loop {
            if let Some(found) = self.grams.get(&gram[..]) {
                return (backoff + f64::from(found.log_probability)) * std::f64::consts::LN_10;
            }
            let Some((_, shorter)) = history.split_first() else { return never };
            backoff += self.grams.get(history).map_or(0.0, |gram| f64::from(gram.backoff));
            history = shorter;
            gram.remove(0);
        }
    }

    /// ln P of a sentence's end.
    pub fn log_end(&self, history: &[u32]) -> f64 {
        self.log_probability(history, self.id(END))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(model: &NgramModel, history: &[u32]) -> f64 {
        let words = (0..model.words.len() as u32).filter(|&word| Some(word) != model.id(START));
        words.map(|word| model.log_probability(history, Some(word)).exp()).sum()
    }

    proptest! {
        #[test]
        fn probabilities_behind_any_history_are_one_together(
            texts in prop::collection::vec(prop::collection::vec("[A-D]", 0..5), 0..6),
            order in 1usize..5,
            history in prop::collection::vec(0u32..7, 0..5),
        ) {
            let texts: Vec<String> = texts.iter().map(|words| words.join(" ")).collect();
            let model = NgramModel::train(texts.iter().map(String::as_str), ["A", "E"], order);
            let history: Vec<u32> =
                history.into_iter().filter(|&id| (id as usize) < model.words.len()).collect();
            prop_assert!((sum(&model, &history) - 1.0).abs() < 1e-4, "{}", sum(&model, &history));
        }
    }

    #[test]
    fn what_was_seen_is_likelier_and_longer_histories_tell_more() {
        let model = NgramModel::train(["A B C", "A B C", "D B A"], [], 3);
        let probability = |history: &str, word: &str| {
            model.log_probability(&model.history(history), model.id(word)).exp()
        };
        assert!(probability("A B", "C") > probability("D B", "C"));
        assert!(probability("", "A") > probability("", "C"));
        assert!(model.log_end(&model.history("A B C")) > model.log_end(&model.history("A B")));
        // c = 2, T = 1, and P(C | B) = (2 + 2 P(C)) / (3 + 2), where P(C) = (2 + 5 / 6) / (12 + 5)
        // of A, B, C, D and the end.
        let of_c = (2.0 + 5.0 / 6.0) / 17.0;
        let behind_b = (2.0 + 2.0 * of_c) / 5.0;
        assert!((probability("A B", "C") - (2.0 + behind_b) / 3.0).abs() < 1e-6);
        assert_eq!(model.words().collect::<Vec<_>>(), ["A", "B", "C", "D"]);
        assert_eq!(model.log_probability(&[], None), model.log_probability(&[], model.id(UNKNOWN)));
    }
}
