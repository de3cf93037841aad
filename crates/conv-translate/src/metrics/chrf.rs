//! chrF (Popović 2015) and chrF++ (Popović 2017) as sacreBLEU counts them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ngrams::{Words, accumulate, counts, total};
use super::signature::{ReferenceCount, SACREBLEU, case, flag};
use super::tokenize::{is_blank, words};
use crate::{Error, Result};

/// The longest n-grams of characters and of words.
const CHARACTERS: usize = 6;
const WORDS: usize = 2;
/// How many times as much recall matters as precision, β.
const BETA: u64 = 2;

/// The n-grams of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    hypothesis: u64,
    reference: u64,
    matches: u64,
}

type Orders = [Order; CHARACTERS + WORDS];

/// Which chrF: 1- to 6-grams of characters, β = 2. The default is sacreBLEU's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chrf {
    /// chrF++: count also words and pairs of words.
    pub plus_plus: bool,
    /// Compare in lower case.
    pub lowercase: bool,
    /// Count blanks as characters too.
    pub whitespace: bool,
    /// Take the mean of all orders' F-scores, with 10⁻¹⁶ for what is 0/0, as Popović's own program
    /// does, instead of the F-score of the mean precision and recall over the orders that both
    /// sides have.
    pub eps_smoothing: bool,
}

impl Chrf {
    /// chrF++.
    pub fn plus_plus() -> Self {
        Self { plus_plus: true, ..Self::default() }
    }

    /// The score of a corpus. `references` holds one or more translations of the whole corpus.
    ///
    /// # Errors
    /// [`Error::LineCount`] for a reference with more or fewer lines than the hypotheses,
    /// [`Error::NoReference`] where there is none.
    pub fn corpus<H: AsRef<str>, R: AsRef<str>>(
        self,
        hypotheses: &[H],
        references: &[&[R]],
    ) -> Result<ChrfScore> {
        let mut statistics = ChrfStatistics::new(self);
        super::by_line(hypotheses, references, |hypothesis, references| {
            statistics.add(hypothesis, references)
        })?;
        Ok(statistics.score())
    }

    /// The score of one sentence.
    ///
    /// # Errors
    /// [`Error::NoReference`].
    pub fn sentence(self, hypothesis: &str, references: &[impl AsRef<str>]) -> Result<ChrfScore> {
        let mut statistics = ChrfStatistics::new(self);
        statistics.add(hypothesis, references)?;
        Ok(statistics.score())
    }

    fn word_order(self) -> usize {
        if self.plus_plus { WORDS } else { 0 }
    }

    /// The F-score in percent.
    fn f_score(self, orders: &Orders) -> f64 {
        const EPSILON: f64 = 1e-16;
        let orders = &orders[..CHARACTERS + self.word_order()];
        let factor = (BETA * BETA) as f64;
        let mut sum = 0.0;
        let mut precisions = 0.0;
        let mut recalls = 0.0;
        let mut effective = 0.0;
        for order in orders {
            let [hypothesis, reference, matches] =
                [order.hypothesis, order.reference, order.matches].map(|count| count as f64);
            let precision = if hypothesis > 0.0 { matches / hypothesis } else { EPSILON };
            let recall = if reference > 0.0 { matches / reference } else { EPSILON };
            let below = factor * precision + recall;
            sum += if below > 0.0 { (1.0 + factor) * precision * recall / below } else { EPSILON };
            if hypothesis > 0.0 && reference > 0.0 {
                precisions += precision;
                recalls += recall;
                effective += 1.0;
            }
        }
        if self.eps_smoothing {
            return 100.0 * sum / orders.len() as f64;
        }
        if precisions + recalls == 0.0 {
            return 0.0;
        }
        let precision = precisions / effective;
        let recall = recalls / effective;
        100.0 * ((1.0 + factor) * precision * recall / (factor * precision + recall))
    }
}

/// What chrF is computed from: sums over the sentences added so far, and the settings they were
/// counted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChrfStatistics {
    chrf: Chrf,
    sentences: u64,
    references: ReferenceCount,
    orders: Orders,
}

/// A line as chrF sees it.
struct Line {
    characters: Vec<char>,
    words: Vec<u32>,
}

impl ChrfStatistics {
    /// Of no sentences.
    pub fn new(chrf: Chrf) -> Self {
        Self { chrf, sentences: 0, references: ReferenceCount::Unknown, orders: Orders::default() }
    }

    /// Counts a sentence's translation against that of one or more references with which its own
    /// chrF is the highest. Lines come without their line breaks.
    ///
    /// # Errors
    /// [`Error::NoReference`].
    pub fn add(&mut self, hypothesis: &str, references: &[impl AsRef<str>]) -> Result<()> {
        self.references.add(references.len(), self.sentences.saturating_add(1))?;
        let lines = std::iter::once(hypothesis).chain(references.iter().map(AsRef::as_ref));
        let lowercase = self.chrf.lowercase;
        let lines: Vec<String> = lines
            .map(|line| if lowercase { line.to_lowercase() } else { line.to_owned() })
            .collect();
        let mut numbers = Words::default();
        let lines: Vec<Line> = lines.iter().map(|line| self.line(line, &mut numbers)).collect();

        let mut best: Option<(f64, Orders)> = None;
        for orders in self.compare(&lines[0], &lines[1..]) {
            let score = self.chrf.f_score(&orders);
            // Of equally good ones, the first.
            if best.is_none_or(|(highest, _)| score > highest) {
                best = Some((score, orders));
            }
        }
        if let Some((_, orders)) = best {
            self.accumulate(&orders);
        }
        self.sentences = self.sentences.saturating_add(1);
        Ok(())
    }

