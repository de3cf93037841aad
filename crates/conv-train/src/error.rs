//! What can be wrong with a training run.

use std::path::PathBuf;

/// An error of this crate. Every text names the file, setting, step or parameter, what was found
/// and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The tensor library refused something underneath.
    #[error(transparent)]
    Candle(candle_core::Error),
    /// A layer, a loss or the parameter store refused something.
    #[error(transparent)]
    Nn(#[from] conv_nn::Error),
    /// A file could not be read or written; the text names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The learner itself failed, with an error of its own kind.
    #[error(transparent)]
    Learner(Box<dyn std::error::Error + Send + Sync>),
    /// There is nothing to train on.
    #[error("there are no training examples")]
    NoExamples,
    /// A setting has a value that makes no sense.
    #[error(transparent)]
    Field(#[from] conv_hub::InvalidField),
    /// A model folder cannot be written, or a file of the run cannot be used.
    #[error(transparent)]
    Hub(#[from] conv_hub::Error),
    /// A setting names a parameter that the model does not have.
    #[error("setting `{field}` names parameter `{name}`, which this model does not have")]
    UnknownParameter {
        /// The setting.
        field: &'static str,
        /// The name that it gives.
        name: String,
    },
    /// Only f32 and f64 parameters can be stepped.
    #[error("parameter `{name}` holds {dtype:?}, and optimisers step f32 and f64")]
    ParameterKind {
        /// The parameter's full name.
        name: String,
        /// What it holds.
        dtype: candle_core::DType,
    },
    /// Stored optimiser state does not belong to these parameters.
    #[error("optimiser state `{name}`: {reason}")]
    OptimizerState {
        /// The stored tensor's name.
        name: String,
        /// What is wrong, with the numbers.
        reason: String,
    },
    /// A loss is not what the loop can use: one number, with a positive weight.
    #[error("the loss at step {step} {reason}")]
    LossKind {
        /// The optimiser step, from 1.
        step: u64,
        /// What was found and what was expected.
        reason: String,
    },
    /// The loss became infinite or not a number. The checkpoint on disk is as it was, from an
    /// earlier step.
    #[error(
        "the loss at step {step} is {loss}, at a learning rate of {}; its batch is {}",
        short_number(*learning_rate),
        shown(batch)
    )]
    NonFiniteLoss {
        /// The optimiser step, from 1.
        step: u64,
        /// Its value.
        loss: f64,
        /// The step's learning rate; one that is too high is the usual reason.
        learning_rate: f64,
        /// The batch's examples, as [`Learner::name_of`](crate::Learner::name_of) names them.
        batch: Vec<String>,
    },
    /// A gradient became infinite or not a number, though the loss was finite. No checkpoint holds
    /// it.
    #[error(
        "the gradient of `{parameter}` at step {step} is not finite, at a learning rate of {}; \
         its batch is {}",
        short_number(*learning_rate),
        shown(batch)
    )]
    NonFiniteGradient {
        /// The optimiser step, from 1.
        step: u64,
        /// The first such parameter, in name order.
        parameter: String,
        /// The step's learning rate.
        learning_rate: f64,
        /// The examples of the step's batches, as [`Learner::name_of`](crate::Learner::name_of)
        /// names them.
        batch: Vec<String>,
    },
    /// A parameter became infinite or not a number, though loss and gradients were finite. It was
    /// not saved: the checkpoint on disk is as it was, from an earlier step.
    #[error(
        "parameter `{parameter}` is not finite after step {step}, at a learning rate of {}, so that was not saved",
        short_number(*learning_rate)
    )]
    NonFiniteParameter {
        /// Optimiser steps taken.
        step: u64,
        /// The first such parameter, in name order.
        parameter: String,
        /// The last step's learning rate.
        learning_rate: f64,
    },
    /// The metric to watch is not among those that evaluation gave.
    #[error(
        "the metric to watch is `{metric}`, but evaluation gave {found:?}: is it spelled so, and does the held-out part allow it?"
    )]
    UnknownMetric {
        /// The metric asked for.
        metric: String,
        /// Those there are.
        found: Vec<String>,
    },
    /// A new run would overwrite one that is there.
    #[error(
        "{} holds a training run already: resume it, or choose another folder", path.display()
    )]
    RunExists {
        /// The run's folder.
        path: PathBuf,
    },
    /// Another run is in progress in the folder.
    #[error("{} is in use by another run: wait for its end, or choose another folder", path.display())]
    RunLocked {
        /// The run's folder.
        path: PathBuf,
    },
    /// A checkpoint is damaged, or is no checkpoint at all.
    #[error("{} is not a usable checkpoint: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint belongs to another run: another configuration, model or data.
    #[error(
        "{} belongs to another run: `{field}` is {found} there and {expected} here", path.display()
    )]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// The first field that differs, with dots between its levels.
        field: String,
        /// The checkpoint's value.
        found: String,
        /// This run's value.
        expected: String,
    },
    /// The thread pool was built before, with another size.
    #[error("cannot set {wanted} threads: the pool already runs with {present}")]
    Threads {
        /// How many were asked for.
        wanted: usize,
        /// How many there are.
        present: usize,
    },
    /// The report's curves could not be drawn.
    #[error("cannot draw the curve of {title}: {reason}")]
    Curve {
        /// The curve's title.
        title: String,
        /// The drawing library's message.
        reason: String,
    },
}

/// A number as people write it: with an exponent only where it is very large or small.
pub fn short_number(value: f64) -> String {
    match value.abs() {
        size if (1e-5..1e7).contains(&size) => value.to_string(),
        _ => format!("{value:e}"),
    }
}

/// The first few of a batch, of which there may be hundreds.
fn shown(batch: &[String]) -> String {
    const SHOWN: usize = 5;
    let first = batch.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match batch.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

impl Error {
    /// Wraps the error of a [`Learner`](crate::Learner) that has an error type of its own.
    pub fn learner(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Error::Learner(error.into())
    }
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Error::Candle(conv_core::cpu::without_backtrace(error))
    }
}

/// What the error of every task crate is made from and becomes: from candle's, less its backtrace,
/// by the variant `Candle`; and into this crate's, so that a [`Learner`](crate::Learner) may use
/// `?`, where an error of this crate, the variant `Train`, comes out as it went in.
#[macro_export]
macro_rules! task_error {
    ($error:ident) => {
        impl From<candle_core::Error> for $error {
            fn from(error: candle_core::Error) -> Self {
                $error::Candle(conv_core::cpu::without_backtrace(error))
            }
        }

        impl From<$error> for conv_train::Error {
            fn from(error: $error) -> Self {
                match error {
                    $error::Train(error) => error,
                    error => Self::learner(error),
                }
            }
        }
    };
}
