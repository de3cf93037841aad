//! The sizes of the answer ranker, as `config.json` holds them.

use crate::data::ImageSource;
use conv_hub::{InvalidField, ModelConfig};
use serde::{Deserialize, Serialize};

/// How question and history are brought together (Das et al. 2017, "Visual Dialog", section 4.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoder {
    /// Question and history are read apart and brought together last.
    #[default]
    LateFusion,
    /// A recurrent layer over rounds, above those over words.
    Hierarchical,
    /// The question attends to the facts said before.
    Memory,
}

/// How an answer is scored (section 4.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decoder {
    /// Candidates are read and compared.
    #[default]
    Discriminative,
    /// A language model says how likely a candidate's words are.
    Generative,
}

/// An encoder and a decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which encoder; a file of an earlier version has the first one.
    #[serde(default)]
    pub encoder: Encoder,
    /// Which decoder.
    #[serde(default)]
    pub decoder: Decoder,
    /// The features of the image that the encoder sees; none for text alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageSource>,
    /// V: words of the tokenizer.
    pub vocabulary: usize,
    /// Words with a vector of their own, the frequent ones; the others share that of the unknown
    /// word.
    pub known: usize,
    /// D: numbers of a word's vector.
    pub dimension: usize,
    /// H: units of each recurrent layer, and numbers of an encoded question or answer.
    pub units: usize,
    /// Words of caption and history that late fusion hears: the caption, and the latest ones. The
    /// other encoders hear so many words of each fact.
    pub history: usize,
    /// Units between what counting says of an answer and its part of the score; the generative
    /// decoder has none.
    pub counting_units: usize,
    /// The share that is dropped of words' vectors and encodings in training.
    pub dropout: f64,
}

/// The most that any size may be: what lies above is a damaged file.
const MOST: usize = 1 << 20;

impl Config {
    /// I: numbers of an image, 0 for text alone.
    pub(crate) fn image_size(&self) -> usize {
        self.image.as_ref().map_or(0, |image| image.size)
    }
}

impl ModelConfig for Config {
    const MODEL_TYPE: &'static str = "conv-dialog-ranker";

    fn check(&self) -> Result<(), InvalidField> {
        let Self { vocabulary, known, dimension, units, history, counting_units, dropout, .. } =
            self;
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
        if let Some(image) = &self.image {
            size("image.size", &image.size)?;
        }
        size("dimension", dimension)?;
        size("units", units)?;
        size("history", history)?;
        size("counting_units", counting_units)?;
        let is_share = (0.0..1.0).contains(dropout);
        InvalidField::unless(is_share, "dropout", dropout, "at least 0 and below 1")
    }
}
