//! The operations that are measured, and their shapes: those that the papers' networks spend their
//! time in.

use candle_core::{DType, Device, Result, Tensor, Var};

/// An operation on arguments of given shapes.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name, which the twin in Python knows it by.
    pub name: &'static str,
    /// What is computed.
    pub operation: Operation,
    /// The input's shape.
    pub x: &'static [usize],
    /// The weight's shape; empty where there is none.
    pub weight: &'static [usize],
    /// Whether the input's gradient is asked for. A network's first layer needs none.
    pub input_gradient: bool,
}

/// What a case computes.
#[derive(Debug, Clone, Copy)]
pub enum Operation {
    /// A convolution with a bias, over an image (or a sequence, as one of height 1), and what
    /// follows it.
    Convolution {
        /// In both directions.
        stride: usize,
        /// Above, below, left and right.
        padding: [usize; 4],
        /// Groups of channels.
        groups: usize,
        /// What follows.
        then: Then,
    },
    /// A transposed convolution with a bias.
    Transposed {
        /// In both directions.
        stride: usize,
    },
    /// The largest element of each window.
    MaxPool {
        /// The window's height and width.
        window: usize,
        /// In both directions.
        stride: usize,
    },
    /// The mean of each window.
    AvgPool {
        /// The window's height and width.
        window: usize,
        /// In both directions.
        stride: usize,
    },
    /// Batch normalisation in training.
    BatchNorm,
    /// A layer of long short-term memory in one direction, `[B, T, D]`, with as many units as
    /// inputs.
    Lstm,
    /// Over the last dimension.
    LayerNorm,
    /// Over the last dimension.
    Softmax,
    /// The rectifier.
    Relu,
    /// Of random classes, with a smoothing of 0.1.
    CrossEntropy,
}

/// What follows a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// The rectifier and the maximum over time (Kim 2014).
    MaxOverTime,
    /// A gated linear unit over channels (Gehring et al. 2017).
    Glu,
}

const fn convolution(
    name: &'static str,
    x: &'static [usize],
    weight: &'static [usize],
    stride: usize,
    padding: [usize; 4],
    input_gradient: bool,
) -> Case {
    let operation = Operation::Convolution { stride, padding, groups: 1, then: Then::Nothing };
    Case { name, operation, x, weight, input_gradient }
}

impl Case {
    const fn grouped(mut self, count: usize) -> Self {
        if let Operation::Convolution { groups, .. } = &mut self.operation {
            *groups = count;
        }
        self
    }

    const fn then(mut self, what: Then) -> Self {
        if let Operation::Convolution { then, .. } = &mut self.operation {
            *then = what;
        }
        self
    }
}

const fn other(name: &'static str, operation: Operation, x: &'static [usize]) -> Case {
    let weight: &[usize] = match operation {
        Operation::BatchNorm => &[64],
        Operation::LayerNorm => &[512],
        Operation::Transposed { .. } => &[64, 32, 3, 3],
        _ => &[0],
    };
    Case { name, operation, x, weight, input_gradient: true }
}

const fn lstm(name: &'static str, x: &'static [usize], weight: &'static [usize]) -> Case {
    Case { name, operation: Operation::Lstm, x, weight, input_gradient: true }
}

