//! What counting says of an answer before any network is asked: how frequent it is, by itself,
//! after how the question begins, and beside each of its words. On some thousand rounds of text
//! this is most of what can be learnt, so it is an input of the network.

use crate::words::{Answered, Turn};
use crate::{Error, Result};
use std::collections::HashMap;
use std::path::Path;

/// Numbers that say something of a candidate.
pub(crate) const FEATURES: usize = 19;
/// Words of a question's beginning that are counted, at most.
const START: usize = 3;

/// How often an event was seen in rounds of dialogs. An event is a list of numbers: its kind, then
/// the words it is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    rounds: u32,
    events: HashMap<Box<[u32]>, u32>,
}

/// Kinds of events. The words of an answer come last, so that no event is two.
mod kind {
    pub const ANSWER: u32 = 0;
    /// And above: the first one to three words of the question, then the answer.
    pub const START_ANSWER: u32 = 1;
    pub const START: u32 = 4;
    pub const FIRST_WORD: u32 = 7;
    pub const START_FIRST_WORD: u32 = 8;
    pub const QUESTION_WORD: u32 = 9;
    pub const WORD_ANSWER: u32 = 10;
    pub const ANSWER_WORD: u32 = 11;
    pub const WORD_WORD: u32 = 12;
    pub const ALL: u32 = 13;
}

/// The first k words of a question; of a shorter one with 0, which is no word, behind it.
fn start(question: &[u32], k: usize) -> [u32; START] {
    std::array::from_fn(|at| if at < k { question.get(at).copied().unwrap_or(0) } else { 0 })
}

fn distinct(words: &[u32]) -> Vec<u32> {
    let mut distinct = words.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}

/// The share of `of` that is in `words`.
fn share(of: &[u32], words: &[u32]) -> f64 {
    of.iter().filter(|word| words.contains(word)).count() as f64 / of.len().max(1) as f64
}

/// A key is put together here, so that looking one up takes no memory.
#[derive(Default)]
struct Key(Vec<u32>);

impl Key {
    fn of(&mut self, kind: u32, parts: &[&[u32]]) -> &[u32] {
        self.0.clear();
        self.0.push(kind);
        parts.iter().for_each(|part| self.0.extend_from_slice(part));
        &self.0
    }
}

