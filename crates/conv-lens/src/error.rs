//! What can go wrong with looking inside: each error names its character, layer, field or file,
//! what was found and what was expected.

use std::path::PathBuf;

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An objective that cannot be read.
    #[error("{text:?}, character {at}: {reason}")]
    Objective {
        /// As it was given.
        text: String,
        /// The character, from 1.
        at: usize,
        /// What was found and what was expected.
        reason: String,
    },
    /// An objective in which nothing depends on the picture.
    #[error("the objective is the same for every picture: there is nothing to climb")]
    Constant,
    /// A position that a layer does not have.
    #[error(
        "layer {layer:?} has {rows} × {columns} positions for this picture; row {row}, column {column} is asked for"
    )]
    NoPosition {
        /// The layer.
        layer: String,
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
        /// The row asked for.
        row: usize,
        /// The column asked for.
        column: usize,
    },
    /// A layer that a network of one's own does not have.
    #[error("{network}: no layer {found:?}; there are {layers}")]
    NoLayer {
        /// What it is called.
        network: String,
        /// The name asked for.
        found: String,
        /// Those that it has.
        layers: String,
    },
    /// A class that there is not.
    #[error("class {found:?}: {hint}")]
    NoClass {
        /// As it was given.
        found: String,
        /// What there is.
        hint: String,
    },
    /// A folder without a photograph.
    #[error("{place}: no photograph{hint}")]
    NoPhotographs {
        /// The folder.
        place: String,
        /// What there was instead; empty or beginning with a separator.
        hint: String,
    },
    /// An ascent on disk that cannot be written, or gone on with.
    #[error("{path}: {reason}")]
    Saved {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// A picture that cannot be written.
    #[error("{path}: {source}")]
    Write {
        /// Where to.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A field of the settings out of its range.
    #[error(transparent)]
    Field(#[from] conv_hub::InvalidField),
    /// A file that cannot be read.
    #[error(transparent)]
    Hub(#[from] conv_hub::Error),
    /// A picture, or the network.
    #[error(transparent)]
    Vision(#[from] conv_vision::Error),
    /// The tensor library refused something underneath.
    #[error(transparent)]
    Candle(candle_core::Error),
    /// An operation refused its input.
    #[error(transparent)]
    Operation(#[from] conv_core::Error),
    /// A layer refused its input.
    #[error(transparent)]
    Layer(#[from] conv_nn::Error),
    /// The optimiser refused something.
    #[error(transparent)]
    Train(#[from] conv_train::Error),
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Error::Candle(conv_core::cpu::without_backtrace(error))
    }
}
