//! What a description says of a network without computing it: shapes, receptive fields and costs.

use super::{Graph, Layer, Operation};
use crate::{Error, Result};
use serde::Serialize;

/// The part of the input that one element of a layer sees, the same in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReceptiveField {
    /// Its side in pixels.
    pub size: usize,
    /// Pixels between the fields of neighbouring elements.
    pub stride: usize,
    /// The first pixel that the first element sees; negative in the padding.
    pub start: isize,
}

/// A layer, as `inspect` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerReport {
    /// Its name.
    pub layer: String,
    /// What it computes, such as `convolution`.
    pub operation: &'static str,
    /// The shape of its output without the batch, `[C, H, W]` or `[C]`.
    pub output: Vec<usize>,
    /// What one element sees of the input; `None` where it sees all of it.
    pub receptive_field: Option<ReceptiveField>,
    /// Numbers that it has learnt.
    pub parameters: u64,
    /// Products and sums for one picture.
    pub multiply_adds: u64,
}

impl Graph {
    /// The shapes of all layers' outputs, `[C, H, W]` or `[C]`, for an input `[C, H, W]`.
    ///
    /// # Errors
    /// [`Error::LayerInput`] names the first layer that has no output for it, as where a picture is
    /// too small.
    pub fn shapes(&self, input: &[usize]) -> Result<Vec<Vec<usize>>> {
        self.shapes_until(self.layers().len(), input)
    }

    /// The shapes of the outputs of the first `count` layers; what lies behind them may be
    /// impossible.
    ///
    /// # Errors
    /// As [`Graph::shapes`].
    pub fn shapes_until(&self, count: usize, input: &[usize]) -> Result<Vec<Vec<usize>>> {
        let mut shapes: Vec<Vec<usize>> = Vec::new();
        for layer in self.layers().iter().take(count) {
            let inputs: Vec<&[usize]> =
                layer.inputs.iter().map(|&at| shapes[at].as_slice()).collect();
            let first = inputs.first().copied().unwrap_or(input);
            let shape = shape(&layer.operation, &inputs, input).map_err(|expected| {
                Error::LayerInput { layer: layer.name.clone(), found: first.to_vec(), expected }
            })?;
            shapes.push(shape);
        }
        Ok(shapes)
    }

    /// Every layer with its shape, its receptive field and its costs, for an input `[C, H, W]`.
    ///
    /// # Errors
    /// As [`Graph::shapes`].
    pub fn report(&self, input: &[usize]) -> Result<Vec<LayerReport>> {
        let shapes = self.shapes(input)?;
        let fields = self.receptive_fields();
        let report = |(at, layer): (usize, &Layer)| {
            let from = layer.inputs.first().map(|&at| shapes[at].as_slice()).unwrap_or_default();
            let elements: usize = shapes[at].iter().product();
            // Products that one output is made of, and the numbers that a channel has learnt.
            let (each, learnt) = match layer.operation {
                Operation::Convolution { kernel, groups, bias, .. } => {
                    let products = from[0] / groups * kernel * kernel;
                    (products, products + usize::from(bias))
                }
                Operation::Linear { .. } => {
                    let products = from.iter().product();
                    (products, products + 1)
                }
                // Its running statistics are counted, not learnt.
                Operation::BatchNorm(_) => (1, 2),
                _ => (0, 0),
            };
            let parameters = if learnt == 0 { 0 } else { learnt * shapes[at][0] };
            LayerReport {
                layer: layer.name.clone(),
                operation: name(&layer.operation),
                output: shapes[at].clone(),
                receptive_field: fields[at],
                parameters: parameters as u64,
                multiply_adds: (each * elements) as u64,
            }
        };
        Ok(self.layers().iter().enumerate().map(report).collect())
    }

    /// What one element of each layer sees; `None` where it sees the whole picture.
    pub fn receptive_fields(&self) -> Vec<Option<ReceptiveField>> {
        let mut fields: Vec<Option<ReceptiveField>> = Vec::new();
        for layer in self.layers() {
            let of_inputs = layer.inputs.iter().map(|&at| fields[at]);
            let joined = of_inputs.reduce(|a, b| a.zip(b).map(|(a, b)| union(a, b)));
            let before = joined.unwrap_or(Some(ReceptiveField { size: 1, stride: 1, start: 0 }));
            let window = match layer.operation {
                Operation::Convolution { kernel, stride, padding, .. }
                | Operation::MaxPool { kernel, stride, padding, .. }
                | Operation::AveragePool { kernel, stride, padding, .. } => {
                    Some((kernel, stride, padding))
                }
                Operation::GlobalAverage | Operation::Linear { .. } | Operation::Softmax => None,
                _ => Some((1, 1, 0)),
            };
            let field =
                before.zip(window).map(|(before, (kernel, stride, padding))| ReceptiveField {
                    size: before.size + (kernel - 1) * before.stride,
                    stride: before.stride * stride,
                    start: before.start - (padding * before.stride) as isize,
                });
            fields.push(field);
        }
        fields
    }
}

