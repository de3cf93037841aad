//! What can be wrong with a call: one variant each, with both numbers in the text.

use candle_core::{DType, DeviceLocation};

/// An error of this crate. Every text names the operation, what was found and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The element type is not one the operation computes in.
    #[error("{op}: the input is {found:?}, expected F32, F64, F16 or BF16")]
    DType {
        /// The operation.
        op: &'static str,
        /// The type found.
        found: DType,
    },

    /// An instruction set that the processor does not have, or that there is not.
    #[error("the instruction set {found} is not there; this processor has {}", available())]
    InstructionSet {
        /// The set asked for.
        found: String,
    },

    /// Another instruction set is in use already.
    #[error("the instruction set {found} comes too late: kernels have run with {used}")]
    InstructionSetInUse {
        /// The set asked for.
        found: crate::cpu::InstructionSet,
        /// The set in use.
        used: crate::cpu::InstructionSet,
    },

    /// Two arguments have different element types.
    #[error("{op}: the {argument} is {found:?}, the input is {expected:?}")]
    DTypeMismatch {
        /// The operation.
        op: &'static str,
        /// The argument that differs.
        argument: &'static str,
        /// Its type.
        found: DType,
        /// The input's type.
        expected: DType,
    },

    /// Two arguments lie on different devices.
    #[error("{op}: the {argument} is on {found:?}, the input on {expected:?}")]
    DeviceMismatch {
        /// The operation.
        op: &'static str,
        /// The argument that differs.
        argument: &'static str,
        /// Its device.
        found: DeviceLocation,
        /// The input's device.
        expected: DeviceLocation,
    },

    /// A tensor has the wrong number of dimensions.
    #[error("{op}: the {argument} has {} dimensions {found:?}, expected {expected}", found.len())]
    Rank {
        /// The operation.
        op: &'static str,
        /// The argument.
        argument: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// The dimensions expected, named.
        expected: &'static str,
    },

    /// A gradient that is not of its output's shape.
    #[error("{op}: the output's gradient has shape {found:?}, the output {expected:?}")]
    Gradient {
        /// The operation.
        op: &'static str,
        /// The gradient's shape.
        found: Vec<usize>,
        /// The output's.
        expected: Vec<usize>,
    },

    /// A stride, dilation, group count, kernel size or channel count is 0.
    #[error("{op}: the {what} is 0, expected at least 1")]
    Zero {
        /// The operation.
        op: &'static str,
        /// What is 0.
        what: &'static str,
    },

    /// The kernel, with its dilation, reaches beyond the padded input.
    #[error("{op}: the kernel covers {kernel} along the {axis}, the padded input has {input}")]
    KernelTooWide {
        /// The operation.
        op: &'static str,
        /// "height", "width" or "time".
        axis: &'static str,
        /// The kernel's reach, dilation included.
        kernel: usize,
        /// The input's size, padding included.
        input: usize,
    },

    /// A pooling window that lies in the padding altogether.
    #[error(
        "{op}: window {window} along the {axis} sees padding only, and none of the input's {input}"
    )]
    EmptyWindow {
        /// The operation.
        op: &'static str,
        /// "height", "width" or "time".
        axis: &'static str,
        /// The window's number.
        window: usize,
        /// The input's size, padding not included.
        input: usize,
    },

    /// Channels that the groups do not divide.
    #[error("{op}: {channels} {which} channels cannot be split into {groups} groups")]
    Groups {
        /// The operation.
        op: &'static str,
        /// "input" or "output".
        which: &'static str,
        /// The number of channels.
        channels: usize,
        /// The number of groups.
        groups: usize,
    },

    /// The weight is made for another number of input channels.
    #[error("{op}: the weight is for {found} input channels, the input has {expected}")]
    Channels {
        /// The operation.
        op: &'static str,
        /// The channels the weight stands for, over all groups.
        found: usize,
        /// The channels of the input.
        expected: usize,
    },

    /// The bias is not one number an output channel.
    #[error("{op}: the bias has shape {found:?}, expected [{expected}]")]
    Bias {
        /// The operation.
        op: &'static str,
        /// The shape of the bias.
        found: Vec<usize>,
        /// The number of output channels.
        expected: usize,
    },

    /// An output padding that no input size of the opposite convolution stands for.
    #[error(
        "{op}: the output padding along the {axis} is {found}, expected less than {limit} (the larger of stride and dilation)"
    )]
    OutputPadding {
        /// The operation.
        op: &'static str,
        /// "height", "width" or "time".
        axis: &'static str,
        /// The output padding.
        found: usize,
        /// The larger of stride and dilation.
        limit: usize,
    },

    /// A transposed convolution whose padding cuts away the whole output.
    #[error(
        "{op}: the padding removes {padding} along the {axis}, the output before it has {size}"
    )]
    NothingLeft {
        /// The operation.
        op: &'static str,
        /// "height", "width" or "time".
        axis: &'static str,
        /// The padding of both sides together.
        padding: usize,
        /// The size it is taken from, output padding included.
        size: usize,
    },

    /// Padding that reads further than the input has elements.
    #[error("{op}: a side is padded by {pad}, which a size of {size} does not allow")]
    PadTooWide {
        /// The operation.
        op: &'static str,
        /// The padding of the side.
        pad: usize,
        /// The size of the dimension.
        size: usize,
    },

    /// Sizes whose sum or product does not fit the address space.
    #[error("{op}: the size of the {what} overflows: {sizes:?}")]
    Overflow {
        /// The operation.
        op: &'static str,
        /// What was being computed.
        what: &'static str,
        /// The numbers that do not fit together.
        sizes: Vec<usize>,
    },

    /// A result larger than memory.
    #[error("{op}: no memory for a result of {elements} elements")]
    OutOfMemory {
        /// The operation.
        op: &'static str,
        /// The elements asked for.
        elements: usize,
    },

    /// Arguments that other operations take, but not this one.
    #[error("{op}: {found}, expected {expected}")]
    Refused {
        /// The operation.
        op: &'static str,
        /// What there is.
        found: String,
        /// What it takes.
        expected: &'static str,
    },

    /// A gradient of a gradient was asked for.
    #[error("{op}: its gradient cannot be differentiated again")]
    SecondOrder {
        /// The operation.
        op: &'static str,
    },

    /// The tensor library refused something underneath.
    #[error(transparent)]
    Candle(candle_core::Error),
}

