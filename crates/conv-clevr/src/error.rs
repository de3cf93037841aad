//! What can go wrong between a question and its answer: each error names its file, step or word,
//! and what was expected.

use std::path::PathBuf;

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read at all.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(std::io::Error),
    /// A file that is not of CLEVR's form.
    #[error("{}{field}: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The field, after a blank; empty for the whole.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A scene that contradicts itself.
    #[error("the scene of {image} {reason}")]
    Scene {
        /// Its picture.
        image: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A program that no scene can be asked by.
    #[error("step {step} of the program ({function}) {reason}")]
    Program {
        /// The step at fault, from 0 as in files.
        step: usize,
        /// Its function's name as it stands there.
        function: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A program without a step.
    #[error("the program has no step")]
    NoSteps,
    /// A program that asks of this scene what it does not say.
    #[error(
        "step {step} of the program ({function}) has {found} objects, expected exactly one: the question does not fit the picture"
    )]
    NotUnique {
        /// The step, from 0.
        step: usize,
        /// Its function.
        function: &'static str,
        /// How many objects it was given.
        found: usize,
    },
    /// A question with words that no question of CLEVR has.
    #[error("the question has {} that {} not known: {}", if words.len() == 1 { "a word" } else { "words" },
        if words.len() == 1 { "is" } else { "are" }, words.join(", "))]
    UnknownWords {
        /// The words, each once.
        words: Vec<String>,
    },
    /// A text of known words that is no question of CLEVR's.
    #[error("no question of CLEVR's kind: {reason}")]
    NotAQuestion {
        /// Why it is thought to be none.
        reason: String,
    },
    /// A translator whose target language is not that of programs.
    #[error("the model is no parser of CLEVR's questions: its token {token:?} {reason}")]
    NotAParser {
        /// The token.
        token: String,
        /// Why it is none of a program.
        reason: String,
    },
    /// A detector of other things than CLEVR's.
    #[error("{} {reason}, expected a detector of CLEVR's objects", folder.display())]
    NotADetector {
        /// Its model folder.
        folder: PathBuf,
        /// What it lacks or knows too much.
        reason: String,
    },
    /// A template of questions that cannot be used.
    #[error("{}: template {index}: {reason}", path.display())]
    Template {
        /// Its file.
        path: PathBuf,
        /// Its place there, from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing to work on.
    #[error("{place}: {found}, expected {expected}")]
    Empty {
        /// Where it was looked for.
        place: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: &'static str,
    },
    /// A picture in which nothing of CLEVR's was seen.
    #[error("no CLEVR object found in {image}{reason}")]
    NoObject {
        /// The picture.
        image: String,
        /// Why none was looked for; empty or beginning with a colon.
        reason: String,
    },
    /// A field of a configuration is out of its range.
    #[error(transparent)]
    Field(#[from] conv_hub::InvalidField),
    /// A model folder or a text file cannot be used.
    #[error(transparent)]
    Hub(#[from] conv_hub::Error),
    /// A picture cannot be used.
    #[error(transparent)]
    Picture(#[from] conv_vision::Error),
    /// The tensor library refused something underneath.
    #[error(transparent)]
    Candle(candle_core::Error),
    /// A convolution or pooling was impossible.
    #[error(transparent)]
    Core(#[from] conv_core::Error),
    /// A layer refused its input.
    #[error(transparent)]
    Layer(#[from] conv_nn::Error),
    /// The detector refused.
    #[error(transparent)]
    Detect(#[from] conv_detect::Error),
    /// The parser's network refused.
    #[error(transparent)]
    Translate(#[from] conv_translate::Error),
    /// Training cannot be set up or go on.
    #[error(transparent)]
    Train(#[from] conv_train::Error),
}

impl Error {
    /// For `map_err`: names the file that cannot be read.
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Error::Io { path: path.into(), source }
    }
}

conv_train::task_error!(Error);
