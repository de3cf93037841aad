//! Forced alignment: where in a recording each letter of a known text is.

use crate::data::Audio;
use crate::greedy::{Letter, words};
use crate::search::of_ctc;
use crate::{Alphabet, Error, Recognizer, Result, Word};
use conv_nn::ctc_frames;

/// The steps at which the classes `target` are said: of each the first one, and the one behind its
/// last. It is the best of all alignments of CTC (Graves et al. 2006); none where the text does not
/// fit. Of equal ways to a state it is the one that was there before, then the one from the state
/// below, then the one that leaves out a blank; of equal ends it is the one at the last class.
///
/// ```
/// // Blank and two classes; the second is said at steps 1 and 2.
/// let posteriors = [[0.8, 0.1, 0.1], [0.2, 0.1, 0.7], [0.2, 0.1, 0.7]].map(Vec::from);
/// assert_eq!(conv_speech::align(&posteriors, &[2]), Some(vec![[1, 3]]));
/// assert_eq!(conv_speech::align(&posteriors, &[1, 1, 1]), None);
/// ```
pub fn align(posteriors: &[Vec<f32>], target: &[u32]) -> Option<Vec<[usize; 2]>> {
    // A blank around each class: state 2u + 1 is class u.
    let states = 2 * target.len() + 1;
    let class = |state: usize| if state % 2 == 1 { target[state / 2] as usize } else { 0 };
    let may_skip = |state: usize| state % 2 == 1 && state > 1 && class(state) != class(state - 2);
    let log = |step: usize, state: usize| {
        let share = posteriors[step].get(class(state)).copied().unwrap_or(0.0);
        f64::from(share.max(f32::MIN_POSITIVE)).ln()
    };
    // How many states back the best way to each place came from.
    let mut back = vec![0u8; posteriors.len().checked_mul(states)?];
    let mut best = vec![f64::NEG_INFINITY; states];
    for step in 0..posteriors.len() {
        // Downwards: a state needs those below it as they were.
        for state in (0..states).rev() {
            let mut from = match step {
                0 if state < 2 => (0.0, 0),
                0 => (f64::NEG_INFINITY, 0),
                _ => (best[state], 0),
            };
            let others = [(1, state > 0), (2, may_skip(state))];
            for (by, _) in others.into_iter().filter(|(_, may)| *may && step > 0) {
                if best[state - by] > from.0 {
                    from = (best[state - by], by as u8);
                }
            }
            best[state] = from.0 + log(step, state);
            back[step * states + state] = from.1;
        }
    }
    if target.is_empty() {
        return Some(Vec::new());
    }
    let last = states - 1;
    let mut state = if best[last] > best[last - 1] { last } else { last - 1 };
    if best[state] == f64::NEG_INFINITY || posteriors.is_empty() {
        return None;
    }
    let mut spans = vec![[0, 0]; target.len()];
    for step in (0..posteriors.len()).rev() {
        if state % 2 == 1 {
            let span = &mut spans[state / 2];
            span[0] = step;
            span[1] = span[1].max(step + 1);
        }
        state -= usize::from(back[step * states + state]);
    }
    Some(spans)
}

/// Whether the table of an alignment, a byte a place, takes no more than a gigabyte.
fn fits_in_memory(posteriors: &[Vec<f32>], target: &[u32]) -> bool {
    let size = posteriors.len().checked_mul(2 * target.len() + 1);
    size.is_some_and(|size| size <= 1 << 30)
}

/// Puts letters where the best alignment of CTC has them, if there is one: where attention looks
/// need not be where a letter is said.
pub(crate) fn place(letters: &mut [Letter], posteriors: &[Vec<f32>], alphabet: &Alphabet) {
    let target: Vec<u32> =
        letters.iter().filter_map(|letter| alphabet.class(letter.unit)).collect();
    if !fits_in_memory(posteriors, &target) {
        return;
    }
    for (letter, steps) in letters.iter_mut().zip(align(posteriors, &target).unwrap_or_default()) {
        letter.steps = steps;
    }
}