/// All cases.
pub const CASES: [Case; 33] = [
    convolution("kim3", &[50, 300, 1, 56], &[100, 300, 1, 3], 1, [0; 4], true)
        .then(Then::MaxOverTime),
    convolution("kim4", &[50, 300, 1, 56], &[100, 300, 1, 4], 1, [0; 4], true)
        .then(Then::MaxOverTime),
    convolution("kim5", &[50, 300, 1, 56], &[100, 300, 1, 5], 1, [0; 4], true)
        .then(Then::MaxOverTime),
    convolution("convs2s-256", &[32, 256, 1, 30], &[512, 256, 1, 3], 1, [0, 0, 2, 0], true)
        .then(Then::Glu),
    convolution("convs2s-512", &[32, 512, 1, 30], &[1024, 512, 1, 3], 1, [0, 0, 2, 0], true)
        .then(Then::Glu),
    convolution("raw-window", &[64, 1, 1, 560], &[40, 1, 1, 400], 1, [0; 4], false),
    convolution("raw-utterance", &[8, 1, 1, 32000], &[40, 1, 1, 400], 1, [0; 4], false),
    convolution("raw-utterance-s4", &[8, 1, 1, 32000], &[40, 1, 1, 400], 4, [0; 4], false),
    convolution("alexnet-conv1", &[16, 3, 227, 227], &[96, 3, 11, 11], 4, [0; 4], false),
    convolution("alexnet-conv2", &[16, 96, 27, 27], &[256, 48, 5, 5], 1, [2; 4], true).grouped(2),
    convolution("alexnet-conv3", &[16, 256, 13, 13], &[384, 256, 3, 3], 1, [1; 4], true),
    convolution("resnet-3x3-64", &[8, 64, 56, 56], &[64, 64, 3, 3], 1, [1; 4], true),
    convolution("resnet-3x3-128", &[8, 128, 28, 28], &[128, 128, 3, 3], 1, [1; 4], true),
    convolution("resnet-3x3-512", &[8, 512, 7, 7], &[512, 512, 3, 3], 1, [1; 4], true),
    convolution("resnet-3x3-s2", &[8, 64, 56, 56], &[128, 64, 3, 3], 2, [1; 4], true),
    convolution("resnet-1x1", &[8, 256, 56, 56], &[64, 256, 1, 1], 1, [0; 4], true),
    convolution("resnet-7x7-s2", &[8, 3, 224, 224], &[64, 3, 7, 7], 2, [3; 4], false),
    convolution("vgg-3x3", &[1, 64, 224, 224], &[64, 64, 3, 3], 1, [1; 4], true),
    convolution("depthwise-3x3", &[8, 128, 28, 28], &[128, 1, 3, 3], 1, [1; 4], true).grouped(128),
    other("transposed-3x3-s2", Operation::Transposed { stride: 2 }, &[4, 64, 64, 64]),
    other("max-pool-3-s2", Operation::MaxPool { window: 3, stride: 2 }, &[16, 96, 55, 55]),
    other("max-pool-2-s2", Operation::MaxPool { window: 2, stride: 2 }, &[16, 96, 54, 54]),
    other("avg-pool-3-s2", Operation::AvgPool { window: 3, stride: 2 }, &[16, 96, 55, 55]),
    other("avg-pool-2-s2", Operation::AvgPool { window: 2, stride: 2 }, &[16, 96, 54, 54]),
    other("batch-norm-train", Operation::BatchNorm, &[8, 64, 56, 56]),
    other("layer-norm", Operation::LayerNorm, &[32, 30, 512]),
    other("softmax", Operation::Softmax, &[256, 1000]),
    other("relu", Operation::Relu, &[8, 64, 56, 56]),
    other("cross-entropy", Operation::CrossEntropy, &[1024, 6000]),
    lstm("lstm-256-t100", &[16, 100, 256], &[1024, 256]),
    lstm("lstm-256-t500", &[16, 500, 256], &[1024, 256]),
    lstm("lstm-512-t100", &[16, 100, 512], &[2048, 512]),
    lstm("lstm-512-t500", &[16, 500, 512], &[2048, 512]),
];

/// The arguments of a case: leaves of the graph, as in training, or plain tensors.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// The input.
    pub x: Tensor,
    /// The weight, or an empty tensor.
    pub weight: Tensor,
    /// One number an output channel.
    pub bias: Tensor,
    /// Classes, for a loss.
    pub targets: Tensor,
    /// Weight and bias of a recurrent layer's products with its state.
    pub of_state: [Tensor; 2],
}

impl Arguments {
    /// Random ones that are tracked where the case asks for gradients.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn new(case: &Case) -> Result<Self> {
        let device = Device::Cpu;
        let outputs = match case.operation {
            Operation::Transposed { .. } => case.weight[1],
            _ => case.weight.first().copied().unwrap_or(0),
        };
        // A recurrent layer's are as small as at the start of training: its gradients would else
        // fade to nothing.
        let bound = match case.operation {
            Operation::Lstm => (case.weight[1] as f32).sqrt().recip(),
            _ => 1.0,
        };
        let leaf = |shape: &[usize]| -> Result<Tensor> {
            Ok(Var::rand(-bound, bound, shape, &device)?.into_inner())
        };
        let of_state: [&[usize]; 2] = match case.operation {
            Operation::Lstm => [case.weight, &case.weight[..1]],
            _ => [&[0]; 2],
        };
        let x = leaf(case.x)?;
        let classes = case.x.last().map_or(1, |&classes| classes as u32);
        let targets: Vec<u32> = (0..case.x[0] as u32).map(|i| i * 7919 % classes).collect();
        Ok(Self {
            x: if case.input_gradient { x } else { x.detach() },
            weight: leaf(case.weight)?,
            bias: leaf(&[outputs])?,
            targets: Tensor::from_vec(targets, case.x[0], &device)?,
            of_state: [leaf(of_state[0])?, leaf(of_state[1])?],
        })
    }

    /// The same, outside of any graph.
    pub fn detached(&self) -> Self {
        let Self { x, weight, bias, targets, of_state } = self;
        let [x, weight, bias, targets] = [x, weight, bias, targets].map(Tensor::detach);
        Self { x, weight, bias, targets, of_state: of_state.each_ref().map(Tensor::detach) }
    }
}

/// Zeros of a case's running statistics.
///
/// # Errors
/// Those of the tensor library.
pub fn statistics(case: &Case) -> Result<[Tensor; 2]> {
    let of = |value: f32| Tensor::full(value, case.weight, &Device::Cpu)?.to_dtype(DType::F32);
    Ok([of(0.0)?, of(1.0)?])
}
