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
}