impl Counts {
    pub fn of<'a>(rounds: impl IntoIterator<Item = &'a Answered>) -> Self {
        let mut counts = Self::default();
        let mut key = Key::default();
        for Answered { turn, answer, .. } in rounds {
            let question = &turn.question;
            counts.rounds += 1;
            let mut add = |kind, parts: &[&[u32]]| {
                *counts.events.entry(key.of(kind, parts).into()).or_default() += 1;
            };
            add(kind::ANSWER, &[answer]);
            for k in 1..=START {
                let start = start(question, k);
                add(kind::START + k as u32 - 1, &[&start]);
                add(kind::START_ANSWER + k as u32 - 1, &[&start, answer]);
            }
            add(kind::FIRST_WORD, &[&answer[..1]]);
            add(kind::START_FIRST_WORD, &[&start(question, START), &answer[..1]]);
            let said = distinct(answer);
            for word in &said {
                add(kind::ANSWER_WORD, &[&[*word]]);
            }
            for word in distinct(question) {
                add(kind::QUESTION_WORD, &[&[word]]);
                add(kind::WORD_ANSWER, &[&[word], answer]);
                for other in &said {
                    add(kind::WORD_WORD, &[&[word, *other]]);
                }
            }
        }
        counts
    }

    fn get(&self, key: &mut Key, kind: u32, parts: &[&[u32]]) -> f64 {
        f64::from(self.events.get(key.of(kind, parts)).copied().unwrap_or(0))
    }

    /// How often the answer was given.
    pub fn frequency(&self, answer: &[u32]) -> f64 {
        self.get(&mut Key::default(), kind::ANSWER, &[answer])
    }

    /// How often it was given to a question with the same first three words; where that says
    /// nothing, how often at all.
    pub fn three_words(&self, question: &[u32], answer: &[u32]) -> f64 {
        let after = self.get(
            &mut Key::default(),
            kind::START_ANSWER + 2,
            &[&start(question, START), answer],
        );
        after + self.frequency(answer) / (f64::from(self.rounds) + 1.0)
    }

    /// The features of each of some candidates: logarithms of smoothed probabilities, each backing
    /// off to the one before, lifts beside the question's words, lengths and shares of words that
    /// were said before.
    pub fn features(&self, turn: &Turn, candidates: &[&[u32]]) -> Vec<[f32; FEATURES]> {
        let (asked, total, mut key) =
            (distinct(&turn.question), f64::from(self.rounds), Key::default());
        let starts: Vec<[u32; START]> = (1..=START).map(|k| start(&turn.question, k)).collect();
        let of_starts: Vec<f64> =
            (0..START).map(|k| self.get(&mut key, kind::START + k as u32, &[&starts[k]])).collect();
        let of_words: Vec<f64> =
            asked.iter().map(|word| self.get(&mut key, kind::QUESTION_WORD, &[&[*word]])).collect();
        let history = turn.history();
        let mut all = Vec::new();
        for answer in candidates {
            let said = distinct(answer);
            let count = self.get(&mut key, kind::ANSWER, &[answer]);
            let base = (count + 0.1) / (total + 10.0);
            let mut features = vec![base.ln()];
            let mut p = base;
            for (k, (start, seen)) in starts.iter().zip(&of_starts).enumerate() {
                let together = self.get(&mut key, kind::START_ANSWER + k as u32, &[start, answer]);
                p = (together + 3.0 * p) / (seen + 3.0);
                features.push(p.ln());
            }
            let first =
                (self.get(&mut key, kind::FIRST_WORD, &[&answer[..1]]) + 0.1) / (total + 100.0);
            let together =
                self.get(&mut key, kind::START_FIRST_WORD, &[&starts[START - 1], &answer[..1]]);
            features.push(((together + 3.0 * first) / (of_starts[START - 1] + 3.0)).ln());
            features.push(first.ln());
            let (mut most, mut sum) = (0f64, 0.0);
            for (word, seen) in asked.iter().zip(&of_words) {
                let together = self.get(&mut key, kind::WORD_ANSWER, &[&[*word], answer]);
                let lift = ((together + 5.0 * base) / (seen + 5.0) / base).ln();
                (most, sum) = (most.max(lift), sum + lift);
            }
            features.extend([most, sum]);
            let mut most = 0f64;
            let mut sum = 0.0;
            let mut frequency = 0.0;
            let mut unseen = 0.0;
            for word in &said {
                let seen = self.get(&mut key, kind::ANSWER_WORD, &[&[*word]]);
                let base = (seen + 0.1) / (total + 10.0);
                frequency += ((seen + 0.5) / (total + 1.0)).ln();
                unseen += f64::from(u8::from(seen == 0.0));
                for (other, seen) in asked.iter().zip(&of_words) {
                    let together = self.get(&mut key, kind::WORD_WORD, &[&[*other, *word]]);
                    let lift = ((together + 10.0 * base) / (seen + 10.0) / base).ln();
                    (most, sum) = (most.max(lift), sum + lift);
                }
            }
            let words = said.len().max(1) as f64;
            features.extend([sum / words, most, frequency / words, unseen / words]);
            let is = |yes: bool| f64::from(u8::from(yes));
            features.extend([answer.len() as f64 / 5.0, is(answer.len() == 1), is(count == 0.0)]);
            features
                .extend([&turn.question, &turn.caption, &history].map(|words| share(&said, words)));
            // How much is known of such questions.
            features.push(of_starts[START - 1].ln_1p());
            all.push(std::array::from_fn(|at| features[at] as f32));
        }
        all
    }

    /// As JSON: `{"rounds": n, "events": [[count, kind, word, …], …]}`, in order.
    pub fn to_json(&self) -> Vec<u8> {
        let mut events: Vec<Vec<u32>> =
            self.events.iter().map(|(key, count)| [&[*count], &key[..]].concat()).collect();
        events.sort_unstable_by(|a, b| a[1..].cmp(&b[1..]));
        let value = serde_json::json!({ "rounds": self.rounds, "events": events });
        value.to_string().into_bytes()
    }

    /// Of a file that [`Counts::to_json`] made, of words below `vocabulary`.
    pub fn read(path: &Path, vocabulary: usize) -> Result<Self> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            rounds: u32,
            events: Vec<Vec<u32>>,
        }
        let File { rounds, events } = crate::data::json(path)?;
        let mut counts = Self { rounds, events: HashMap::new() };
        for (number, event) in events.into_iter().enumerate() {
            let is_valid = match &event[..] {
                [count, kind, words @ ..] => {
                    *count > 0
                        && *kind < kind::ALL
                        && words.iter().all(|&word| (word as usize) < vocabulary)
                        && counts.events.insert(event[1..].into(), *count).is_none()
                }
                _ => false,
            };
            if !is_valid {
                let reason = format!(
                    "field `events[{number}]` is {event:?}, expected a count, a kind below {} and words below {vocabulary}, each once",
                    kind::ALL
                );
                return Err(Error::Json { path: path.into(), reason });
            }
        }
        Ok(counts)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn round(question: &[u32], answer: &[u32]) -> Answered {
        let turn = Turn { caption: vec![9], rounds: vec![], question: question.into() };
        Answered { dialog: 0, turn, answer: answer.into() }
    }

    #[test]
    fn three_words_count_first_and_frequency_breaks_ties() {
        let rounds = [
            round(&[2, 3, 4, 5], &[6]),
            round(&[2, 3, 4], &[6]),
            round(&[2], &[7]),
            round(&[3], &[7, 6]),
        ];
        let counts = Counts::of(&rounds);
        assert_eq!(
            [counts.frequency(&[6]), counts.frequency(&[7, 6]), counts.frequency(&[8])],
            [2.0, 1.0, 0.0]
        );
        let score = |answer: &[u32]| counts.three_words(&[2, 3, 4, 8], answer);
        assert!(score(&[6]) > 2.0 && score(&[7]) < 1.0 && score(&[7]) > score(&[8]));
        assert_eq!(counts.three_words(&[2], &[7]) as u32, 1);
        let features = counts.features(&rounds[0].turn, &[&[6], &[7], &[8]]);
        assert!(features[0][3] > features[1][3] && features[1][3] > features[2][3]);
        assert!(features.as_flattened().iter().all(|value| value.is_finite()));
    }

    #[test]
    fn a_file_gives_the_same_counts_and_damaged_ones_are_named() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("counts.json");
        let counts = Counts::of(&[round(&[2, 3], &[4]), round(&[5], &[4, 4])]);
        std::fs::write(&path, counts.to_json()).unwrap();
        assert_eq!(Counts::read(&path, 6).unwrap(), counts);
        let text = Counts::read(&path, 5).unwrap_err().to_string();
        assert!(text.contains("words below 5"), "{text}");
        std::fs::write(&path, "{\"rounds\": 1, \"events\": [[3, 0, 1], [3, 0, 1]]}").unwrap();
        assert!(Counts::read(&path, 5).unwrap_err().to_string().contains("events[1]"));
    }
}
