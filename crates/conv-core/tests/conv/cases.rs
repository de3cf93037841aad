//! One geometry of one of the four operations, and how to draw them.

use candle_core::Tensor;
use conv_core::{
    Conv1dConfig, Conv2dConfig, ConvTranspose1dConfig, ConvTranspose2dConfig, Padding2d, Result,
    conv_transpose1d, conv_transpose2d, conv1d, conv2d,
};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Conv1d,
    Conv2d,
    ConvTranspose1d,
    ConvTranspose2d,
}

pub const OPERATIONS: [Operation; 4] =
    [Operation::Conv1d, Operation::Conv2d, Operation::ConvTranspose1d, Operation::ConvTranspose2d];

impl Operation {
    pub fn name(self) -> &'static str {
        match self {
            Self::Conv1d => "conv1d",
            Self::Conv2d => "conv2d",
            Self::ConvTranspose1d => "conv_transpose1d",
            Self::ConvTranspose2d => "conv_transpose2d",
        }
    }

    pub fn is_1d(self) -> bool {
        matches!(self, Self::Conv1d | Self::ConvTranspose1d)
    }

    pub fn is_transposed(self) -> bool {
        matches!(self, Self::ConvTranspose1d | Self::ConvTranspose2d)
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Axis {
    pub size: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: (usize, usize),
    pub dilation: usize,
    pub output_padding: usize,
}

impl Axis {
    /// What the stride divides into windows, less the one that is always there.
    pub fn room(&self) -> Option<usize> {
        let reach = self.dilation * (self.kernel - 1) + 1;
        (self.size + self.padding.0 + self.padding.1).checked_sub(reach)
    }

    pub fn transposed_size(&self) -> usize {
        let reach = self.dilation * (self.kernel - 1) + 1;
        let full = (self.size - 1) * self.stride + reach + self.output_padding;
        full.saturating_sub(self.padding.0 + self.padding.1)
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub operation: Operation,
    pub batch: usize,
    pub groups: usize,
    /// Input channels of a group.
    pub inputs: usize,
    /// Output channels of a group.
    pub outputs: usize,
    /// The height's is not used in one dimension.
    pub h: Axis,
    pub w: Axis,
    pub bias: bool,
}

impl Case {
    pub fn x_shape(&self) -> Vec<usize> {
        let channels = self.groups * self.inputs;
        if self.operation.is_1d() {
            vec![self.batch, channels, self.w.size]
        } else {
            vec![self.batch, channels, self.h.size, self.w.size]
        }
    }

    pub fn weight_shape(&self) -> Vec<usize> {
        let mut shape = if self.operation.is_transposed() {
            vec![self.groups * self.inputs, self.outputs]
        } else {
            vec![self.groups * self.outputs, self.inputs]
        };
        if !self.operation.is_1d() {
            shape.push(self.h.kernel);
        }
        shape.push(self.w.kernel);
        shape
    }

    pub fn run(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let Self { groups, h, w, .. } = *self;
        let padding = Padding2d {
            top: h.padding.0,
            bottom: h.padding.1,
            left: w.padding.0,
            right: w.padding.1,
        };
        match self.operation {
            Operation::Conv1d => {
                let config = Conv1dConfig {
                    stride: w.stride,
                    padding: w.padding,
                    dilation: w.dilation,
                    groups,
                    ..Default::default()
                };
                conv1d(x, weight, bias, &config)
            }
            Operation::Conv2d => {
                let config = Conv2dConfig {
                    stride: (h.stride, w.stride),
                    padding,
                    dilation: (h.dilation, w.dilation),
                    groups,
                    ..Default::default()
                };
                conv2d(x, weight, bias, &config)
            }
            Operation::ConvTranspose1d => {
                let config = ConvTranspose1dConfig {
                    stride: w.stride,
                    padding: w.padding,
                    output_padding: w.output_padding,
                    dilation: w.dilation,
                    groups,
                    ..Default::default()
                };
                conv_transpose1d(x, weight, bias, &config)
            }
            Operation::ConvTranspose2d => {
                let config = ConvTranspose2dConfig {
                    stride: (h.stride, w.stride),
                    padding,
                    output_padding: (h.output_padding, w.output_padding),
                    dilation: (h.dilation, w.dilation),
                    groups,
                    ..Default::default()
                };
                conv_transpose2d(x, weight, bias, &config)
            }
        }
    }
}

fn axis(operation: Operation) -> impl Strategy<Value = Axis> {
    let size = if operation.is_1d() { 1..12usize } else { 1..6 };
    let padding = prop_oneof![Just((0, 0)), (0..4usize, 0..4usize), (1..4usize, Just(0))];
    (size, 1..4usize, 1..4usize, padding, 1..4usize, 0..3usize).prop_filter_map(
        "possible and small",
        move |(size, kernel, stride, padding, dilation, output_padding)| {
            let transposed = operation.is_transposed();
            let axis = Axis {
                size,
                kernel,
                stride,
                padding,
                dilation,
                output_padding: if transposed { output_padding } else { 0 },
            };
            let possible = if transposed {
                output_padding < stride.max(dilation) && axis.transposed_size() > 0
            } else {
                axis.room().is_some()
            };
            possible.then_some(axis)
        },
    )
}

/// A possible, small geometry of `operation`.
pub fn any_case(operation: Operation) -> impl Strategy<Value = Case> {
    let channels = prop_oneof![
        2 => (Just(1usize), 1..6usize, 1..6usize),
        1 => (2..4usize, Just(1usize), 1..3usize),
        1 => (Just(2usize), 1..3usize, 1..5usize),
    ];
    let axes = (axis(operation), axis(operation));
    (1..4usize, channels, axes, any::<bool>()).prop_map(
        move |(batch, (groups, inputs, outputs), (h, w), bias)| Case {
            operation,
            batch,
            groups,
            inputs,
            outputs,
            h,
            w,
            bias,
        },
    )
}