impl Recognizer {
    /// Where the words of a text are in its recording, which `name` is called in errors: the best
    /// alignment by CTC, alone or beside attention.
    ///
    /// # Errors
    /// A network without CTC; audio shorter than a window; a text with letters that the network
    /// lacks, or of more letters and repeats than it has steps; a recording and a text so long
    /// together that their alignment takes more than a gigabyte.
    pub fn align(&self, name: &str, audio: &Audio, text: &str) -> Result<Vec<Word>> {
        let prepared = self.prepared(name, audio)?;
        let steps = self.posteriors(&[&prepared], &[name])?.swap_remove(0);
        let Some(shares) = of_ctc(self.model(), &steps, self.device())? else {
            return Err(Error::NotCtc);
        };
        let unaligned = |found: String, expected: String| {
            Err(Error::Unaligned { name: name.into(), found, expected })
        };
        let alphabet = &self.config().letters;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let foreign = alphabet.foreign(&text);
        if !foreign.is_empty() {
            let expected = format!("letters of {:?}{:?}", alphabet.letters(), alphabet.spelled());
            return unaligned(format!("{:?} in it", foreign.iter().collect::<String>()), expected);
        }
        let target = alphabet.encode(&text);
        if !fits_in_memory(&shares, &target) {
            let found = format!("{} steps and {} letters", shares.len(), target.len());
            return unaligned(found, "fewer, as of a part of it".into());
        }
        let Some(spans) = align(&shares, &target) else {
            let needed = ctc_frames(&target);
            let letters = target.len();
            let found = format!("{letters} letters and {} repeats", needed - letters);
            return unaligned(found, format!("no more than its {} steps", shares.len()));
        };
        let letter = |(&class, steps): (&u32, [usize; 2])| {
            let said = shares[steps[0]..steps[1]].iter().map(|row| row[class as usize]);
            let probability = said.fold(0.0, f32::max);
            Some(Letter { unit: alphabet.unit(class)?, steps, probability })
        };
        let letters: Vec<Letter> = target.iter().zip(spans).filter_map(letter).collect();
        Ok(words(&letters, self.config()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conv_nn::ctc_frames;
    use conv_nn::rng::seeded;
    use rand::Rng;

    /// The best path's score, over all paths that say the target.
    fn best(posteriors: &[Vec<f32>], target: &[u32]) -> Option<f64> {
        let classes = posteriors.first().map_or(1, Vec::len);
        let scores = (0..classes.pow(posteriors.len() as u32)).filter_map(|path| {
            let mut rest = path;
            let mut said = Vec::new();
            let mut last = 0;
            let mut score = 0.0;
            for row in posteriors {
                let class = rest % classes;
                rest /= classes;
                score += f64::from(row[class]).ln();
                if class != 0 && class != last {
                    said.push(class as u32);
                }
                last = class;
            }
            (said == target).then_some(score)
        });
        scores.reduce(f64::max)
    }

    /// What is drawn from {0, -1, -2}, so that ties are everywhere.
    #[test]
    fn no_other_alignment_is_better() {
        let mut rng = seeded(1, "ties");
        let mut fitting = 0;
        for _ in 0..600 {
            let steps = rng.random_range(1..=7);
            let posteriors: Vec<Vec<f32>> = (0..steps)
                .map(|_| (0..3).map(|_| (-f32::from(rng.random_range(0u8..3))).exp()).collect())
                .collect();
            let count = rng.random_range(0..=3);
            let target: Vec<u32> = (0..count).map(|_| rng.random_range(1..3)).collect();
            let found = align(&posteriors, &target);
            assert_eq!(found.is_some(), ctc_frames(&target) <= steps, "{target:?} in {steps}");
            let Some(spans) = found else { continue };
            fitting += 1;
            let mut path = vec![0; steps];
            let mut end = 0;
            for (span, &class) in spans.iter().zip(&target) {
                assert!(end <= span[0] && span[0] < span[1] && span[1] <= steps, "{spans:?}");
                end = span[1];
                path[span[0]..span[1]].fill(class as usize);
            }
            let score: f64 =
                path.iter().zip(&posteriors).map(|(&at, row)| f64::from(row[at]).ln()).sum();
            let expected = best(&posteriors, &target).unwrap_or(f64::NAN);
            assert!((score - expected).abs() < 1e-5, "{target:?} {spans:?}: {score} {expected}");
        }
        assert!(fitting > 200, "{fitting}");
    }
}
