//! What can go wrong with a sentence classifier: each error names its file, line or field and what
//! was expected.

use conv_hub::text::Place;

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A treebank line that is not one tree.
    #[error("{at}: tree, byte {byte}: {found}, expected {expected}")]
    Tree {
        /// The line.
        at: Place,
        /// The position in the line, from 1.
        byte: usize,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// The network gave something else than numbers.
    #[error(
        "the network gives {value} for a sentence of {words} words, expected finite numbers: its weights are too large"
    )]
    NotFinite {
        /// The first such value.
        value: f64,
        /// The sentence's length.
        words: usize,
    },
    /// Word vectors that have none of the words.
    #[error(
        "{file}: none of the {words} words of the sentences has a vector there, expected vectors of their language and spelling"
    )]
    NoVectors {
        /// The vectors.
        file: String,
        /// Different words of the sentences.
        words: u64,
    },
    /// A field of a configuration or recipe is out of its range.
    #[error(transparent)]
    Field(#[from] conv_hub::InvalidField),
    /// Texts, labels or splits cannot be used.
    #[error(transparent)]
    Text(#[from] conv_text::Error),
    /// The tensor library refused something underneath.
    #[error(transparent)]
    Candle(candle_core::Error),
    /// A layer refused its input.
    #[error(transparent)]
    Layer(#[from] conv_nn::Error),
    /// A model folder or a file of vectors cannot be used.
    #[error(transparent)]
    Hub(#[from] conv_hub::Error),
    /// Training cannot be set up or go on.
    #[error(transparent)]
    Train(#[from] conv_train::Error),
}

conv_train::task_error!(Error);
