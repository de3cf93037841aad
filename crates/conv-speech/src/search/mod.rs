//! Search for the text that is likeliest, by a beam: of CTC, of a transducer, and of attention,
//! each with a language model or without.

mod attention;
mod ctc;
mod hot;
mod prefix;
mod stamps;
mod texts;
mod transducer;

pub use hot::HotWords;
pub(crate) use transducer::Greedy;

use crate::align::place;
use crate::greedy::{Letter, letters};
use crate::model::{Output, precision};
use crate::{Cldnn, Language, Result};
use candle_core::{Device, Module, Tensor};
use conv_nn::{Mode, softmax};
use stamps::Stamps;
use std::borrow::Cow;
use texts::Texts;

/// A class of a lower probability adds nothing at a step.
const LEAST: f32 = 1e-5;

/// Texts this far behind the best, in nats, are given up even where the beam has room.
const FAR: f64 = 20.0;

/// What a search finds behind an encoder.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    pub letters: Vec<Letter>,
    /// For pictures, of each step shares of the classes, `[T', V]`: of a transducer the
    /// probabilities with which the step began, of attention how much each class that was written
    /// looked at the step. Nothing where the steps are shares themselves.
    pub shares: Option<Vec<Vec<f32>>>,
}

/// What a search goes by besides what was heard.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Guides<'a> {
    pub language: Option<&'a Language>,
    pub hot: Option<&'a HotWords>,
}

impl Guides<'_> {
    pub fn is_none(&self) -> bool {
        self.language.is_none() && self.hot.is_none()
    }

    /// Texts that are followed at a time.
    fn width(&self, own: usize) -> usize {
        match (self.language, self.hot) {
            (Some(language), _) => language.decoding.beam,
            (None, Some(_)) if own == 1 => HotWords::BEAM,
            _ => own,
        }
    }
}

/// What is written at some steps of a model: by the best class of each where it follows one text at
/// a time, else by a beam.
pub(crate) fn decode(
    model: &Cldnn,
    guides: Guides,
    steps: &[Vec<f32>],
    device: &Device,
) -> Result<Decoded> {
    let config = model.config();
    let alphabet = &config.letters;
    if steps.is_empty() {
        return Ok(Decoded::default());
    }
    let width = guides.width(config.beam);
    let encoded = || Tensor::new(steps.to_vec(), device);
    let mut texts = Texts::new(alphabet, guides.language, guides.hot);
    match model.output() {
        Output::Ctc(_) => {
            let letters = if guides.is_none() {
                letters(steps, alphabet)
            } else {
                ctc::ctc(&mut texts, width, steps)
            };
            Ok(Decoded { letters, shares: None })
        }
        Output::Rnnt(transducer) if width == 1 && guides.is_none() => {
            transducer::greedy(transducer, &encoded()?, alphabet)
        }
        Output::Rnnt(transducer) => transducer::beam(transducer, &encoded()?, &mut texts, width),
        Output::Attention(attention, head) => {
            let shares = of_ctc(model, steps, device)?.filter(|_| head.is_some());
            let logs = shares.as_deref().map(logarithms);
            let weight = config.attention.map_or(0.0, |attention| attention.ctc_weight);
            let ctc = logs.as_deref().map(|rows| (rows, weight));
            let search = attention::Search { attention, ctc, width };
            let mut decoded = search.letters(&encoded()?, &mut texts)?;
            if let Some(shares) = shares {
                place(&mut decoded.letters, &shares, alphabet);
            }
            Ok(decoded)
        }
    }
}

/// CTC's probabilities at some steps of a model, `[T', V]`, where it has any.
pub(crate) fn of_ctc<'s>(
    model: &Cldnn,
    steps: &'s [Vec<f32>],
    device: &Device,
) -> Result<Option<Cow<'s, [Vec<f32>]>>> {
    match model.output() {
        Output::Ctc(_) => Ok(Some(steps.into())),
        Output::Attention(_, Some(head)) if !steps.is_empty() => {
            let encoded = Tensor::new(steps.to_vec(), device)?;
            let logits = head.at(precision(&Mode::Eval)).forward(&encoded)?;
            Ok(Some(softmax(&logits, 1)?.to_vec2()?.into()))
        }
        _ => Ok(None),
    }
}

fn logarithms(shares: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let log = |&share: &f32| f64::from(share.max(f32::MIN_POSITIVE)).ln();
    shares.iter().map(|row| row.iter().map(log).collect()).collect()
}

fn log_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Alphabet;
    use conv_nn::rng::seeded;
    use rand::Rng;

    /// The classes of some letters.
    pub(super) fn classes(letters: &[Letter], alphabet: &Alphabet) -> Vec<u32> {
        letters.iter().filter_map(|letter| alphabet.class(letter.unit)).collect()
    }

    pub(super) fn text(letters: &[Letter], alphabet: &Alphabet) -> String {
        alphabet.decode(&classes(letters, alphabet))
    }

    /// Probabilities of each step, `[T', V]`.
    pub(super) fn posteriors(steps: usize, classes: usize, seed: u64) -> Vec<Vec<f32>> {
        let mut rng = seeded(seed, "posteriors");
        let row = |_| {
            let row: Vec<f32> = (0..classes).map(|_| rng.random::<f32>().powi(3) + 1e-3).collect();
            let sum: f32 = row.iter().sum();
            row.iter().map(|value| value / sum).collect()
        };
        (0..steps).map(row).collect()
    }
}
