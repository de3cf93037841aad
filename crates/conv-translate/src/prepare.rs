//! From text files to what training reads: vocabularies, encoded pairs on disk, and the dev part in memory.

use crate::data::{Cleaned, Encoders, Pair, Parallel, Store, encode};
use crate::metrics::{Bleu, Tokenization};
use crate::tokenizer::{Sample, Subwords, TextForm};
use crate::{Dev, Recipe, Result};
use std::path::{Path, PathBuf};

/// Where sentences and their translations lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PairFiles {
    /// A file of each language, source first, line by line.
    Two([PathBuf; 2]),
    /// One file of sentences, tabs and translations.
    Table(PathBuf),
}

impl PairFiles {
    /// Reads them from the beginning.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn open(&self) -> Result<Parallel> {
        match self {
            Self::Two([source, target]) => Parallel::files(source, target),
            Self::Table(path) => Parallel::table(path),
        }
    }
}

/// The vocabularies of both languages, the same twice where they are joint.
#[derive(Debug, Clone)]
pub struct Vocabularies {
    /// Of what is read.
    pub source: Subwords,
    /// Of what is written.
    pub target: Subwords,
}

impl Vocabularies {
    /// Learns them from `files` as `recipe` says.
    ///
    /// # Errors
    /// Files that cannot be read, or have too little text.
    pub fn train(files: &PairFiles, recipe: &Recipe) -> Result<Self> {
        let config = &recipe.subwords;
        if recipe.joint {
            let mut sample = Sample::new(config);
            for pair in files.open()? {
                let pair = pair?;
                sample.add(&pair.source);
                sample.add(&pair.target);
            }
            let joint = Subwords::train(config, sample)?;
            return Ok(Self { source: joint.clone(), target: joint });
        }
        let (mut source, mut target) = (Sample::new(config), Sample::new(config));
        for pair in files.open()? {
            let pair = pair?;
            source.add(&pair.source);
            target.add(&pair.target);
        }
        Ok(Self {
            source: Subwords::train(config, source)?,
            target: Subwords::train(config, target)?,
        })
    }

    /// Both, to encode with.
    pub fn encoders(&self) -> Encoders<'_> {
        Encoders { source: &self.source, target: &self.target }
    }

    /// Encodes the training part into a file at `path`.
    ///
    /// # Errors
    /// As [`encode`].
    pub fn store(
        &self,
        files: &PairFiles,
        recipe: &Recipe,
        path: &Path,
    ) -> Result<(Store, Cleaned)> {
        encode(files.open()?, self.encoders(), &recipe.cleaning, path)
    }

    /// Reads the dev part, of which nothing is left out. Ready-made tokens are compared as they are, running text by mteval's rules.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn dev(&self, files: &PairFiles, recipe: &Recipe) -> Result<Dev> {
        let tokenization = match recipe.subwords.text {
            TextForm::Raw => Tokenization::Mteval13a,
            TextForm::Tokens => Tokenization::None,
        };
        let mut dev = Dev { bleu: Bleu { tokenization, ..Bleu::default() }, ..Dev::default() };
        for pair in files.open()? {
            let pair = pair?;
            dev.pairs.push(Pair {
                source: self.source.encode(&pair.source)?,
                target: self.target.encode(&pair.target)?,
            });
            dev.references.push(pair.target);
        }
        Ok(dev)
    }
}