    fn line<'a>(&self, line: &'a str, numbers: &mut Words<'a>) -> Line {
        let keep = |&character: &char| self.chrf.whitespace || !is_blank(character);
        Line {
            characters: line.chars().filter(keep).collect(),
            words: if self.chrf.plus_plus {
                numbers.ids(words(line).flat_map(without_punctuation))
            } else {
                vec![]
            },
        }
    }

    /// The n-grams of a hypothesis and each reference.
    fn compare(&self, hypothesis: &Line, references: &[Line]) -> Vec<Orders> {
        let mut found = vec![Orders::default(); references.len()];
        for n in 1..=CHARACTERS {
            let references = references.iter().map(|line| line.characters.as_slice());
            let orders = found.iter_mut().map(|orders| &mut orders[n - 1]);
            compare(&hypothesis.characters, references.zip(orders), n);
        }
        for n in 1..=self.chrf.word_order() {
            let references = references.iter().map(|line| line.words.as_slice());
            let orders = found.iter_mut().map(|orders| &mut orders[CHARACTERS + n - 1]);
            compare(&hypothesis.words, references.zip(orders), n);
        }
        found
    }

    fn accumulate(&mut self, orders: &Orders) {
        for (sum, order) in self.orders.iter_mut().zip(orders) {
            let mut counts = [sum.hypothesis, sum.reference, sum.matches];
            accumulate(&mut counts, &[order.hypothesis, order.reference, order.matches]);
            [sum.hypothesis, sum.reference, sum.matches] = counts;
        }
    }

    /// Adds the sentences of another part of the corpus. Their order does not matter.
    ///
    /// # Errors
    /// [`Error::Signatures`] where they were counted with other settings.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.chrf != other.chrf {
            let found = other.signature();
            let expected = self.signature();
            return Err(Error::Signatures { found, expected });
        }
        self.sentences = self.sentences.saturating_add(other.sentences);
        self.references = self.references.merge(other.references);
        self.accumulate(&other.orders);
        Ok(())
    }

    /// How many sentences were added.
    pub fn sentences(&self) -> u64 {
        self.sentences
    }

    /// The settings, in sacreBLEU's words.
    pub fn signature(&self) -> String {
        let Chrf { lowercase, whitespace, eps_smoothing, .. } = self.chrf;
        format!(
            "nrefs:{}|case:{}|eff:{}|nc:{CHARACTERS}|nw:{}|space:{}|version:{SACREBLEU}",
            self.references,
            case(lowercase),
            flag(!eps_smoothing),
            self.chrf.word_order(),
            flag(whitespace),
        )
    }

    /// chrF of what was added; 0 of nothing.
    pub fn score(&self) -> ChrfScore {
        ChrfScore {
            score: self.chrf.f_score(&self.orders),
            name: if self.chrf.plus_plus { "chrF2++" } else { "chrF2" },
            signature: self.signature(),
        }
    }
}

/// A word without the ASCII punctuation mark that ends it, or else that begins it, and the mark;
/// Popović's rule, one mark a word.
fn without_punctuation(word: &str) -> impl Iterator<Item = &str> {
    let ascii = |character: Option<char>| character.is_some_and(|c| c.is_ascii_punctuation());
    let at = if ascii(word.chars().next_back()) {
        word.len() - 1
    } else if ascii(word.chars().next()) {
        1
    } else {
        0
    };
    let (first, second) = word.split_at(at);
    [first, second].into_iter().filter(|part| !part.is_empty())
}

/// Counts the n-grams of `hypothesis` and of each reference. A hypothesis's are not held against it
/// where the reference has none.
fn compare<'a, T: Eq + std::hash::Hash + 'a>(
    hypothesis: &[T],
    references: impl Iterator<Item = (&'a [T], &'a mut Order)>,
    n: usize,
) {
    let found = counts(hypothesis, n);
    for (reference, order) in references {
        let there = counts(reference, n);
        order.reference = total(reference.len(), n);
        order.hypothesis = if there.is_empty() { 0 } else { total(hypothesis.len(), n) };
        let both = found.iter().filter_map(|(ngram, count)| Some(*there.get(ngram)?.min(count)));
        order.matches = both.sum();
    }
}

/// chrF. Its `Display` is sacreBLEU's line, with one decimal, or as many as are asked for
/// (`{:.2}`).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChrfScore {
    /// chrF, from 0 to 100.
    pub score: f64,
    /// `chrF2` or `chrF2++`.
    pub name: &'static str,
    /// The settings, in sacreBLEU's words.
    pub signature: String,
}

impl fmt::Display for ChrfScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(1);
        write!(f, "{}|{} = {:.decimals$}", self.name, self.signature, self.score)
    }
}
