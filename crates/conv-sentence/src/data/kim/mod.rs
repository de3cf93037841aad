//! The seven sets of Kim (2014), section 3 and Table 1: their names and their classes.

mod files;
mod set;

use conv_hub::InvalidField;
use std::fmt;
use std::str::FromStr;

pub use set::KimData;

use crate::error::{Error, Result};
use conv_text::tokenizer::Style;

/// One of the seven sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KimSet {
    /// Movie reviews, one sentence each (Pang and Lee 2005).
    Mr,
    /// Stanford Sentiment Treebank, five classes, trained on phrases (Socher et al. 2013).
    Sst1,
    /// The same without the neutral, two classes.
    Sst2,
    /// Subjective or objective sentences (Pang and Lee 2004).
    Subj,
    /// Questions by what they ask for (Li and Roth 2002).
    Trec,
    /// Customer reviews (Hu and Liu 2004).
    Cr,
    /// Opinion polarity of phrases (Wiebe et al. 2005).
    Mpqa,
}

impl KimSet {
    /// All seven, in the order of the paper's Table 1.
    pub const ALL: [Self; 7] =
        [Self::Mr, Self::Sst1, Self::Sst2, Self::Subj, Self::Trec, Self::Cr, Self::Mpqa];

    /// The name on the command line and of the set's folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mr => "mr",
            Self::Sst1 => "sst1",
            Self::Sst2 => "sst2",
            Self::Subj => "subj",
            Self::Trec => "trec",
            Self::Cr => "cr",
            Self::Mpqa => "mpqa",
        }
    }

    /// The classes' names, in the order of the files' numbers.
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Mr | Self::Sst2 | Self::Cr | Self::Mpqa => &["negative", "positive"],
            Self::Sst1 => &["very negative", "negative", "neutral", "positive", "very positive"],
            Self::Subj => &["subjective", "objective"],
            Self::Trec => &["DESC", "ENTY", "ABBR", "HUM", "LOC", "NUM"],
        }
    }

    /// How Kim tokenises the set: lower-cased, except TREC.
    pub fn style(self) -> Style {
        if self == Self::Trec { Style::KimCased } else { Style::Kim }
    }
}

impl fmt::Display for KimSet {
    /// As the paper writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mr => "MR",
            Self::Sst1 => "SST-1",
            Self::Sst2 => "SST-2",
            Self::Subj => "Subj",
            Self::Trec => "TREC",
            Self::Cr => "CR",
            Self::Mpqa => "MPQA",
        })
    }
}

impl FromStr for KimSet {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let plain = name.to_ascii_lowercase().replace('-', "");
        Self::ALL.into_iter().find(|set| set.name() == plain).ok_or_else(|| {
            Error::from(InvalidField::name("set", name, Self::ALL.map(Self::name).join(", ")))
        })
    }
}
