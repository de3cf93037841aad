//! What kind of vocabulary, how large, and from how much text.

use conv_hub::InvalidField;
use serde::{Deserialize, Serialize};

use super::SPECIALS;
use crate::error::{Error, Result};

/// How words are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// Byte-pair encoding (Sennrich et al. 2016): the most frequent pairs of pieces become pieces,
    /// over characters.
    #[default]
    Bpe,
    /// A unigram language model of pieces (Kudo 2018).
    Unigram,
    /// Not at all: the most frequent words are the vocabulary.
    Words,
}

/// What the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextForm {
    /// As people write it: no piece crosses from letters into punctuation, so that neither comes
    /// with the other's spelling.
    #[default]
    Raw,
    /// Tokens with blanks between them, made by another program: each is cut by itself, and
    /// decoding joins tokens by one blank.
    Tokens,
}

/// How a vocabulary is made. Decoding what was encoded gives the text back, but for runs of blanks
/// and control characters, which become one blank, blanks at the ends, and what this configuration
/// changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubwordConfig {
    /// How words are cut.
    pub model: Model,
    /// The tokens in all, special ones included; fewer where the text has no more.
    pub vocabulary: usize,
    /// What the text is.
    pub text: TextForm,
    /// Makes one spelling of those that Unicode calls equivalent (NFC).
    pub normalize: bool,
    /// Lower-cases.
    pub lowercase: bool,
    /// Characters (of [`Model::Words`] words) that the sample has less often are unknown; at least 1.
    pub least_count: u64,
    /// The most lines that are learned from, drawn evenly from all.
    pub sample_lines: usize,
    /// The most bytes of these lines.
    pub sample_bytes: usize,
    /// Which lines are drawn.
    pub seed: u64,
}

impl Default for SubwordConfig {
    fn default() -> Self {
        Self {
            model: Model::Bpe,
            vocabulary: 8000,
            text: TextForm::Raw,
            normalize: true,
            lowercase: false,
            least_count: 1,
            sample_lines: 2_000_000,
            sample_bytes: 256 << 20,
            seed: 1,
        }
    }
}

impl SubwordConfig {
    pub(super) fn check(&self) -> Result<()> {
        let least = SPECIALS.len() + 1;
        let fields = [
            ("subwords.vocabulary", self.vocabulary, least),
            ("subwords.sample_lines", self.sample_lines, 1),
            ("subwords.sample_bytes", self.sample_bytes, 1),
            ("subwords.least_count", usize::try_from(self.least_count).unwrap_or(1), 1),
        ];
        for (field, value, least) in fields {
            if value < least {
                let expected = format!("at least {least}");
                return Err(Error::from(InvalidField::new(field, value, expected)));
            }
        }
        let most = 1 << 24;
        if self.vocabulary > most {
            return Err(Error::from(InvalidField::new(
                "subwords.vocabulary",
                self.vocabulary,
                format!("at most {most}"),
            )));
        }
        Ok(())
    }
}
