//! One layer of a network, as a description.

use conv_core::{Conv2dConfig, Padding2d, Pool2dConfig};
use conv_nn::{BatchNormConfig, LocalResponseNormConfig};

/// What a layer computes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// The network's input, `[B, channels, H, W]`.
    Input {
        /// Channels of the picture.
        channels: usize,
    },
    /// A convolution, each side padded by zeros.
    Convolution {
        /// Channels of the output.
        channels: usize,
        /// Rows and columns that it sees.
        kernel: usize,
        /// Steps between windows.
        stride: usize,
        /// Zeros on each side.
        padding: usize,
        /// Parts that the channels are split into.
        groups: usize,
        /// Whether each output channel has a bias; before batch normalisation it would have no
        /// effect.
        bias: bool,
    },
    /// Batch normalisation of each channel (Ioffe and Szegedy 2015).
    BatchNorm(BatchNormConfig),
    /// The largest element of each window.
    MaxPool {
        /// Rows and columns that it sees.
        kernel: usize,
        /// Steps between windows.
        stride: usize,
        /// Elements added on each side, which are never the largest.
        padding: usize,
        /// Whether a last window may hang over the end.
        ceil: bool,
    },
    /// The mean of each window over the elements of it that are not padding, as
    /// [`Graph::average_pooled`](super::Graph::average_pooled) puts it in a maximum's place.
    AveragePool {
        /// Rows and columns that it sees.
        kernel: usize,
        /// Steps between windows.
        stride: usize,
        /// Elements added on each side, which are not counted.
        padding: usize,
        /// Whether a last window may hang over the end.
        ceil: bool,
    },
    /// The mean of each channel over all places, `[B, C]`: Caffe's average pooling of 7 × 7 at 224
    /// × 224 pixels, and right for every other size.
    GlobalAverage,
    /// Local response normalisation over neighbouring channels (Krizhevsky et al. 2012, section
    /// 3.3).
    ResponseNorm(LocalResponseNormConfig),
    /// The channels of several layers, one after the other.
    Concat,
    /// The sum of two layers of one shape.
    Add,
    /// Dropout in training, nothing otherwise.
    Dropout {
        /// The share that becomes zero.
        probability: f64,
    },
    /// A fully connected layer with bias; what has rows and columns is laid flat, channel by
    /// channel.
    Linear {
        /// Outputs.
        outputs: usize,
    },
    /// Probabilities of classes.
    Softmax,
}

impl Operation {
    pub(crate) fn convolution(&self) -> Option<(usize, usize, Conv2dConfig)> {
        match *self {
            Operation::Convolution { channels, kernel, stride, padding, groups, .. } => {
                let config = Conv2dConfig {
                    stride: (stride, stride),
                    padding: Padding2d::all(padding),
                    groups,
                    ..Conv2dConfig::default()
                };
                Some((channels, kernel, config))
            }
            _ => None,
        }
    }

    /// The windows of a pooling.
    pub(crate) fn pool(&self) -> Option<Pool2dConfig> {
        match *self {
            Operation::MaxPool { kernel, stride, padding, ceil }
            | Operation::AveragePool { kernel, stride, padding, ceil } => Some(Pool2dConfig {
                kernel: (kernel, kernel),
                stride: Some((stride, stride)),
                padding: Padding2d::all(padding),
                ceil_mode: ceil,
                count_include_pad: false,
                ..Pool2dConfig::default()
            }),
            _ => None,
        }
    }
}

/// A layer: a name, what it computes, and what it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Its name in the reference, which its parameters begin with.
    pub name: String,
    /// What it computes.
    pub operation: Operation,
    /// Whether max(·, 0) follows. The layer's name stands for what comes out of it.
    pub rectified: bool,
    /// The layers that it reads, by their place in the graph, all of them earlier ones.
    pub inputs: Vec<usize>,
}
