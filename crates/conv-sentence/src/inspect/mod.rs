//! What is in the data, before anything is trained on it: sizes, classes, lengths, repetitions,
//! words; and what is in a model.

mod model;
mod table;

pub use model::ModelInspection;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::Result;
use conv_text::data::{Corpus, FileText};
use conv_text::embedding::Coverage;
use conv_text::tokenizer::{Style, Tokenizer};

/// A part of the data to look at: a file, or the train, dev or test part.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its name in the table.
    pub name: &'a str,
    /// Its examples.
    pub corpus: &'a Corpus,
    /// What its file's bytes look like, where it is a file ([`examine`](conv_text::data::examine)).
    pub file: Option<FileText>,
}

/// What was found; its `Display` is a table for people, its serialised form one for programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// The parts, as given.
    pub parts: Vec<Part>,
    /// Texts in two parts: what a model learns from, it should not be measured on.
    pub shared: Vec<Shared>,
    /// Different texts that stand under more than one class.
    pub conflicting: u64,
    /// Three of them, the first in alphabetical order.
    pub conflicts: Vec<String>,
    /// Different words of all parts.
    pub vocabulary: u64,
    /// How much of the words the given vectors cover.
    pub coverage: Option<Coverage>,
    /// The share of letters and digits outside ASCII, 0 to 1, which only the style `unicode` keeps.
    pub beyond_ascii: f64,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// What its file's bytes look like.
    pub file: Option<FileText>,
    /// Its examples.
    pub examples: u64,
    /// Examples without a word.
    pub empty: u64,
    /// Examples whose text came before in the same part.
    pub repeated: u64,
    /// Each class and its examples, in the classes' order.
    pub classes: Vec<(String, u64)>,
    /// Words an example.
    pub lengths: Lengths,
}

/// How long the texts are, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Lengths {
    /// The shortest.
    pub min: u64,
    /// Half are no longer.
    pub median: u64,
    /// 95 of 100 are no longer.
    pub p95: u64,
    /// The longest.
    pub max: u64,
    /// Ten ranges of equal width from 0 up: the longest length in each, and how many texts fall
    /// there.
    pub histogram: Vec<(u64, u64)>,
}

/// Texts that two parts have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shared {
    /// One part.
    pub first: String,
    /// The other.
    pub second: String,
    /// Different texts in both.
    pub texts: u64,
}

/// Looks at some parts together; texts are compared without the blanks around them, words are those
/// of `style`.
///
/// `known` says whether a word has a vector.
///
/// # Errors
/// [`Error::Tokenizer`](conv_text::Error::Tokenizer).
pub fn inspect(
    sources: &[Source],
    style: Style,
    known: Option<&dyn Fn(&str) -> bool>,
) -> Result<Inspection> {
    let texts: Vec<&str> = sources.iter().flat_map(|source| source.corpus.texts()).collect();
    let tokenizer = Tokenizer::fit(style, &texts)?;
    let ids = tokenizer.ids_of_all(&texts)?;
    let counts = tokenizer.counts(&ids);

    // Of each text: its examples in each part, and the classes it stands under.
    let mut table: BTreeMap<&str, (Vec<u64>, Vec<&str>)> = BTreeMap::new();
    for (part, source) in sources.iter().enumerate() {
        for example in source.corpus.examples() {
            let (times, classes) = table.entry(example.text.trim()).or_default();
            times.resize(sources.len(), 0);
            times[part] += 1;
            let class = source.corpus.labels()[example.label as usize].as_str();
            if !classes.contains(&class) {
                classes.push(class);
            }
        }
    }
    let mut rest = ids.as_slice();
    let parts = sources.iter().enumerate().map(|(part, source)| {
        let (own, others) = rest.split_at(source.corpus.examples().len());
        rest = others;
        let lengths: Vec<u64> = own.iter().map(|ids| ids.len() as u64).collect();
        Part {
            name: source.name.into(),
            file: source.file,
            examples: own.len() as u64,
            empty: lengths.iter().filter(|&&length| length == 0).count() as u64,
            repeated: table.values().map(|(times, _)| times[part].saturating_sub(1)).sum(),
            classes: source.corpus.labels().iter().cloned().zip(source.corpus.counts()).collect(),
            lengths: Lengths::of(lengths),
        }
    });
    let parts = parts.collect();
    let mut shared = Vec::new();
    for (second, source) in sources.iter().enumerate() {
        for (first, earlier) in sources[..second].iter().enumerate() {
            let texts =
                table.values().filter(|(times, _)| times[first] > 0 && times[second] > 0).count()
                    as u64;
            shared.push(Shared { first: earlier.name.into(), second: source.name.into(), texts });
        }
    }
    let conflicts = || table.iter().filter(|(_, (_, classes))| classes.len() > 1);
    let letters = || texts.iter().flat_map(|text| text.chars()).filter(|c| c.is_alphanumeric());
    Ok(Inspection {
        parts,
        shared,
        conflicting: conflicts().count() as u64,
        conflicts: conflicts().take(3).map(|(text, _)| text.chars().take(60).collect()).collect(),
        vocabulary: tokenizer.vocabulary().len() as u64 - 2,
        coverage: known.map(|known| Coverage::of(tokenizer.vocabulary(), &counts, known)),
        beyond_ascii: letters().filter(|c| !c.is_ascii()).count() as f64
            / letters().count().max(1) as f64,
    })
}

impl Lengths {
    fn of(mut lengths: Vec<u64>) -> Self {
        lengths.sort_unstable();
        let Some(&max) = lengths.last() else {
            return Self::default();
        };
        let rank =
            |share: f64| lengths[((share * lengths.len() as f64).ceil() as usize).max(1) - 1];
        let width = max / 10 + 1;
        let mut histogram: Vec<(u64, u64)> =
            (0..=max / width).map(|bin| (width * (bin + 1) - 1, 0)).collect();
        for length in &lengths {
            histogram[(length / width) as usize].1 += 1;
        }
        Self { min: lengths[0], median: rank(0.5), p95: rank(0.95), max, histogram }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
