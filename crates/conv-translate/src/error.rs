//! What can go wrong with translation: each error names its file, line or field and what was expected.

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
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
    /// A name that is none of a fixed list.
    #[error("unknown {what} {found:?}, expected one of {expected}")]
    Choice {
        /// What is being chosen.
        what: &'static str,
        /// The name given.
        found: String,
        /// The names there are.
        expected: String,
    },
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
