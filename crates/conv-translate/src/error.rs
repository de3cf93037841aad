//! What can go wrong with translation: each error names its file, line or field and what was
//! expected.

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
    /// Nothing to watch training by.
    #[error("{files}: no pair of sentences, expected some to watch training by")]
    NoHeldOut {
        /// The dev part's files.
        files: String,
    },
    /// A file of encoded pairs is unfinished, damaged or something else.
    #[error("{}: encoded pairs: {reason}", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// A field of a configuration or recipe is out of its range.
    #[error(transparent)]
    Field(#[from] conv_hub::InvalidField),
    /// Text cannot be turned into numbers, or a tokenizer cannot be used.
    #[error(transparent)]
    Text(#[from] conv_text::Error),
    /// A notation that is not the reference's.
    #[error("{what} `{text}`: at character {character}, {found}, expected {expected}")]
    Syntax {
        /// What is denoted.
        what: &'static str,
        /// The whole text.
        text: String,
        /// Where, from 1.
        character: usize,
        /// What stands there.
        found: String,
        /// What could.
        expected: String,
    },
    /// A residual connection that begins before the first layer.
    #[error("layer {layer} adds the input of {residual} layers before, expected at most {layer}")]
    Residual {
        /// The layer, from 1.
        layer: usize,
        /// How far its residual connection reaches.
        residual: usize,
    },
    /// A sentence beyond the table of positions.
    #[error(
        "a {side} sentence has {found} tokens with its end, expected at most {expected}, the positions that the model knows"
    )]
    TooLong {
        /// Source or target.
        side: &'static str,
        /// Its tokens.
        found: usize,
        /// The most there may be.
        expected: usize,
    },
    /// An ensemble of no model.
    #[error("an ensemble has no model, expected at least 1")]
    NoModel,
    /// A model of an ensemble with other words.
    #[error(
        "model {model} of the ensemble has {found} words of the {side}, expected {expected} as the first"
    )]
    Ensemble {
        /// Which, from 1.
        model: usize,
        /// Source or target.
        side: &'static str,
        /// Its words.
        found: usize,
        /// Those of the first.
        expected: usize,
    },
    /// What is asked for a sentence cannot be searched.
    #[error("sentence {sentence}: its {field} is {found}, expected {expected}")]
    Request {
        /// Its place in the input, from 1.
        sentence: usize,
        /// What is asked.
        field: &'static str,
        /// Its value.
        found: String,
        /// What may be asked.
        expected: String,
    },
    /// A search in which no translation was left.
    #[error(
        "sentence {sentence}: no translation is left, since every next word is forbidden or has no probability"
    )]
    NoTranslation {
        /// Its place in the input, from 1.
        sentence: usize,
    },
    /// A file could not be opened or read.
    #[error("cannot read {file}")]
    Read {
        /// The file.
        file: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file could not be written whole; the text names it.
    #[error(transparent)]
    Write(std::io::Error),
    /// A dictionary's line that cannot be used.
    #[error("{file} line {line}: {reason}")]
    Dictionary {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What was found and what was expected.
        reason: String,
    },
    /// A PyTorch checkpoint without the arguments that fairseq saves.
    #[error("{file} has neither `args` nor `cfg`, expected a checkpoint of fairseq")]
    NotFairseq {
        /// The file.
        file: String,
    },
    /// A checkpoint of another network.
    #[error("{file} is a model of the architecture {found:?}, expected one of {expected}")]
    Architecture {
        /// The file.
        file: String,
        /// Its architecture.
        found: String,
        /// Those that are this network.
        expected: String,
    },
    /// An argument that fairseq did not save, or not as it does.
    #[error("{file}: argument `{field}` is {found}, expected {expected}")]
    FairseqArgument {
        /// The file.
        file: String,
        /// The argument.
        field: &'static str,
        /// Its value.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A vocabulary that is not the network's.
    #[error(
        "{file}: the {side} vocabulary has {found} tokens, special ones included, expected {expected} as the network has"
    )]
    Vocabulary {
        /// The dictionary or tokenizer, or `in memory`.
        file: String,
        /// Source or target.
        side: &'static str,
        /// Tokens of the vocabulary.
        found: usize,
        /// Rows of the network's table.
        expected: usize,
    },
    /// A given sentence, or its given translation, beyond the table of positions.
    #[error(
        "sentence {sentence}: its {side} has {found} tokens with its end, expected at most {expected}, the positions that the model knows"
    )]
    TooLongSentence {
        /// The sentence, from 1.
        sentence: usize,
        /// Source or target.
        side: &'static str,
        /// Its tokens.
        found: usize,
        /// The most there may be.
        expected: usize,
    },
    /// A line of a dictionary for unknown words that cannot be used.
    #[error("{at}: {reason}, expected a source token, a tab or a blank, and what to write for it")]
    Replacement {
        /// The line.
        at: Place,
        /// What was found.
        reason: &'static str,
    },
    /// A stored model that is no network of its configuration.
    #[error("the network of {model}")]
    Network {
        /// The model, by the end of its path.
        model: String,
        /// What is wrong with it.
        source: Box<Self>,
    },
    /// candle failed.
    #[error(transparent)]
    Candle(candle_core::Error),
    /// An operation failed.
    #[error(transparent)]
    Operation(#[from] conv_core::Error),
    /// A layer failed.
    #[error(transparent)]
    Layer(#[from] conv_nn::Error),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] conv_train::Error),
    /// A model folder or checkpoint failed.
    #[error(transparent)]
    Hub(#[from] conv_hub::Error),
    /// References that are not line by line beside the hypotheses.
    #[error("{what} has {found} line{}, expected {expected}, as many as the hypotheses", if *.found == 1 { "" } else { "s" })]
    LineCount {
        /// Which reference.
        what: String,
        /// Its lines.
        found: usize,
        /// The hypotheses' lines.
        expected: usize,
    },
    /// A hypothesis with nothing to compare it with.
    #[error("sentence {sentence}: no reference, expected at least one")]
    NoReference {
        /// The sentence, from 1.
        sentence: u64,
    },
    /// Counts of a metric that cannot be added: the one is not the other's metric.
    #[error("counts for the score {found}, expected {expected}")]
    Signatures {
        /// The signature of the counts to add.
        found: String,
        /// The signature of those they were to be added to.
        expected: String,
    },
}

conv_train::task_error!(Error);

impl Error {
    /// Whether it is of one sentence or line alone, so that others do without it.
    pub fn is_of_one(&self) -> bool {
        use conv_hub::Error::{LineTooLong, NotUtf8};
        match self {
            Error::Hub(error) => matches!(error, LineTooLong { .. } | NotUtf8 { .. }),
            Error::Columns { .. }
            | Error::NoTranslation { .. }
            | Error::Request { .. }
            | Error::Text { .. }
            | Error::TooLongSentence { .. } => true,
            _ => false,
        }
    }

    /// A file that cannot be read.
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        conv_hub::Error::Io { action: "read", path: path.to_path_buf(), source }.into()
    }

    /// A file that cannot be written.
    pub(crate) fn write(path: &Path, source: std::io::Error) -> Self {
        conv_hub::Error::Io { action: "write", path: path.to_path_buf(), source }.into()
    }
}
