//! One call of a convolution: its arguments checked against each other, and its geometry made from
//! them.

use candle_core::{Shape, Tensor};

use crate::geometry::{Axis, Geometry, Request, fits};
use crate::operation::Convolution;
use crate::{Conv2dConfig, ConvTranspose2dConfig, Error, Padding2d, Precision, Result};

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
    pub fn convolution(&self, config: &Conv2dConfig) -> Result<Convolution> {
        let groups = config.groups;
        let [batch, inputs, size @ ..] = self.image("input", self.x, self.dims.0)?;
        let [outputs, of_group, kernel @ ..] = self.image("weight", self.weight, self.dims.1)?;
        let (stride, dilation) = (config.stride, config.dilation);
        let [h, w] = self.requests(size, kernel, stride, dilation, config.padding);
        let h = Axis::convolution(self.op, h)?;
        let w = Axis::convolution(self.op, w)?;
        self.check_channels(groups, inputs, outputs, of_group.saturating_mul(groups))?;
        let geometry = Geometry {
            batch,
            groups,
            channels_in: inputs / groups,
            channels_out: outputs / groups,
            h,
            w,
        };
        let convolution = self.checked(geometry, [batch, outputs, h.output, w.output])?;
        Ok(Convolution { precision: config.precision, ..convolution })
    }

    pub fn transposed(&self, config: &ConvTranspose2dConfig) -> Result<Convolution> {
        let groups = config.groups;
        let [batch, inputs, size @ ..] = self.image("input", self.x, self.dims.0)?;
        let [of_weight, of_group, kernel @ ..] = self.image("weight", self.weight, self.dims.1)?;
        let (stride, dilation) = (config.stride, config.dilation);
        let [h, w] = self.requests(size, kernel, stride, dilation, config.padding);
        let h = Axis::transposed(self.op, h, config.output_padding.0)?;
        let w = Axis::transposed(self.op, w, config.output_padding.1)?;
        let outputs = of_group.saturating_mul(groups);
        self.check_channels(groups, inputs, outputs, of_weight)?;
        let geometry = Geometry {
            batch,
            groups,
            channels_in: outputs / groups,
            channels_out: inputs / groups,
            h,
            w,
        };
        let convolution = self.checked(geometry, [batch, outputs, h.input, w.input])?;
        Ok(Convolution { transposed: true, precision: config.precision, ..convolution })
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
            (_, found) => {
                Err(Error::Rank { op: self.op, argument, found: found.to_vec(), expected })
            }
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

    /// Checks the channels over all groups, and those of the input that the weight is for.
    fn check_channels(
        &self,
        groups: usize,
        inputs: usize,
        outputs: usize,
        of_weight: usize,
    ) -> Result<()> {
        let op = self.op;
        if groups == 0 {
            return Err(Error::Zero { op, what: "number of groups" });
        }
        for (which, channels) in [("input", inputs), ("output", outputs)] {
            if channels == 0 {
                let what = "number of channels";
                return Err(Error::Zero { op, what });
            }
            if channels % groups != 0 {
                return Err(Error::Groups { op, which, channels, groups });
            }
        }
        if of_weight != inputs {
            return Err(Error::Channels { op, found: of_weight, expected: inputs });
        }
        Ok(())
    }

    /// Checks what is left: sizes, the bias, types and devices.
    fn checked(&self, geometry: Geometry, output: [usize; 4]) -> Result<Convolution> {
        let op = self.op;
        fits(op, "input", self.x.dims())?;
        fits(op, "weight", self.weight.dims())?;
        fits(op, "output", &output)?;
        // What kernels pad: the input as far as windows see, and for its gradient the output's by
        // the dilated kernel. Whether there is memory for it they find out, with numbers that do
        // not overflow.
        let Geometry { batch, groups, channels_in, channels_out, h, w } = geometry;
        let seen =
            |axis: &Axis| axis.before().saturating_add(axis.input).saturating_add(axis.after());
        let spread = |axis: &Axis| {
            axis.output.saturating_add((axis.kernel - 1).saturating_mul(axis.dilation))
        };
        for (what, channels, height, width) in [
            ("padded input", channels_in, seen(&h), seen(&w)),
            ("padded gradient", channels_out, spread(&h), spread(&w)),
        ] {
            let sizes = [batch, groups * channels, height, width];
            fits(op, what, &sizes)?;
        }
        let [batch, outputs, _, width] = output;
        if let Some(bias) = self.bias.filter(|bias| bias.dims() != [outputs]) {
            return Err(Error::Bias { op, found: bias.dims().to_vec(), expected: outputs });
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
        let output = if self.is_1d() {
            Shape::from((batch, outputs, width))
        } else {
            Shape::from(&output[..])
        };
        Ok(Convolution {
            op,
            geometry,
            transposed: false,
            precision: Precision::default(),
            keep: !(self.x.track_op() || self.weight.track_op()),
            relu: false,
            glu: false,
            sums: None,
            output,
        })
    }
}
