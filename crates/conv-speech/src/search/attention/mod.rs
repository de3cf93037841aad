//! Decoding of attention: letter by letter until the end is the likeliest, by a beam, with CTC and
//! a language model or without.

use super::prefix::Prefix;
use super::{Decoded, FAR, LEAST, Stamps, Texts};
use crate::Result;
use crate::attention::{Attention, END, Look, State};
use crate::model::precision;
use candle_core::Tensor;
use conv_nn::{Mode, log_softmax};
use std::collections::HashMap;

/// Letters that are written to a step of the encoder at most: a text that is longer is of a network
/// that has lost its way.
const MOST_TO_A_STEP: usize = 2;

/// How a text is found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search<'a> {
    pub attention: &'a Attention,
    /// Logarithms of CTC's probabilities, a row a step, and what they count.
    pub ctc: Option<(&'a [Vec<f64>], f64)>,
    /// Texts that are followed at a time.
    pub width: usize,
}

/// A text of the beam.
#[derive(Debug, Clone)]
struct Hypothesis {
    number: usize,
    /// By attention, in nats.
    log: f64,
    /// By CTC.
    prefix: Option<Prefix>,
    stamp: usize,
    /// By both and by language.
    total: f64,
}

/// A text that may come into the beam: one of the beam with a class more, or as a whole.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    from: usize,
    class: u32,
    log: f64,
    total: f64,
}

impl Search<'_> {
    /// The letters of an utterance, `[T', H]` of the encoder. The score of a text is (1 - λ) of its
    /// log-probability by attention and λ of that by CTC (Watanabe et al. 2017, equation 22), and
    /// what the texts' language adds. With a beam of one the likeliest class is taken each time.
    /// Times are those of the step that was looked at most, and never go back.
    pub fn letters(&self, encoded: &Tensor, texts: &mut Texts) -> Result<Decoded> {
        let steps = encoded.dim(0)?;
        if steps == 0 {
            return Ok(Decoded::default());
        }
        let at = precision(&Mode::Eval);
        let heard = self.attention.heard(&encoded.unsqueeze(0)?, &[steps], at)?;
        let mut stamps = Stamps::new();
        let mut looks = Looks::default();
        let prefix = self.ctc.map(|(posteriors, _)| Prefix::empty(posteriors));
        let (number, stamp) = (0, Stamps::START);
        let mut beam = vec![Hypothesis { number, log: 0.0, prefix, stamp, total: 0.0 }];
        let mut state = self.attention.start(&heard)?;
        // The best text that has ended: its score, number and stamp.
        let mut best: Option<(f64, usize, usize)> = None;
        for _ in 0..=steps * MOST_TO_A_STEP {
            let look = self.attention.look(&heard.times(beam.len())?, &state, at)?;
            let shares = look.shares()?;
            let mut next = Vec::new();
            let mut from = Vec::new();
            for candidate in self.candidates(&state, &look, &beam, texts)? {
                let Candidate { from: place, class, log, total } = candidate;
                let before = &beam[place];
                if class == END {
                    if best.is_none_or(|(least, ..)| total > least) {
                        best = Some((total, before.number, before.stamp));
                    }
                    continue;
                }
                let Some(number) = texts.add((before.number, class)) else { continue };
                let probability = (log - before.log).exp() as f32;
                let (_, earlier, _) = stamps.at(before.stamp);
                let step = most(&shares[place]).max(earlier);
                let stamp = stamps.add(before.stamp, step, probability);
                looks.add(stamp, class, &shares[place]);
                let prefix = before.prefix.as_ref().zip(self.ctc);
                let prefix = prefix.map(|(prefix, (rows, _))| prefix.with(class, rows).0);
                next.push(Hypothesis { number, log, prefix, stamp, total });
                from.push((place as u32, class));
            }
            if next.is_empty() {
                break;
            }
            beam = next;
            if is_done(&beam, best, texts.may_rise()) {
                break;
            }
            let (places, classes): (Vec<u32>, Vec<u32>) = from.into_iter().unzip();
            let places = Tensor::new(places, encoded.device())?;
            let letters = self.attention.letters(&classes)?.detach();
            let before = state.choose(&places)?;
            let look = look.choose(&places)?;
            state = self.attention.go_on(Some(&before), &letters, &look)?;
        }
        // A text that comes to no end is taken as it is.
        let unended = || beam.first().map(|one| (one.total, one.number, one.stamp));
        let Some((_, number, stamp)) = best.or_else(unended) else {
            return Ok(Decoded::default());
        };
        let letters = texts.letters(number, &stamps, stamp);
        let shares = looks.shares(&stamps, stamp, [steps, texts.classes()]);
        Ok(Decoded { letters, shares: Some(shares) })
    }

    /// The best texts with one class more or as a whole, of all that the beam may become after a
    /// look.
    fn candidates(
        &self,
        state: &State,
        look: &Look,
        beam: &[Hypothesis],
        texts: &Texts,
    ) -> Result<Vec<Candidate>> {
        let rows = log_softmax(&self.attention.next(state, look)?, 1)?.to_vec2::<f32>()?;
        let mut candidates = Vec::new();
        for (from, (before, row)) in beam.iter().zip(rows).enumerate() {
            for (class, &log) in (0..).zip(&row).filter(|(_, log)| **log >= LEAST.ln()) {
                let language = match class {
                    END => texts.ended(before.number),
                    _ => texts.language((before.number, class)),
                };
                let Some(language) = language else { continue };
                let log = before.log + f64::from(log);
                let total = match (&before.prefix, self.ctc) {
                    (Some(prefix), Some((rows, weight))) => {
                        let ctc = match class {
                            END => prefix.ended(),
                            _ => prefix.with(class, rows).1,
                        };
                        (1.0 - weight) * log + weight * ctc + language
                    }
                    _ => log + language,
                };
                if total > f64::NEG_INFINITY {
                    candidates.push(Candidate { from, class, log, total });
                }
            }
        }
        candidates.sort_by(|a, b| b.total.total_cmp(&a.total));
        candidates.truncate(self.width);
        Ok(candidates)
    }
}

