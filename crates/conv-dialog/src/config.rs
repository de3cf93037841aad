//! The sizes of the answer ranker, as `config.json` holds them.

use conv_hub::{InvalidField, ModelConfig};
use serde::{Deserialize, Serialize};

/// A late-fusion encoder with the discriminative decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// V: words of the tokenizer.
    pub vocabulary: usize,
    /// Words with a vector of their own, the frequent ones; the others share that of the unknown word.
    pub known: usize,
    /// D: numbers of a word's vector.
    pub dimension: usize,
    /// H: units of each recurrent layer, and numbers of an encoded question or answer.
    pub units: usize,
    /// Words of caption and history that are heard: the caption, and the latest ones.
    pub history: usize,
    /// Units between what counting says of an answer and its part of the score.
    pub counting_units: usize,
    /// The share that is dropped of words' vectors and encodings in training.
    pub dropout: f64,
}

/// The most that any size may be: what lies above is a damaged file.
const MOST: usize = 1 << 20;

impl ModelConfig for Config {
    const MODEL_TYPE: &'static str = "conv-dialog-ranker";

    fn check(&self) -> Result<(), InvalidField> {
        let Self { vocabulary, known, dimension, units, history, counting_units, dropout } = self;
        let size = |name, size: &usize| {
            InvalidField::unless((1..=MOST).contains(size), name, size, "1 to 1048576")
        };
        size("vocabulary", vocabulary)?;
        InvalidField::unless(
            (2..=*vocabulary).contains(known),
            "known",
            known,
            "2 to the vocabulary",
        )?;
        size("dimension", dimension)?;
        size("units", units)?;
        size("history", history)?;
        size("counting_units", counting_units)?;
        let is_share = (0.0..1.0).contains(dropout);
        InvalidField::unless(is_share, "dropout", dropout, "at least 0 and below 1")
    }
}
