//! From text files to what training reads: vocabularies, encoded pairs on disk, and the dev part in
//! memory.

use crate::data::{Cleaned, Cleaning, Encoders, Pair, Parallel, Store, encode};
use crate::metrics::{Bleu, Tokenization};
use crate::{Config, Dev, Error, POSITIONS_FROM, Recipe, Result};
use conv_text::subwords::{Sample, Subwords, TextForm};
use std::fmt;
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

impl fmt::Display for PairFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Two([source, target]) => {
                write!(f, "{} and {}", source.display(), target.display())
            }
            Self::Table(path) => path.display().fmt(f),
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
        let mut source = Sample::new(config);
        let mut target = Sample::new(config);
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

    /// Reads one tokenizer for both, as [`Subwords::load`].
    ///
    /// # Errors
    /// A file that cannot be read or used.
    pub fn joint(path: &Path) -> Result<Self> {
        let joint = Subwords::load(path)?;
        Ok(Self { source: joint.clone(), target: joint })
    }

    /// Reads a tokenizer of each language.
    ///
    /// # Errors
    /// As [`Vocabularies::joint`].
    pub fn load(source: &Path, target: &Path) -> Result<Self> {
        Ok(Self { source: Subwords::load(source)?, target: Subwords::load(target)? })
    }

    /// Whether both languages have the same tokens.
    pub fn are_joint(&self) -> bool {
        self.source.vocabulary() == self.target.vocabulary()
    }

    /// Whether they are a network's; `files` stand in the error's text.
    ///
    /// # Errors
    /// [`Error::Vocabulary`].
    pub fn check(&self, files: [String; 2], config: &Config) -> Result<()> {
        let [of_source, of_target] = files;
        for (side, subwords, expected, file) in [
            ("source", &self.source, config.source_vocabulary, of_source),
            ("target", &self.target, config.target_vocabulary, of_target),
        ] {
            let found = subwords.vocabulary().len();
            if found != expected {
                return Err(Error::Vocabulary { file, side, found, expected });
            }
        }
        Ok(())
    }

    /// Both, to encode with.
    pub fn encoders(&self) -> Encoders<'_> {
        Encoders { source: &self.source, target: &self.target }
    }

    /// Encodes the training part into a file at `path`; pairs beyond the network's positions are
    /// left out.
    ///
    /// # Errors
    /// As [`encode`].
    pub fn store(
        &self,
        files: &PairFiles,
        recipe: &Recipe,
        path: &Path,
    ) -> Result<(Store, Cleaned)> {
        let longest = recipe.positions.saturating_sub(POSITIONS_FROM + 1);
        let longest = recipe.cleaning.longest.min(longest);
        let cleaning = Cleaning { longest, ..recipe.cleaning.clone() };
        encode(files.open()?, self.encoders(), &cleaning, path)
    }

    /// Reads the dev part, of which nothing is left out. Ready-made tokens are compared as they
    /// are, with pieces of words joined on both sides, running text by mteval's rules, what is read
    /// in lower case in lower case.
    ///
    /// # Errors
    /// Files that cannot be read, or have no pair of sentences to watch training by.
    pub fn dev(&self, files: &PairFiles, recipe: &Recipe) -> Result<Dev> {
        let tokenization = match recipe.subwords.text {
            TextForm::Raw => Tokenization::Mteval13a,
            TextForm::Tokens => Tokenization::None,
        };
        let bleu = Bleu { tokenization, lowercase: self.target.lower_cases(), ..Bleu::default() };
        let mut dev = Dev { bleu, ..Dev::default() };
        for pair in files.open()? {
            let pair = pair?;
            dev.pairs.push(Pair {
                source: self.source.encode(&pair.source)?,
                target: self.target.encode(&pair.target)?,
            });
            dev.references.push(self.target.joined(pair.target));
        }
        if !dev.pairs.iter().any(|pair| !pair.source.is_empty() && !pair.target.is_empty()) {
            return Err(Error::NoHeldOut { files: files.to_string() });
        }
        Ok(dev)
    }
}