/// Whether no text that goes on can be better than the best that has ended: a letter makes none
/// likelier by itself.
fn is_done(beam: &[Hypothesis], best: Option<(f64, usize, usize)>, may_rise: bool) -> bool {
    let most = beam.first().map_or(f64::NEG_INFINITY, |one| one.total);
    best.is_some_and(|(best, ..)| most + if may_rise { FAR } else { 0.0 } <= best)
}

/// The step that is looked at most, the first of equals.
fn most(shares: &[f32]) -> usize {
    let better = |best: usize, at: usize| if shares[at] > shares[best] { at } else { best };
    (1..shares.len()).fold(0, better)
}

/// Where was looked for each class that was written, by its stamp.
#[derive(Debug, Default)]
struct Looks(HashMap<usize, (u32, Vec<(usize, f32)>)>);

impl Looks {
    /// Shares of a step that are smaller are not kept, so that of a look there are some dozen
    /// however long the recording is.
    const SMALLEST: f32 = 0.01;

    fn add(&mut self, stamp: usize, class: u32, shares: &[f32]) {
        let shares = shares.iter().copied().enumerate();
        let large = shares.filter(|(_, share)| *share >= Self::SMALLEST).collect();
        self.0.insert(stamp, (class, large));
    }

    /// `[T', V]` of an alignment.
    fn shares(&self, stamps: &Stamps, last: usize, [steps, classes]: [usize; 2]) -> Vec<Vec<f32>> {
        let mut all = vec![vec![0.0; classes]; steps];
        let mut stamp = last;
        while let Some((class, shares)) = self.0.get(&stamp) {
            for (step, share) in shares {
                all[*step][*class as usize] += share;
            }
            (stamp, ..) = stamps.at(stamp);
        }
        all
    }
}

#[cfg(test)]
mod tests;
