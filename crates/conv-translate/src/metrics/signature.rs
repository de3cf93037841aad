//! What a score's signature says besides the metric's own settings.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The release of sacreBLEU whose numbers these are, the last field of a signature.
pub const SACREBLEU: &str = "2.6.0";

/// How many references a sentence has: `nrefs` of the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferenceCount {
    /// No sentence was counted yet.
    #[default]
    Unknown,
    /// Each sentence has so many.
    Each(usize),
    /// Some have more than others.
    Varied,
}

impl ReferenceCount {
    /// The count of two parts together.
    pub(super) fn merge(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, known) | (known, Self::Unknown) => known,
            (one, another) if one == another => one,
            _ => Self::Varied,
        }
    }

    /// Counts the references of `sentence` (from 1).
    pub(super) fn add(&mut self, count: usize, sentence: u64) -> Result<()> {
        if count == 0 {
            return Err(Error::NoReference { sentence });
        }
        *self = self.merge(Self::Each(count));
        Ok(())
    }
}

impl fmt::Display for ReferenceCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("0"),
            Self::Each(count) => count.fmt(f),
            Self::Varied => f.write_str("var"),
        }
    }
}

/// The value of `case`.
pub(super) fn case(lowercase: bool) -> &'static str {
    if lowercase { "lc" } else { "mixed" }
}

/// Python's spelling of a flag.
pub(super) fn flag(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}
