//! One call of a convolution: its arguments checked against each other, and its geometry made from them.

use candle_core::{Shape, Tensor};

use crate::geometry::{Axis, Geometry, Request};
use crate::operation::Convolution;
use crate::{Conv2dConfig, ConvTranspose2dConfig, Error, Padding2d, Result};

/// The arguments of a convolution in one or two dimensions.
pub(crate) struct Call<'a> {
    pub op: &'static str,
    /// How many dimensions input and weight have: 3, or 4 with a height.
    pub rank: usize,
    /// Those of the input and of the weight, as error texts show them.
    pub dims: (&'static str, &'static str),
    pub x: &'a Tensor,
    pub weight: &'a Tensor,
    pub bias: Option<&'a Tensor>,
}

impl Call<'_> {
    pub fn convolution(&self, config: &Conv2dConfig) -> Result<Tensor> {
        let [batch, channels, size @ ..] = self.image("input", self.x, self.dims.0)?;
        let [outputs, of_group, kernel @ ..] = self.image("weight", self.weight, self.dims.1)?;
        let (stride, dilation) = (config.stride, config.dilation);
        let [h, w] = self.requests(size, kernel, stride, dilation, config.padding);
        let h = Axis::convolution(self.op, h)?;
        let w = Axis::convolution(self.op, w)?;
        let g = Geometry::new(self.op, batch, config.groups, (channels, outputs), h, w)?;
        self.check(of_group.saturating_mul(config.groups), channels, outputs)?;
        self.run(g, false, [batch, outputs, h.output, w.output])
    }

    pub fn transposed(&self, config: &ConvTranspose2dConfig) -> Result<Tensor> {
        let [batch, channels, size @ ..] = self.image("input", self.x, self.dims.0)?;
        let [of_weight, of_group, kernel @ ..] = self.image("weight", self.weight, self.dims.1)?;
        let (stride, dilation) = (config.stride, config.dilation);
        let [h, w] = self.requests(size, kernel, stride, dilation, config.padding);
        let h = Axis::transposed(self.op, h, config.output_padding.0)?;
        let w = Axis::transposed(self.op, w, config.output_padding.1)?;
        let outputs = of_group.saturating_mul(config.groups);
        let g = Geometry::new(self.op, batch, config.groups, (outputs, channels), h, w)?;
        self.check(of_weight, channels, outputs)?;
        self.run(g, true, [batch, outputs, h.input, w.input])
    }

    /// The tensor's dimensions, with a height of 1 where it has none.
    fn image(
        &self,
        argument: &'static str,
        tensor: &Tensor,
        expected: &'static str,
    ) -> Result<[usize; 4]> {
        match (self.is_1d(), tensor.dims()) {
            (true, &[a, b, width]) => Ok([a, b, 1, width]),
            (false, &[a, b, height, width]) => Ok([a, b, height, width]),
            (_, found) => Err(Error::Rank {
                op: self.op,
                argument,
                found: found.to_vec(),
                expected,
            }),
        }
    }

    fn is_1d(&self) -> bool {
        self.rank == 3
    }

    fn requests(
        &self,
        size: [usize; 2],
        kernel: [usize; 2],
        stride: (usize, usize),
        dilation: (usize, usize),
        padding: Padding2d,
    ) -> [Request; 2] {
        [
            Request {
                axis: "height",
                size: size[0],
                kernel: kernel[0],
                stride: stride.0,
                dilation: dilation.0,
                padding: (padding.top, padding.bottom),
            },
            Request {
                axis: if self.is_1d() { "time" } else { "width" },
                size: size[1],
                kernel: kernel[1],
                stride: stride.1,
                dilation: dilation.1,
                padding: (padding.left, padding.right),
            },
        ]
    }

    /// Checks channels (those the weight is for, and those found), bias, types and devices.
    fn check(&self, of_weight: usize, channels: usize, outputs: usize) -> Result<()> {
        let op = self.op;
        if of_weight != channels {
            return Err(Error::Channels {
                op,
                found: of_weight,
                expected: channels,
            });
        }
        if let Some(bias) = self.bias.filter(|bias| bias.dims() != [outputs]) {
            return Err(Error::Bias {
                op,
                found: bias.dims().to_vec(),
                expected: outputs,
            });
        }
        for (argument, tensor) in [("weight", Some(self.weight)), ("bias", self.bias)] {
            let Some(tensor) = tensor else { continue };
            if tensor.dtype() != self.x.dtype() {
                return Err(Error::DTypeMismatch {
                    op,
                    argument,
                    found: tensor.dtype(),
                    expected: self.x.dtype(),
                });
            }
            if !tensor.device().same_device(self.x.device()) {
                return Err(Error::DeviceMismatch {
                    op,
                    argument,
                    found: tensor.device().location(),
                    expected: self.x.device().location(),
                });
            }
        }
        Ok(())
    }

    fn run(&self, geometry: Geometry, transposed: bool, output: [usize; 4]) -> Result<Tensor> {
        let [batch, channels, _, width] = output;
        let output = match self.is_1d() {
            true => Shape::from((batch, channels, width)),
            false => Shape::from(&output[..]),
        };
        let convolution = Convolution {
            op: self.op,
            geometry,
            transposed,
            output,
        };
        convolution.apply(self.x, self.weight, self.bias)
    }
}
