//! What a search is asked for.

use super::SearchConfig;
use crate::{END, Error, PAD, Result};

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
        check_source(self.place, &self.source, source)?;
        check_words(self.place, "prefix", &self.prefix, target)?;
        for phrase in &self.constraints {
            check_words(self.place, "constraints", phrase, target)?;
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

/// A source has at least its end, and tokens of its vocabulary.
pub(super) fn check_source(place: usize, tokens: &[u32], vocabulary: usize) -> Result<()> {
    let (found, expected) = match tokens.iter().find(|token| **token as usize >= vocabulary) {
        _ if tokens.is_empty() => ("empty".into(), "at least the token </s>".into()),
        None => return Ok(()),
        Some(token) => {
            (format!("token {token}"), format!("less than {vocabulary}, the words of the source"))
        }
    };
    Err(Error::Request { sentence: place + 1, field: "source", found, expected })
}

/// Words of the target are of its vocabulary, and neither its padding nor its end.
pub(super) fn check_words(
    place: usize,
    field: &'static str,
    words: &[u32],
    vocabulary: usize,
) -> Result<()> {
    let is_wrong = |token: &&u32| **token as usize >= vocabulary || [PAD, END].contains(*token);
    let Some(token) = words.iter().find(is_wrong) else { return Ok(()) };
    let expected =
        format!("less than {vocabulary}, the words of the target, and neither <pad> nor </s>");
    Err(Error::Request { sentence: place + 1, field, found: format!("token {token}"), expected })
}
