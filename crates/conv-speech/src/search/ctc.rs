//! Prefix-beam search of CTC: the text that is likeliest by sound and by language together.

use super::texts::Key;
use super::{FAR, LEAST, Stamps, Texts, log_add};
use crate::greedy::Letter;
use std::collections::HashMap;

/// All alignments of a text up to a step that end alike, in nats.
#[derive(Debug, Clone, Copy)]
struct Paths {
    /// Of all of them together.
    sum: f64,
    /// Of the best one.
    best: f64,
    /// Where that one has put the classes: the last of them that is stored, and one that came at
    /// this step.
    stamp: usize,
    fresh: Option<f32>,
}

/// A text of the beam, or one that may come into it. Its alignments end with a blank or with its
/// last class.
#[derive(Debug, Clone)]
struct Hypothesis {
    key: Key,
    blank: Paths,
    class: Paths,
    language: f64,
}

const NONE: Paths =
    Paths { sum: f64::NEG_INFINITY, best: f64::NEG_INFINITY, stamp: Stamps::START, fresh: None };

impl Paths {
    fn with(self, log: f64) -> Self {
        Self { sum: self.sum + log, best: self.best + log, ..self }
    }

    fn merged(self, other: Self) -> Self {
        let better = if other.best > self.best { other } else { self };
        Self { sum: log_add(self.sum, other.sum), ..better }
    }

    /// Stores what came at this step.
    fn store(&mut self, step: usize, stamps: &mut Stamps) {
        if let Some(probability) = self.fresh.take() {
            self.stamp = stamps.add(self.stamp, step, probability);
        }
    }
}

impl Hypothesis {
    fn total(&self) -> f64 {
        log_add(self.blank.sum, self.class.sum) + self.language
    }
}

/// The letters of the best text of `posteriors`, a row a step, at the steps where the best
/// alignment has them: what was heard and the texts' language together (Hannun et al. 2014,
/// "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs",
/// algorithm 1), words being those of the lexicon where there is one. Of equal texts it is the one
/// that came up first.
pub(crate) fn ctc(texts: &mut Texts, width: usize, posteriors: &[Vec<f32>]) -> Vec<Letter> {
    let mut stamps = Stamps::new();
    let blank = Paths { sum: 0.0, best: 0.0, ..NONE };
    let mut beam = vec![Hypothesis { key: (0, 0), blank, class: NONE, language: 0.0 }];
    for (step, row) in posteriors.iter().enumerate() {
        let mut next = extended(&beam, row, texts);
        next.sort_by(|a, b| b.total().total_cmp(&a.total()).then(a.key.cmp(&b.key)));
        next.truncate(width);
        let least = next.first().map_or(0.0, Hypothesis::total) - FAR;
        next.retain(|hypothesis| hypothesis.total() >= least);
        for Hypothesis { key, blank, class, .. } in &mut next {
            blank.store(step, &mut stamps);
            class.store(step, &mut stamps);
            texts.add(*key);
        }
        beam = next;
    }
    let number = |hypothesis: &Hypothesis| texts.number(hypothesis.key).unwrap_or(0);
    let ended = |hypothesis: &Hypothesis| {
        let language = texts.ended(number(hypothesis))?;
        Some(log_add(hypothesis.blank.sum, hypothesis.class.sum) + language)
    };
    // A text whose last word is none comes behind all others.
    let score = |hypothesis: &Hypothesis| (ended(hypothesis), hypothesis.total());
    let best = beam.iter().reduce(|best, next| if score(next) > score(best) { next } else { best });
    best.map_or_else(Vec::new, |best| {
        let stamp = best.blank.merged(best.class).stamp;
        texts.letters(number(best), &stamps, stamp)
    })
}

