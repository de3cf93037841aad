//! Scripts without blanks between words: a segmenter named in the configuration runs before the
//! tokenizer.

use crate::Result;
use conv_hub::InvalidField;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What cuts a text into words where its script does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Segmenter {
    /// Chinese, by jieba's dictionary (feature `jieba`).
    Jieba,
}

impl std::str::FromStr for Segmenter {
    type Err = crate::Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "jieba" => Ok(Self::Jieba),
            _ => Err(crate::Error::from(InvalidField::name("segmenter", name, "jieba"))),
        }
    }
}

/// A segmenter that is loaded, or none.
#[derive(Debug)]
pub struct Segmentation {
    #[cfg(feature = "jieba")]
    jieba: Option<crate::tokenizer::Jieba>,
}

impl Segmentation {
    /// Loads the dictionary of `segmenter`.
    ///
    /// # Errors
    /// A segmenter that this build was made without.
    pub fn new(segmenter: Option<Segmenter>) -> Result<Self> {
        #[cfg(feature = "jieba")]
        return Ok(Self { jieba: segmenter.map(|Segmenter::Jieba| Default::default()) });
        #[cfg(not(feature = "jieba"))]
        match segmenter {
            None => Ok(Self {}),
            Some(Segmenter::Jieba) => Err(crate::Error::from(InvalidField::new(
                "segmenter",
                "jieba",
                "a build with `--features jieba`",
            ))),
        }
    }

    /// The text with blanks between its words.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        #[cfg(feature = "jieba")]
        if let Some(jieba) = &self.jieba {
            return Cow::Owned(jieba.segment(text));
        }
        Cow::Borrowed(text)
    }
}
