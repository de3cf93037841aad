//! What can be wrong with a layer, a loss or a parameter.

/// An error of this crate. Every text names the layer or parameter, what was found and what was
/// expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The tensor library refused something underneath.
    #[error(transparent)]
    Candle(candle_core::Error),
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
    /// A parameter of [`Parameters::frozen_once`](crate::Parameters::frozen_once) that a layer has
    /// already.
    #[error("parameter `{name}` was given up to the layer that asked for it first")]
    ParameterTaken {
        /// The parameter's full name.
        name: String,
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
    /// An argument has a shape that the operation cannot take.
    #[error("{operation}: {argument} has shape {found:?}, expected {expected}")]
    Shape {
        /// The operation.
        operation: &'static str,
        /// Its argument.
        argument: &'static str,
        /// The shape that came.
        found: Vec<usize>,
        /// What was expected, in shape letters and numbers.
        expected: String,
    },
    /// An argument has a type that the operation does not compute in.
    #[error("{operation}: {argument} is {found:?}, expected {expected}")]
    DType {
        /// The operation.
        operation: &'static str,
        /// Its argument.
        argument: &'static str,
        /// The type that came.
        found: candle_core::DType,
        /// What was expected.
        expected: String,
    },
    /// A number that is a share of something lies outside 0 to 1.
    #[error("{operation}: {argument} is {found}, expected 0 to 1")]
    Fraction {
        /// The operation.
        operation: &'static str,
        /// Its argument.
        argument: &'static str,
        /// The number that came.
        found: f64,
    },
    /// A weight of [`linear_r_drop_loss`](crate::linear_r_drop_loss) is out of range.
    #[error("linear_r_drop_loss: alpha is {found}, expected a finite number of at least 0")]
    RDropAlpha {
        /// The number that came.
        found: f64,
    },
    /// An id has no row in the embedding table.
    #[error("embedding: id {id} at position {position} has no row in a table of {rows} rows")]
    IdOutOfRange {
        /// The id.
        id: u32,
        /// Where it stands among the ids, counted in row-major order.
        position: usize,
        /// The table's rows.
        rows: usize,
    },
    /// A target is none of the classes.
    #[error("cross_entropy: target {target} of sample {sample} is none of the {classes} classes")]
    TargetOutOfRange {
        /// The target.
        target: u32,
        /// The sample it belongs to.
        sample: usize,
        /// How many classes the logits have.
        classes: usize,
    },
    /// A symbol of a target of [`ctc_loss`](crate::ctc_loss) or [`rnnt_loss`](crate::rnnt_loss)
    /// that no alignment can write.
    #[error(
        "{operation}: symbol {symbol} at position {position} of sample {sample} is the blank or none of the {classes} classes"
    )]
    Symbol {
        /// The loss.
        operation: &'static str,
        /// The sample.
        sample: usize,
        /// The symbol's place in its target.
        position: usize,
        /// The symbol.
        symbol: u32,
        /// How many classes the logits have.
        classes: usize,
    },
    /// A target of [`ctc_loss`](crate::ctc_loss) that is longer than its frames.
    #[error(
        "ctc_loss: sample {sample} has {frames} frames, expected at least {}: {symbols} symbols and {repeats} of them a repeat of the one before",
        symbols + repeats
    )]
    CtcFrames {
        /// The sample.
        sample: usize,
        /// U: symbols of its target.
        symbols: usize,
        /// Symbols that are the one before them again.
        repeats: usize,
        /// T': its frames.
        frames: usize,
    },
    /// A maximum over no windows, or over more than there are.
    #[error("{operation}: sample {sample} has {found} windows, expected 1 to {limit}")]
    Windows {
        /// The operation.
        operation: &'static str,
        /// The sample.
        sample: usize,
        /// The windows it was said to have.
        found: usize,
        /// The length of the time axis.
        limit: usize,
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

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Error::Candle(conv_core::cpu::without_backtrace(error))
    }
}