fn union(a: ReceptiveField, b: ReceptiveField) -> ReceptiveField {
    let start = a.start.min(b.start);
    let end = (a.start + a.size as isize).max(b.start + b.size as isize);
    ReceptiveField { size: (end - start) as usize, stride: a.stride, start }
}

/// The output of an operation, or what it would need instead.
fn shape(
    operation: &Operation,
    inputs: &[&[usize]],
    picture: &[usize],
) -> std::result::Result<Vec<usize>, String> {
    let map = || match *inputs {
        [&[channels, height, width]] => Ok([channels, height, width]),
        _ => Err("expected [C, H, W]".to_string()),
    };
    match *operation {
        Operation::Input { channels } => match *picture {
            [found, height, width] if found == channels && height > 0 && width > 0 => {
                Ok(picture.to_vec())
            }
            _ => Err(format!("expected [{channels}, H, W]")),
        },
        Operation::Convolution { channels, kernel, stride, padding, groups, .. } => {
            let [from, height, width] = map()?;
            if from % groups != 0 {
                return Err(format!("expected channels that {groups} groups divide"));
            }
            let side = |side| windows(side, kernel, stride, padding, false);
            Ok(vec![channels, side(height)?, side(width)?])
        }
        Operation::MaxPool { kernel, stride, padding, ceil }
        | Operation::AveragePool { kernel, stride, padding, ceil } => {
            let [channels, height, width] = map()?;
            let side = |side| windows(side, kernel, stride, padding, ceil);
            Ok(vec![channels, side(height)?, side(width)?])
        }
        Operation::GlobalAverage => Ok(vec![map()?[0]]),
        Operation::ResponseNorm(_) | Operation::BatchNorm(_) => Ok(map()?.to_vec()),
        Operation::Concat => {
            let place = |shape: &[usize]| shape.get(1..).map(<[usize]>::to_vec);
            let first = inputs.first().and_then(|shape| place(shape)).unwrap_or_default();
            if inputs.iter().any(|shape| place(shape).as_ref() != Some(&first)) {
                return Err("expected layers of the same height and width".into());
            }
            let channels = inputs.iter().map(|shape| shape[0]).sum();
            Ok([&[channels], first.as_slice()].concat())
        }
        Operation::Add => match inputs {
            [first, second] if first == second => Ok(first.to_vec()),
            _ => Err("expected two layers of one shape".into()),
        },
        Operation::Dropout { .. } | Operation::Softmax => {
            Ok(inputs.first().map(|shape| shape.to_vec()).unwrap_or_default())
        }
        Operation::Linear { outputs } => Ok(vec![outputs]),
    }
}

/// Windows along an axis. With `ceil` one may hang over the end, where it begins before the padding
/// behind it.
fn windows(
    side: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    ceil: bool,
) -> std::result::Result<usize, String> {
    let padded = side + 2 * padding;
    let Some(room) = padded.checked_sub(kernel) else {
        // One that hangs over the end alone, as conv-core and PyTorch have it.
        if ceil && kernel - padded < stride {
            return Ok(1);
        }
        return Err(format!("expected at least {} rows and columns", kernel - 2 * padding));
    };
    let floor = room / stride + 1;
    let hangs = ceil && room % stride > 0 && floor * stride < side + padding;
    Ok(floor + usize::from(hangs))
}

fn name(operation: &Operation) -> &'static str {
    match operation {
        Operation::Input { .. } => "input",
        Operation::Convolution { .. } => "convolution",
        Operation::MaxPool { .. } => "max pooling",
        Operation::AveragePool { .. } => "average pooling",
        Operation::GlobalAverage => "mean over places",
        Operation::ResponseNorm(_) => "response norm",
        Operation::BatchNorm(_) => "batch norm",
        Operation::Concat => "concatenation",
        Operation::Add => "sum",
        Operation::Dropout { .. } => "dropout",
        Operation::Linear { .. } => "linear",
        Operation::Softmax => "softmax",
    }
}
