//! What can go wrong with translation: each error names its file, line or field and what was expected.

use std::path::{Path, PathBuf};

use conv_hub::text::Place;

use crate::data::Cleaned;

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The two files of a corpus do not have the same number of lines.
    #[error("{} has {} lines and {} has {}, expected as many: a line and its translation have one number", files[0], lines[0], files[1], lines[1])]
    LineCounts {
        /// The files, source first.
        files: [String; 2],
        /// Their lines.
        lines: [u64; 2],
    },
    /// A line of a table has one column.
    #[error("{at}: no tab, expected a sentence, a tab and its translation")]
    Columns {
        /// The line.
        at: Place,
    },
    /// A pair of languages that is none.
    #[error("{found:?} is no pair of languages, expected two languages as in de-en")]
    LanguagePair {
        /// What was given.
        found: String,
    },
    /// A language of which a corpus has no file.
    #[error("{}: no file for `{language}` of the pair {pair}, found {found}", prefix.display())]
    Language {
        /// How the files' paths begin.
        prefix: PathBuf,
        /// The pair.
        pair: String,
        /// The language.
        language: String,
        /// The languages there.
        found: String,
    },
    /// Files of a corpus that do not belong together, or more than one choice of them.
    #[error(
        "{}: expected one file of each language of {pair} with the same between prefix and language, found {found}", prefix.display()
    )]
    SeveralFiles {
        /// How the files' paths begin.
        prefix: PathBuf,
        /// The pair.
        pair: String,
        /// The files.
        found: String,
    },
    /// Cleaning left nothing, or there was nothing.
    #[error("no pair is left to train on: {}", cleaned.to_string().replace('\n', "; "))]
    NoPairs {
        /// What became of them.
        cleaned: Box<Cleaned>,
    },
    /// A file of encoded pairs is unfinished, damaged or something else.
    #[error("{}: encoded pairs: {reason}", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// A `tokenizer.json` that cannot be used, text that it cannot take, or none that could be trained.
    #[error("{file}: tokenizer: {reason}")]
    Tokenizer {
        /// The file, or `in memory`.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A setting out of its range.
    #[error("{field} is {found}, expected {expected}")]
    Config {
        /// The field.
        field: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// candle failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A layer failed.
    #[error(transparent)]
    Layer(#[from] conv_nn::Error),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] conv_train::Error),
    /// A model folder or checkpoint failed.
    #[error(transparent)]
    Hub(#[from] conv_hub::Error),
}

impl Error {
    /// A file that cannot be read.
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        conv_hub::Error::Io { action: "read", path: path.to_path_buf(), source }.into()
    }

    /// A file that cannot be written.
    pub(crate) fn write(path: &Path, source: std::io::Error) -> Self {
        conv_hub::Error::Io { action: "write", path: path.to_path_buf(), source }.into()
    }
}
