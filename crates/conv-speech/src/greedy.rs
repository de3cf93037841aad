//! Greedy decoding of CTC: the best class of each step, immediate repeats merged, blanks left out.

use crate::{Alphabet, Config, Unit};
use serde::Serialize;

/// A word with its place in time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Word {
    /// The word.
    pub text: String,
    /// Where its first letter appears, in seconds.
    pub start: f64,
    /// Where its last letter ends, in seconds. Both are to within a step of the network; CTC puts a
    /// letter where it is sure of it, which may be later than where it is heard.
    pub end: f64,
    /// The mean probability of its letters at the steps where they appear, 0 to 1.
    pub confidence: f64,
}

/// A letter of the best path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Letter {
    pub unit: Unit,
    /// The first step that shows it, and the one behind its last.
    pub steps: [usize; 2],
    /// Its largest probability there.
    pub probability: f32,
}

/// The best path, step by step.
#[derive(Debug, Default)]
pub(crate) struct BestPath {
    step: usize,
    last: usize,
    /// Letters that have not been taken away.
    pub letters: Vec<Letter>,
}

impl BestPath {
    /// Takes in the next step's probabilities.
    pub fn push(&mut self, row: &[f32], alphabet: &Alphabet) {
        let better = |best: usize, class: usize| if row[class] > row[best] { class } else { best };
        // The first of equals.
        let class = (1..row.len()).fold(0, better);
        let probability = row.get(class).copied().unwrap_or(0.0);
        let step = self.step;
        match (alphabet.unit(class as u32), self.letters.last_mut()) {
            (None, _) => {}
            (Some(_), Some(letter)) if class == self.last => {
                letter.steps[1] = step + 1;
                letter.probability = letter.probability.max(probability);
            }
            (Some(unit), _) => {
                self.letters.push(Letter { unit, steps: [step, step + 1], probability });
            }
        }
        (self.step, self.last) = (step + 1, class);
    }
}

/// The letters of the best path; `posteriors` has a row a step.
pub(crate) fn letters(posteriors: &[Vec<f32>], alphabet: &Alphabet) -> Vec<Letter> {
    let mut path = BestPath::default();
    posteriors.iter().for_each(|row| path.push(row, alphabet));
    path.letters
}

/// The words of some letters.
pub(crate) fn words(letters: &[Letter], config: &Config) -> Vec<Word> {
    let is_apart = |letter: &Letter| matches!(letter.unit, Unit::Spelled(_));
    let parts = letters.split(|letter| letter.unit.letter().is_whitespace());
    // A spelled letter is a word by itself, whatever stands beside it.
    let parts = parts.flat_map(|part| part.chunk_by(|a, b| !is_apart(a) && !is_apart(b)));
    let word = |letters: &[Letter]| {
        let first = letters.first()?;
        let last = letters.last()?;
        let sum: f64 = letters.iter().map(|letter| f64::from(letter.probability)).sum();
        Some(Word {
            text: letters.iter().map(|letter| letter.unit.letter()).collect(),
            start: config.seconds(first.steps[0]),
            end: config.seconds(last.steps[1]),
            confidence: sum / letters.len() as f64,
        })
    };
    parts.filter_map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::tiny;
    use crate::frontend::{FrontEnd, LogMelConfig};

    #[test]
    fn repeats_are_one_letter_unless_a_blank_parts_them() {
        let alphabet = Alphabet::of(["A B"]);
        // Blank, ' ', A, B.
        let path = [2, 2, 0, 2, 1, 0, 3, 3, 3];
        let row = |class: usize| (0..4).map(|at| if at == class { 0.7 } else { 0.1 }).collect();
        let posteriors: Vec<Vec<f32>> = path.into_iter().map(row).collect();
        let letters = letters(&posteriors, &alphabet);
        let text: String = letters.iter().map(|letter| letter.unit.letter()).collect();
        assert_eq!(text, "AA B");
        let config = tiny(FrontEnd::LogMel(LogMelConfig::default()));
        let words = words(&letters, &config);
        // A step is 40 ms.
        let places: Vec<_> = words.iter().map(|word| (word.start, word.end)).collect();
        assert_eq!(places, [(0.0, 0.16), (0.24, 0.36)]);
        assert!(words.iter().all(|word| (word.confidence - 0.7).abs() < 1e-6));
    }

    #[test]
    fn a_spelled_letter_is_a_word() {
        let mut config = tiny(FrontEnd::LogMel(LogMelConfig::default()));
        config.letters = Alphabet::with_spelled(["GO A B"]);
        // Blank, G, O, A, B: "GO A GO B B".
        let path = [1, 2, 3, 1, 2, 4, 0, 4];
        let row = |class: usize| (0..5).map(|at| if at == class { 0.8 } else { 0.05 }).collect();
        let posteriors: Vec<Vec<f32>> = path.into_iter().map(row).collect();
        let words = words(&letters(&posteriors, &config.letters), &config);
        let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(text, ["GO", "A", "GO", "B", "B"]);
    }
}
