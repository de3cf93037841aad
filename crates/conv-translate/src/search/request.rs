//! What a search is asked for.

use super::{END, SearchConfig};
use crate::{Error, PAD, Result};

/// A sentence to be translated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Its place in the input, from 0; what is drawn depends on it.
    pub place: usize,
    /// Its tokens, with `</s>` at the end.
    pub source: Vec<u32>,
    /// Words that the translation begins with.
    pub prefix: Vec<u32>,
    /// Phrases that the translation contains. Not together with sampling or a diverse beam.
    pub constraints: Vec<Vec<u32>>,
}

impl Request {
    /// `source`, with nothing asked of the translation.
    pub fn new(place: usize, source: Vec<u32>) -> Self {
        Self { place, source, ..Default::default() }
    }

    /// Whether it can be searched with these vocabularies, for at most `longest` words.
    pub(super) fn check(
        &self,
        config: &SearchConfig,
        [source, target]: [usize; 2],
        longest: usize,
    ) -> Result<()> {
        let wrong = |field, found: String, expected: String| {
            Err(Error::Request { sentence: self.place + 1, field, found, expected })
        };
        if self.source.is_empty() {
            return wrong("source", "empty".into(), "at least the token </s>".into());
        }
        if let Some(token) = self.source.iter().find(|token| **token as usize >= source) {
            let expected = format!("less than {source}, the words of the source");
            return wrong("source", format!("token {token}"), expected);
        }
        let phrases = self.constraints.iter().flatten().map(|token| ("constraints", token));
        for (field, token) in self.prefix.iter().map(|token| ("prefix", token)).chain(phrases) {
            if *token as usize >= target || [PAD, END].contains(token) {
                let expected = format!(
                    "less than {target}, the words of the target, and neither <pad> nor </s>"
                );
                return wrong(field, format!("token {token}"), expected);
            }
        }
        if self.constraints.iter().any(Vec::is_empty) {
            return wrong("constraints", "an empty phrase".into(), "at least one token".into());
        }
        let is_plain = config.sampling.is_none() && config.diverse_groups == 1;
        if !self.constraints.is_empty() && !is_plain {
            let found = format!("of {} phrases", self.constraints.len());
            return wrong("constraints", found, "none with sampling or a diverse beam".into());
        }
        let forced = self.prefix.len() + self.constraints.iter().map(Vec::len).sum::<usize>();
        if forced > longest {
            let found = format!("of {forced} tokens");
            return wrong(
                "prefix with constraints",
                found,
                format!("at most {longest}, the longest translation"),
            );
        }
        Ok(())
    }
}
