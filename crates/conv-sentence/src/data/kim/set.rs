//! A set in memory, and how it is split into what is learned from and what is measured.

use super::KimSet;
use crate::Result;
use conv_text::data::{Corpus, Example};
use conv_text::data::{Split, cross_validation, holdout};

/// A set in memory.
#[derive(Debug, Clone)]
pub struct KimData {
    /// Which set.
    pub set: KimSet,
    /// The sentences (train, dev and test in this order where the set comes split), then the
    /// phrases of SST's training part.
    pub corpus: Corpus,
    /// How many of the corpus's examples are sentences.
    pub sentences: usize,
    fixed: Option<Split>,
}

impl KimData {
    pub(super) fn whole(set: KimSet, sentences: Vec<Example>) -> Result<Self> {
        let number = sentences.len();
        Ok(Self { set, corpus: corpus(set, sentences)?, sentences: number, fixed: None })
    }

    pub(super) fn parts(
        set: KimSet,
        [train, dev, test]: [Vec<Example>; 3],
        phrases: Vec<Example>,
    ) -> Result<Self> {
        let ends = [train.len(), train.len() + dev.len(), train.len() + dev.len() + test.len()]
            .map(|end| end as u32);
        let sentences = ends[2] as usize;
        let examples = [train, dev, test, phrases].concat();
        let total = examples.len() as u32;
        let learned = if ends[2] == total { 0..ends[0] } else { ends[2]..total };
        let fixed = Split {
            train: learned.collect(),
            dev: (ends[0]..ends[1]).collect(),
            test: (ends[1]..ends[2]).collect(),
        };
        Ok(Self { set, corpus: corpus(set, examples)?, sentences, fixed: Some(fixed) })
    }

    /// The sentences, without the phrases: what Table 1 counts.
    pub fn sentences(&self) -> &[Example] {
        &self.corpus.examples()[..self.sentences]
    }

    /// How many rounds make one result: ten folds, or one where the set comes split.
    pub fn rounds(&self) -> usize {
        if self.fixed.is_some() { 1 } else { 10 }
    }

    /// Round `round` of the set: its own split, or one of ten folds; where no dev part is given, a
    /// tenth of the training part is drawn.
    ///
    /// # Errors
    /// [`conv_text::Error::Split`] for a round there is not.
    pub fn split(&self, round: usize, seed: u64) -> Result<Split> {
        let Some(fixed) = &self.fixed else {
            return Ok(cross_validation(self.sentences, 10, round, seed)?);
        };
        if round > 0 {
            let found = format!("round {round} of {}", self.set);
            return Err(conv_text::Error::Split { found, expected: "round 0".into() }.into());
        }
        if !fixed.dev.is_empty() {
            return Ok(fixed.clone());
        }
        // Training sentences without a dev part are the corpus's first, so that positions drawn are
        // positions there.
        let drawn = holdout(fixed.train.len(), 0.1, 0.0, seed)?;
        Ok(Split { test: fixed.test.clone(), ..drawn })
    }
}

fn corpus(set: KimSet, examples: Vec<Example>) -> Result<Corpus> {
    let labels = set.labels().iter().map(|&label| label.into()).collect();
    Ok(Corpus::new(labels, examples)?)
}
