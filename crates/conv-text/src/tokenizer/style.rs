//! What a word is: pipelines of the `tokenizers` crate, so that a saved `tokenizer.json` holds all
//! of it.

use conv_hub::InvalidField;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence};
use tokenizers::pre_tokenizers::sequence::Sequence as PreSequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior::{MergedWithNext, Removed};
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper};

use crate::error::{Error, Result};

/// How text becomes words.
///
/// `Kim` is the `clean_str` of Kim's code: only ASCII letters, digits and ``( ) , ! ? ' ` `` are
/// kept; `'s 've n't 're 'd 'll` begin a word, and `, ! ( ) ?` are words. Here the last three come
/// without the backslash that his expression puts before them, and `IT'S` is split as `it's` is (he
/// lower-cases last, and his sets have no such word). His `clean_str_sst`, which only drops
/// characters, gives on the treebank, whose files are already split, the same words but three: so
/// one style serves both, and a model of the treebank can read plain English.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// Kim's words, lower-cased.
    #[default]
    Kim,
    /// Kim's words as they are written (TREC).
    KimCased,
    /// Any script: runs of letters and digits, lower-cased, and each other character but blanks as
    /// a word of its own.
    Unicode,
}

impl FromStr for Style {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "kim" => Ok(Self::Kim),
            "kim-cased" => Ok(Self::KimCased),
            "unicode" => Ok(Self::Unicode),
            _ => Err(Error::from(InvalidField::name(
                "tokenizer style",
                name,
                "kim, kim-cased, unicode",
            ))),
        }
    }
}

/// Unicode's blocks of combining diacritical marks. The marks of other scripts stand at letters,
/// which count.
fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

impl Style {
    /// How many letters, digits and accents of `text` this style drops: of Kim's all that are not
    /// ASCII, an accent behind its letter (NFD) too.
    pub fn dropped_letters(self, text: &str) -> usize {
        let is_dropped = |c: &char| !c.is_ascii() && (c.is_alphanumeric() || is_accent(*c));
        match self {
            Self::Kim | Self::KimCased => text.chars().filter(is_dropped).count(),
            Self::Unicode => 0,
        }
    }

    pub(super) fn normalizer(self) -> tokenizers::Result<NormalizerWrapper> {
        let keep = || {
            let others = ReplacePattern::Regex(r"[^A-Za-z0-9(),!?'`]+".into());
            Replace::new(others, " ").map(NormalizerWrapper::from)
        };
        Ok(match self {
            Self::Kim => Sequence::new(vec![keep()?, Lowercase.into()]).into(),
            Self::KimCased => keep()?,
            Self::Unicode => Sequence::new(vec![NFC.into(), Lowercase.into()]).into(),
        })
    }

    pub(super) fn pre_tokenizer(self) -> tokenizers::Result<PreTokenizerWrapper> {
        let split = |regex: &str, behavior, invert| {
            Split::new(SplitPattern::Regex(regex.into()), behavior, invert)
                .map(PreTokenizerWrapper::from)
        };
        match self {
            // The first cuts before each contraction, the second takes the words out of what lies
            // between the cuts.
            Self::Kim | Self::KimCased => Ok(PreSequence::new(vec![
                split(r"n't|'(?:s|ve|re|d|ll)", MergedWithNext, false)?,
                split(r"[,!()?]|[^ ,!()?]+", Removed, true)?,
            ])
            .into()),
            Self::Unicode => split(r"\w+(?:['’]\w+)*|[^\w\s]", Removed, true),
        }
    }
}