/// The texts of the beam a step later, and those with one class more.
fn extended(beam: &[Hypothesis], row: &[f32], texts: &Texts) -> Vec<Hypothesis> {
    let log = |class: u32| f64::from(row[class as usize].max(f32::MIN_POSITIVE)).ln();
    let likely = |class: &u32| row[*class as usize] >= LEAST;
    let likely: Vec<u32> = (1..row.len() as u32).filter(likely).collect();
    let mut next: Vec<Hypothesis> = Vec::new();
    let mut places: HashMap<Key, usize> = HashMap::new();
    let mut add = |key: Key, [blank, class]: [Paths; 2], language: f64| {
        let place = *places.entry(key).or_insert_with(|| {
            next.push(Hypothesis { key, blank: NONE, class: NONE, language });
            next.len() - 1
        });
        let hypothesis = &mut next[place];
        hypothesis.blank = hypothesis.blank.merged(blank);
        hypothesis.class = hypothesis.class.merged(class);
    };
    for hypothesis in beam {
        let &Hypothesis { key, blank, class: last, language } = hypothesis;
        let Some(at) = texts.number(key) else { continue };
        let either = blank.merged(last);
        // The same class again is the same one, unless a blank parts them.
        let again = if key.1 == 0 { NONE } else { last.with(log(key.1)) };
        add(key, [either.with(log(0)), again], language);
        for &class in &likely {
            let from = if class == key.1 { blank } else { either };
            if let Some(language) = texts.language((at, class))
                && from.sum > f64::NEG_INFINITY
            {
                let fresh = Some(row[class as usize]);
                add((at, class), [NONE, Paths { fresh, ..from.with(log(class)) }], language);
            }
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::tests::{posteriors, text};
    use crate::{Alphabet, Decoding, Language, NgramModel, Result, greedy};

    /// The best text by its definition: every path, summed by what it says.
    fn best(language: &Language, alphabet: &Alphabet, posteriors: &[Vec<f32>]) -> String {
        let classes = alphabet.classes();
        let mut sums: HashMap<Vec<u32>, f64> = HashMap::new();
        for path in 0..classes.pow(posteriors.len() as u32) {
            let mut rest = path;
            let mut said = Vec::new();
            let mut last = 0;
            let mut share = 1.0;
            for row in posteriors {
                let class = (rest % classes) as u32;
                rest /= classes;
                share *= f64::from(row[class as usize]);
                if class != 0 && class != last {
                    said.push(class);
                }
                last = class;
            }
            *sums.entry(said).or_default() += share;
        }
        let mut texts = Texts::new(alphabet, Some(language), None);
        let scored = sums.into_iter().filter_map(|(said, share)| {
            let number = said.iter().try_fold(0, |number, &class| texts.add((number, class)))?;
            Some((share.ln() + texts.ended(number)?, alphabet.decode(&said)))
        });
        scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, text)| text).unwrap_or_default()
    }

    fn written(language: &Language, alphabet: &Alphabet, posteriors: &[Vec<f32>]) -> Vec<Letter> {
        let mut texts = Texts::new(alphabet, Some(language), None);
        ctc(&mut texts, language.decoding.beam, posteriors)
    }

    #[test]
    fn a_wide_beam_finds_what_enumeration_does() -> Result<()> {
        let model = NgramModel::train(["A B", "AB A", "BA"], [], 2);
        for alphabet in [Alphabet::of(["A B"]), Alphabet::with_spelled(["A B AB BA AB"])] {
            for lexicon in [false, true] {
                let decoding = Decoding { beam: 4096, weight: 0.7, bonus: 0.5, lexicon };
                let language = Language::new(model.clone(), decoding, &alphabet)?;
                for seed in 0..20 {
                    let posteriors = posteriors(5, alphabet.classes(), seed);
                    let letters = written(&language, &alphabet, &posteriors);
                    let expected = best(&language, &alphabet, &posteriors);
                    assert_eq!(text(&letters, &alphabet), expected, "{seed}");
                    let steps: Vec<usize> = letters.iter().map(|letter| letter.steps[0]).collect();
                    assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn without_language_and_doubt_it_is_greedy_decoding() -> Result<()> {
        let model = NgramModel::train(["A B"], [], 1);
        let alphabet = Alphabet::of(["AB "]);
        let decoding = Decoding { beam: 8, weight: 0.0, bonus: 0.0, lexicon: false };
        let language = Language::new(model, decoding, &alphabet)?;
        // A A _ A space B B
        let row = |class: usize| (0..4).map(|at| if at == class { 0.97 } else { 0.01 }).collect();
        let posteriors: Vec<Vec<f32>> = [2, 2, 0, 2, 1, 3, 3].into_iter().map(row).collect();
        let letters = written(&language, &alphabet, &posteriors);
        assert_eq!(text(&letters, &alphabet), "AA B");
        let first = |letters: &[Letter]| letters.iter().map(|one| one.steps[0]).collect::<Vec<_>>();
        assert_eq!(first(&letters), first(&greedy::letters(&posteriors, &alphabet)));
        Ok(())
    }

    #[test]
    fn a_word_that_is_none_is_not_written_and_the_last_one_is_not_lost() -> Result<()> {
        let model = NgramModel::train(["GO ON"], [], 1);
        let alphabet = Alphabet::of(["GON "]);
        let decoding = Decoding { beam: 16, weight: 1.0, bonus: 2.0, lexicon: true };
        let language = Language::new(model, decoding, &alphabet)?;
        // Blank, space, G, N, O: what is heard is "GO NN".
        let row = |class: usize| (0..5).map(|at| if at == class { 0.6 } else { 0.1 }).collect();
        let posteriors: Vec<Vec<f32>> = [2, 4, 1, 3, 0, 3].into_iter().map(row).collect();
        assert_eq!(text(&written(&language, &alphabet, &posteriors), &alphabet), "GO ON");
        assert_eq!(best(&language, &alphabet, &posteriors), "GO ON");
        assert!(written(&language, &alphabet, &[]).is_empty());
        Ok(())
    }
}
