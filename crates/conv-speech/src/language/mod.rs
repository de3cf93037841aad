//! What is likely to be said: words, and how likely they follow each other.

mod arpa;
mod fit;
mod lexicon;
mod ngram;

pub(crate) use lexicon::{Lexicon, ROOT};
pub use ngram::NgramModel;

use crate::{Alphabet, Config, Result};
use conv_hub::{InvalidField, ModelFolder};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The language model's file in a model folder.
pub(crate) const FILE: &str = "language-model.arpa";

/// How a language model takes part in writing: log P(sound | text) + weight · log P(text) + bonus ·
/// words is to be the highest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoding {
    /// Texts that are followed at a time.
    pub beam: usize,
    /// What the language model's log-probability counts.
    pub weight: f64,
    /// What a word counts, since each makes a text less probable.
    pub bonus: f64,
    /// Whether only words are written that the language model knows.
    pub lexicon: bool,
}

impl Decoding {
    /// Only words of the language model are written, all of them alike.
    pub const LEXICON: Self = Self { beam: 24, weight: 0.0, bonus: 0.0, lexicon: true };

    pub(crate) fn check(&self) -> Result<(), InvalidField> {
        let check = InvalidField::unless;
        check((1..=4096).contains(&self.beam), "decoding.beam", &self.beam, "1 to 4096")?;
        let fits = (0.0..=100.0).contains(&self.weight);
        check(fits, "decoding.weight", &self.weight, "0 to 100")?;
        let fits = (-100.0..=100.0).contains(&self.bonus);
        check(fits, "decoding.bonus", &self.bonus, "-100 to 100")
    }
}

/// A language model, ready to take part.
#[derive(Debug, Clone)]
pub struct Language {
    pub(crate) model: NgramModel,
    pub(crate) lexicon: Option<Lexicon>,
    pub(crate) decoding: Decoding,
}

impl Language {
    /// For texts of an alphabet.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(model: NgramModel, decoding: Decoding, alphabet: &Alphabet) -> Result<Self> {
        decoding.check()?;
        let lexicon = decoding.lexicon.then(|| Lexicon::new(model.words(), alphabet));
        Ok(Self { model, lexicon, decoding })
    }

    /// That of a model folder, if its configuration says that there is one.
    pub(crate) fn open(folder: &Path, config: &Config) -> Result<Option<Self>> {
        let Some(decoding) = config.decoding else { return Ok(None) };
        let file = ModelFolder::open(folder)?.file(FILE)?;
        Self::new(NgramModel::read(&file)?, decoding, &config.letters).map(Some)
    }

    /// The model of words.
    pub fn model(&self) -> &NgramModel {
        &self.model
    }

    /// How it takes part.
    pub fn decoding(&self) -> Decoding {
        self.decoding
    }

    /// Words of the model that need a letter which the alphabet lacks: they are never written.
    pub fn left_out(&self) -> &[String] {
        self.lexicon.as_ref().map_or(&[], Lexicon::left_out)
    }
}
