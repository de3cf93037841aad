//! Decoding of a transducer: the likeliest letter each time, or a beam (Graves 2012).

use super::texts::Key;
use super::{Decoded, FAR, LEAST, Stamps, Texts, log_add};
use crate::greedy::Letter;
use crate::transducer::{Predicted, Transducer};
use crate::{Alphabet, Result};
use candle_core::Tensor;
use std::collections::{BTreeMap, HashMap};

/// Letters that are written at one step at most: more are a network that has lost its way.
const MOST_AT_A_STEP: usize = 8;

/// The letters of an utterance, `[T', H]` of the encoder as rows, by the likeliest class at each
/// step until it is the blank.
pub(crate) fn greedy(
    transducer: &Transducer,
    encoded: &Tensor,
    alphabet: &Alphabet,
) -> Result<Decoded> {
    let mut text = Greedy::new(transducer)?;
    let all = text.push(transducer, encoded, alphabet)?;
    Ok(Decoded { letters: text.letters, shares: Some(all) })
}

/// A text in the making, by the likeliest class each time.
#[derive(Debug)]
pub(crate) struct Greedy {
    step: usize,
    behind: Predicted,
    /// Letters that have not been taken away.
    pub letters: Vec<Letter>,
}

impl Greedy {
    /// Of which nothing was heard.
    pub fn new(transducer: &Transducer) -> Result<Self> {
        let behind = transducer.predict(&[0], &[])?.swap_remove(0);
        Ok(Self { step: 0, behind, letters: Vec::new() })
    }

    /// Takes in the next steps of the encoder, `[T', H]`; of each the classes' probabilities behind
    /// what was written before it.
    pub fn push(
        &mut self,
        transducer: &Transducer,
        encoded: &Tensor,
        alphabet: &Alphabet,
    ) -> Result<Vec<Vec<f32>>> {
        let heard = transducer.heard(encoded)?;
        let mut all = Vec::new();
        for row in 0..heard.dim(0)? {
            let heard = heard.narrow(0, row, 1)?;
            let step = self.step;
            for written in 0..=MOST_AT_A_STEP {
                let shares = transducer.shares(&heard, &[&self.behind])?.swap_remove(0);
                let better = |best: usize, class: usize| {
                    if shares[class] > shares[best] { class } else { best }
                };
                // The first of equals.
                let class = (1..shares.len()).fold(0, better);
                let probability = shares.get(class).map_or(0.0, |log| log.exp());
                if written == 0 {
                    all.push(shares.iter().map(|log| log.exp()).collect());
                }
                let Some(unit) = alphabet.unit(class as u32).filter(|_| written < MOST_AT_A_STEP)
                else {
                    break;
                };
                self.letters.push(Letter { unit, steps: [step, step + 1], probability });
                let mut behind = transducer.predict(&[class as u32], &[&self.behind])?;
                self.behind = behind.swap_remove(0);
            }
            self.step += 1;
        }
        Ok(all)
    }
}

/// A text of the beam, or one that may come into it.
#[derive(Debug, Clone)]
struct Hypothesis {
    key: Key,
    /// Of all alignments together, and of the best one, in nats.
    sum: f64,
    best: f64,
    /// Where that one has put the letters, but for one that came at this step.
    stamp: usize,
    fresh: Option<f32>,
    language: f64,
}

impl Hypothesis {
    fn total(&self) -> f64 {
        self.sum + self.language
    }

    /// With one class more, or with the blank.
    fn with(&self, log: f32) -> Self {
        let log = f64::from(log);
        Self { sum: self.sum + log, best: self.best + log, ..self.clone() }
    }

    fn merge(&mut self, other: Self) {
        let sum = log_add(self.sum, other.sum);
        if other.best > self.best {
            *self = other;
        }
        self.sum = sum;
    }
}

/// Texts of one length, of which each is there once.
#[derive(Debug, Default)]
struct Texted(HashMap<Key, Hypothesis>);

impl Texted {
    fn add(&mut self, hypothesis: Hypothesis) {
        match self.0.entry(hypothesis.key) {
            std::collections::hash_map::Entry::Occupied(mut known) => {
                known.get_mut().merge(hypothesis);
            }
            std::collections::hash_map::Entry::Vacant(place) => _ = place.insert(hypothesis),
        }
    }

    /// The best of them, the best first.
    fn best(self, count: usize) -> Vec<Hypothesis> {
        let mut all: Vec<Hypothesis> = self.0.into_values().collect();
        all.sort_by(|a, b| b.total().total_cmp(&a.total()).then(a.key.cmp(&b.key)));
        all.truncate(count);
        all
    }
}

