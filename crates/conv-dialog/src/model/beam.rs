//! The likeliest answers, word by word.

use super::batch::Batch;
use super::network::Network;
use crate::{Error, Result};
use candle_core::{Device, Tensor};
use conv_nn::LstmState;
use conv_text::tokenizer::{PAD, UNK};

/// How answers are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beam {
    /// Beginnings that are followed side by side; 1 takes the likeliest word each time. At least 1.
    pub width: usize,
    /// The most words that an answer may have. At least 1.
    pub longest: usize,
}

/// Of VisDial's answers one in a thousand is longer than the longest here.
impl Default for Beam {
    fn default() -> Self {
        Self { width: 5, longest: 20 }
    }
}

/// A beginning of an answer.
struct Begun {
    words: Vec<u32>,
    /// log p of its words.
    score: f32,
    /// Its row in the states.
    row: u32,
}

/// The likeliest answers that a beam finds to the one round of `batch`, which has no candidates: at
/// most `width`, with the log-likelihoods of their words and ends, the likeliest first. Nobody can
/// read a word that is not known, and no answer is empty.
pub(crate) fn search(
    model: &Network,
    batch: &Batch,
    Beam { width, longest }: Beam,
    device: &Device,
) -> Result<Vec<(Vec<u32>, f32)>> {
    let end = model.config().known as u32;
    let mut state = model.begin(batch)?;
    let mut begun = vec![Begun { words: Vec::new(), score: 0.0, row: 0 }];
    let mut answers: Vec<(Vec<u32>, f32)> = Vec::new();
    for count in 0..=longest {
        let heard: Vec<u32> =
            begun.iter().map(|begun| begun.words.last().copied().unwrap_or(end)).collect();
        let rows = Tensor::new(begun.iter().map(|begun| begun.row).collect::<Vec<_>>(), device)?;
        let before =
            LstmState { h: state.h.index_select(&rows, 1)?, c: state.c.index_select(&rows, 1)? };
        let (shares, after) = model.go_on(&Tensor::new(heard, device)?, &before)?;
        let mut longer: Vec<Begun> = Vec::new();
        for (row, (begun, shares)) in begun.iter().zip(shares.to_vec2::<f32>()?).enumerate() {
            if let Some(&value) = shares.iter().find(|share| share.is_nan()) {
                return Err(Error::NotFinite { value, name: "the next word of an answer".into() });
            }
            for (word, share) in (0..).zip(shares) {
                let score = begun.score + share;
                if word == end {
                    answers.extend((count > 0).then(|| (begun.words.clone(), score)));
                } else if word != PAD && word != UNK && count < longest {
                    let words = [&begun.words[..], &[word]].concat();
                    longer.push(Begun { words, score, row: row as u32 });
                }
            }
        }
        longer.sort_by(|a, b| b.score.total_cmp(&a.score));
        longer.truncate(width);
        answers.sort_by(|a, b| b.1.total_cmp(&a.1));
        answers.truncate(width);
        // An answer only gets less likely as it goes on.
        let worst = answers.get(width - 1).map_or(f32::NEG_INFINITY, |answer| answer.1);
        if longer.first().is_none_or(|best| best.score <= worst) {
            break;
        }
        (begun, state) = (longer, after);
    }
    Ok(answers)
}
