//! What can go wrong with dialogs: each error names its file, dialog, round or field and what was
//! expected.

use conv_hub::text::Place;
use std::path::{Path, PathBuf};

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
    /// A file that is no JSON of its kind.
    #[error("{}: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The field, what was found and what was expected.
        reason: String,
    },
    /// A line that holds no dialog.
    #[error("{at}: {reason}")]
    Line {
        /// The line.
        at: Place,
        /// What was found and what was expected.
        reason: String,
    },
    /// A dialog, or one of its rounds, that cannot be used.
    #[error("{file}, {dialog}{}: {reason}", round.map_or(String::new(), |round| format!(", round {round}")))]
    Dialog {
        /// The file.
        file: String,
        /// Which dialog, and the image that it is about.
        dialog: String,
        /// The round, from 1.
        round: Option<usize>,
        /// What was found and what was expected.
        reason: String,
    },
    /// Nothing to learn from or to measure on.
    #[error("{place}: {found}, expected {expected}")]
    Empty {
        /// The file.
        place: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: &'static str,
    },
    /// Features of pictures that are not those of the dialogs or scenes.
    #[error("{}: {reason}", path.display())]
    Features {
        /// The file.
        path: PathBuf,
        /// The picture or layer, what was found and what was expected.
        reason: String,
    },
    /// A question that the agents of the guessing game cannot hear.
    #[error("question {question:?}: {reason}")]
    Question {
        /// The question.
        question: String,
        /// What was found and what was expected.
        reason: String,
    },
    /// A server that cannot be there.
    #[cfg(feature = "serve")]
    #[error("cannot serve on {address}")]
    Serve {
        /// Where it was to listen.
        address: std::net::SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A network gave something else than numbers.
    #[error(
        "the network gives {value} for {name}, expected finite numbers: its weights are too large"
    )]
    NotFinite {
        /// The first such value.
        value: f32,
        /// What it was for.
        name: String,
    },
    /// A field of a configuration or recipe is out of its range.
    #[error(transparent)]
    Field(#[from] conv_hub::InvalidField),
    /// The tensor library refused something underneath.
    #[error(transparent)]
    Candle(candle_core::Error),
    /// A layer refused its input.
    #[error(transparent)]
    Layer(#[from] conv_nn::Error),
    /// A picture, or a file of features of pictures, cannot be used.
    #[error(transparent)]
    Picture(#[from] conv_vision::Error),
    /// A model folder or a text file cannot be used.
    #[error(transparent)]
    Hub(#[from] conv_hub::Error),
    /// A text cannot be cut into words.
    #[error(transparent)]
    Text(#[from] conv_text::Error),
    /// Training cannot be set up or go on.
    #[error(transparent)]
    Train(#[from] conv_train::Error),
}

impl Error {
    /// For `map_err`: names the file that cannot be read.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Error::Io { path: path.into(), source }
    }
}

conv_train::task_error!(Error);