/// The letters of the best text of an utterance, of which a beam follows `width` at a time (Graves
/// 2012, "Sequence Transduction with Recurrent Neural Networks", algorithm 1), by what was heard
/// and by the texts' language.
///
/// At each step texts are extended in the order of their lengths, so that all alignments of one
/// that end there are together before it is extended itself; that is what the paper's sum over
/// prefixes is for. Texts that `width` others, which have their blank already, surpass are extended
/// no more. Of all texts it is the likeliest one, not the one of the best mean over its letters.
pub(crate) fn beam(
    transducer: &Transducer,
    encoded: &Tensor,
    texts: &mut Texts,
    width: usize,
) -> Result<Decoded> {
    let heard = transducer.heard(encoded)?;
    let mut stamps = Stamps::new();
    let mut shares = Vec::new();
    // What is expected behind each text of the beam, and how long it is.
    let mut behind = HashMap::from([(0, transducer.predict(&[0], &[])?.swap_remove(0))]);
    let mut lengths = HashMap::from([(0, 0)]);
    let root = Hypothesis {
        key: (0, 0),
        sum: 0.0,
        best: 0.0,
        stamp: Stamps::START,
        fresh: None,
        language: 0.0,
    };
    let mut beam = vec![root];
    for step in 0..heard.dim(0)? {
        let heard = heard.narrow(0, step, 1)?;
        let first = beam.first().and_then(|best| texts.number(best.key));
        let mut waiting: BTreeMap<usize, Texted> = BTreeMap::new();
        for hypothesis in beam {
            let length = texts.number(hypothesis.key).and_then(|at| lengths.get(&at)).copied();
            waiting.entry(length.unwrap_or(0)).or_default().add(hypothesis);
        }
        let most = waiting.keys().next_back().map_or(0, |longest| longest + MOST_AT_A_STEP);
        let mut ended = Texted::default();
        let mut least: Vec<f64> = Vec::new();
        while let Some((length, here)) = waiting.pop_first() {
            let mut here = here.best(width);
            if least.len() == width {
                here.retain(|hypothesis| hypothesis.total() > least[width - 1]);
            }
            let mut numbers = Vec::new();
            here.retain(|hypothesis| {
                let number = texts.add(hypothesis.key);
                numbers.extend(number);
                number.is_some()
            });
            predict_all(transducer, &here, &numbers, &mut behind)?;
            let there: Vec<&Predicted> = numbers.iter().filter_map(|at| behind.get(at)).collect();
            if there.is_empty() {
                continue;
            }
            let rows = transducer.shares(&heard, &there)?;
            for ((hypothesis, &number), row) in here.iter_mut().zip(&numbers).zip(rows) {
                if Some(number) == first {
                    shares.push(row.iter().map(|log| log.exp()).collect());
                }
                lengths.insert(number, length);
                if let Some(probability) = hypothesis.fresh.take() {
                    hypothesis.stamp = stamps.add(hypothesis.stamp, step, probability);
                }
                let blank = hypothesis.with(row[0]);
                let place = least.partition_point(|total| *total >= blank.total());
                least.insert(place, blank.total());
                least.truncate(width);
                ended.add(blank);
                if length == most {
                    continue;
                }
                for (class, &log) in (0..).zip(&row).skip(1).filter(|(_, log)| **log >= LEAST.ln())
                {
                    let key = (number, class);
                    if let Some(language) = texts.language(key) {
                        let fresh = Some(log.exp());
                        let longer = Hypothesis { key, fresh, language, ..hypothesis.with(log) };
                        waiting.entry(length + 1).or_default().add(longer);
                    }
                }
            }
        }
        beam = ended.best(width);
        let best = beam.first().map_or(0.0, Hypothesis::total);
        beam.retain(|hypothesis| hypothesis.total() >= best - FAR);
        let kept: Vec<usize> = beam.iter().filter_map(|one| texts.number(one.key)).collect();
        behind.retain(|at, _| kept.contains(at));
        lengths.retain(|at, _| kept.contains(at));
    }
    let number = |one: &Hypothesis| texts.number(one.key).unwrap_or(0);
    // A text whose last word is none comes behind all others.
    let score = |one: &Hypothesis| {
        (texts.ended(number(one)).map(|language| one.sum + language), one.total())
    };
    let best = beam.iter().reduce(|best, next| if score(next) > score(best) { next } else { best });
    let letters =
        best.map_or_else(Vec::new, |best| texts.letters(number(best), &stamps, best.stamp));
    Ok(Decoded { letters, shares: Some(shares) })
}

/// Sees to it that what is expected behind each text is known, those before them being so.
fn predict_all(
    transducer: &Transducer,
    texts: &[Hypothesis],
    numbers: &[usize],
    behind: &mut HashMap<usize, Predicted>,
) -> Result<()> {
    let (mut new, mut classes, mut before) = (Vec::new(), Vec::new(), Vec::new());
    for (hypothesis, &number) in texts.iter().zip(numbers) {
        let (parent, class) = hypothesis.key;
        if !behind.contains_key(&number)
            && let Some(parent) = behind.get(&parent)
        {
            new.push(number);
            classes.push(class);
            before.push(parent);
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    let predicted = transducer.predict(&classes, &before)?;
    behind.extend(new.into_iter().zip(predicted));
    Ok(())
}

#[cfg(test)]
mod tests;
