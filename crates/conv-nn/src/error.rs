//! What can be wrong with a layer, a loss or a parameter.

/// An error of this crate. Every text names the layer or parameter, what was found and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The tensor library refused something underneath.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A convolution or pooling was impossible.
    #[error(transparent)]
    Core(#[from] conv_core::Error),
    /// A parameter was asked for in a shape that it does not have.
    #[error("parameter `{name}` has shape {found:?}, expected {expected:?}")]
    ParameterShape {
        /// The parameter's full name.
        name: String,
        /// The shape it has.
        found: Vec<usize>,
        /// The shape that was asked for.
        expected: Vec<usize>,
    },
    /// A frozen store was asked for a parameter that it does not hold.
    #[error(
        "parameter `{name}` is missing: the weights hold {count} tensors and none of this name"
    )]
    ParameterMissing {
        /// The parameter's full name.
        name: String,
        /// How many tensors there are.
        count: usize,
    },
    /// Values to restore hold a name that the model does not have.
    #[error("tensor `{name}` belongs to no parameter of this model")]
    ParameterUnknown {
        /// The tensor's name.
        name: String,
    },
    /// An initial value cannot be made as it was described.
    #[error("parameter `{name}`: {reason}")]
    Initial {
        /// The parameter's full name.
        name: String,
        /// What is wrong, with the numbers.
        reason: String,
    },
}

/// A result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Candle(inner) => inner,
            Error::Core(inner) => inner.into(),
            other => candle_core::Error::wrap(other),
        }
    }
}
