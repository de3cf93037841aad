//! How a convolution is laid over its input: plain data with the defaults of the field.

use crate::{Padding2d, Precision};

/// How a 1-D convolution is laid over its input.
///
/// Causal convolution is padding on one side: `padding: (dilation * (kernel - 1), 0)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conv1dConfig {
    /// Steps between neighbouring windows, at least 1.
    pub stride: usize,
    /// Zeros added before the first and after the last element.
    pub padding: (usize, usize),
    /// Steps between neighbouring positions of the kernel, at least 1.
    pub dilation: usize,
    /// Parts the channels are split into; as many as input channels is a depthwise convolution.
    pub groups: usize,
    /// How exactly it is computed on the CPU.
    pub precision: Precision,
}

impl Default for Conv1dConfig {
    fn default() -> Self {
        Self { stride: 1, padding: (0, 0), dilation: 1, groups: 1, precision: Precision::default() }
    }
}

/// How a 2-D convolution is laid over its input. Pairs are (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conv2dConfig {
    /// Steps between neighbouring windows, at least 1.
    pub stride: (usize, usize),
    /// Zeros added on each side.
    pub padding: Padding2d,
    /// Steps between neighbouring positions of the kernel, at least 1.
    pub dilation: (usize, usize),
    /// Parts the channels are split into; as many as input channels is a depthwise convolution.
    pub groups: usize,
    /// How exactly it is computed on the CPU.
    pub precision: Precision,
}

impl Default for Conv2dConfig {
    fn default() -> Self {
        Self {
            stride: (1, 1),
            padding: Padding2d::default(),
            dilation: (1, 1),
            groups: 1,
            precision: Precision::default(),
        }
    }
}

/// How a 1-D transposed convolution spreads its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvTranspose1dConfig {
    /// Steps between the places neighbouring input elements are spread around, at least 1.
    pub stride: usize,
    /// Elements cut from the start and the end of the output.
    pub padding: (usize, usize),
    /// Elements added at the end of the output, less than the larger of stride and dilation.
    pub output_padding: usize,
    /// Steps between neighbouring positions of the kernel, at least 1.
    pub dilation: usize,
    /// Parts the channels are split into.
    pub groups: usize,
    /// How exactly it is computed on the CPU.
    pub precision: Precision,
}

impl Default for ConvTranspose1dConfig {
    fn default() -> Self {
        Self {
            stride: 1,
            padding: (0, 0),
            output_padding: 0,
            dilation: 1,
            groups: 1,
            precision: Precision::default(),
        }
    }
}

/// How a 2-D transposed convolution spreads its input. Pairs are (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvTranspose2dConfig {
    /// Steps between the places neighbouring input elements are spread around, at least 1.
    pub stride: (usize, usize),
    /// Rows and columns cut from each side of the output.
    pub padding: Padding2d,
    /// Rows added at the bottom and columns at the right of the output, less than the larger of
    /// stride and dilation.
    pub output_padding: (usize, usize),
    /// Steps between neighbouring positions of the kernel, at least 1.
    pub dilation: (usize, usize),
    /// Parts the channels are split into.
    pub groups: usize,
    /// How exactly it is computed on the CPU.
    pub precision: Precision,
}

impl Default for ConvTranspose2dConfig {
    fn default() -> Self {
        Self {
            stride: (1, 1),
            padding: Padding2d::default(),
            output_padding: (0, 0),
            dilation: (1, 1),
            groups: 1,
            precision: Precision::default(),
        }
    }
}

impl From<candle_nn::Conv1dConfig> for Conv1dConfig {
    fn from(config: candle_nn::Conv1dConfig) -> Self {
        Self {
            stride: config.stride,
            padding: (config.padding, config.padding),
            dilation: config.dilation,
            groups: config.groups,
            precision: Precision::default(),
        }
    }
}

impl From<candle_nn::Conv2dConfig> for Conv2dConfig {
    fn from(config: candle_nn::Conv2dConfig) -> Self {
        Self {
            stride: (config.stride, config.stride),
            padding: Padding2d::all(config.padding),
            dilation: (config.dilation, config.dilation),
            groups: config.groups,
            precision: Precision::default(),
        }
    }
}

impl From<candle_nn::ConvTranspose1dConfig> for ConvTranspose1dConfig {
    fn from(config: candle_nn::ConvTranspose1dConfig) -> Self {
        Self {
            stride: config.stride,
            padding: (config.padding, config.padding),
            output_padding: config.output_padding,
            dilation: config.dilation,
            groups: config.groups,
            precision: Precision::default(),
        }
    }
}

impl From<candle_nn::ConvTranspose2dConfig> for ConvTranspose2dConfig {
    fn from(config: candle_nn::ConvTranspose2dConfig) -> Self {
        Self {
            stride: (config.stride, config.stride),
            padding: Padding2d::all(config.padding),
            output_padding: (config.output_padding, config.output_padding),
            dilation: (config.dilation, config.dilation),
            groups: 1,
            precision: Precision::default(),
        }
    }
}