/// A result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Error::Candle(without_backtrace(error))
    }
}

/// The error without the backtraces that candle adds to its text where `RUST_BACKTRACE` is set.
pub fn without_backtrace(error: candle_core::Error) -> candle_core::Error {
    use candle_core::Error::{Context, WithBacktrace, WithPath};
    let inside = |inner: Box<candle_core::Error>| Box::new(without_backtrace(*inner));
    match error {
        WithBacktrace { inner, .. } => without_backtrace(*inner),
        Context { inner, context } => Context { inner: inside(inner), context },
        WithPath { inner, path } => WithPath { inner: inside(inner), path },
        other => other,
    }
}

impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Candle(inner) => inner,
            other => candle_core::Error::wrap(other),
        }
    }
}

fn available() -> String {
    let sets = crate::cpu::InstructionSet::available().map(|set| set.to_string());
    sets.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::backtrace::Backtrace;

    #[test]
    fn an_error_of_candle_keeps_its_message_and_loses_its_backtrace() {
        let traced = |inner| candle_core::Error::WithBacktrace {
            inner: Box::new(inner),
            backtrace: Box::new(Backtrace::force_capture()),
        };
        let message = traced(candle_core::Error::Msg("no such shape".into()));
        let error = Error::from(traced(message.context("in the layer")));
        assert_eq!(error.to_string(), "in the layer\nno such shape");
    }
}
