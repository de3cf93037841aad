//! Convolution layers over conv-core, with PyTorch's names and first values.

use crate::{Init, Result, VarBuilder, glu};
use candle_core::{Module, Tensor};
use conv_core::{Conv1dConfig, Conv2dConfig, Precision};

/// A 1-D convolution with its parameters: [`conv_core::conv1d`].
///
/// # Shapes
/// `[B, C, T]` → `[B, O, T']`; weight `[O, C / groups, K]`, bias `[O]`.
///
/// ```
/// use candle_core::{DType, Device, Module, Tensor};
/// use conv_core::{Conv1dConfig, Precision};
/// use conv_nn::{Parameters, conv1d};
/// let vb = Parameters::new(1).builder(DType::F32, &Device::Cpu);
/// let trigrams = conv1d(300, 100, 3, Conv1dConfig::default(), vb.pp("conv"))?;
/// let sentence = Tensor::zeros((1, 300, 20), DType::F32, &Device::Cpu)?;
/// assert_eq!(trigrams.forward(&sentence)?.dims(), [1, 100, 18]);
/// // In evaluation, a sentence's result that does not depend on its batch:
/// let exact = trigrams.at(Precision::Exact).forward(&sentence)?;
/// assert_eq!(exact.dims(), [1, 100, 18]);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Conv1d {
    weight: Tensor,
    bias: Option<Tensor>,
    config: Conv1dConfig,
}

/// A 2-D convolution with its parameters: [`conv_core::conv2d`].
///
/// # Shapes
/// `[B, C, H, W]` → `[B, O, H', W']`; weight `[O, C / groups, KH, KW]`, bias `[O]`.
#[derive(Debug, Clone)]
pub struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    config: Conv2dConfig,
}

/// A [`Conv1d`] from `weight` and `bias`, both at first as in PyTorch: uniform within
/// 1/√(C / groups · K).
///
/// # Errors
/// Channels that the groups do not divide.
pub fn conv1d(
    in_channels: usize,
    out_channels: usize,
    kernel: usize,
    config: Conv1dConfig,
    vb: VarBuilder,
) -> candle_core::Result<Conv1d> {
    let layer = conv1d_no_bias(in_channels, out_channels, kernel, config, vb.clone())?;
    let bias = Some(bias_of(&layer.weight, vb)?);
    Ok(Conv1d { bias, ..layer })
}

/// A [`Conv1d`] from `weight` alone.
///
/// # Errors
/// Channels that the groups do not divide.
pub fn conv1d_no_bias(
    in_channels: usize,
    out_channels: usize,
    kernel: usize,
    config: Conv1dConfig,
    vb: VarBuilder,
) -> candle_core::Result<Conv1d> {
    let of_group = of_group("conv1d", in_channels, config.groups)?;
    let weight = weight_of(&[out_channels, of_group, kernel], vb)?;
    Ok(Conv1d::new(weight, None, config))
}

/// A [`Conv2d`] with a kernel of (height, width) from `weight` and `bias`, both at first as in
/// PyTorch: uniform within 1/√(C / groups · KH · KW).
///
/// # Errors
/// Channels that the groups do not divide.
pub fn conv2d(
    in_channels: usize,
    out_channels: usize,
    kernel: (usize, usize),
    config: Conv2dConfig,
    vb: VarBuilder,
) -> candle_core::Result<Conv2d> {
    let layer = conv2d_no_bias(in_channels, out_channels, kernel, config, vb.clone())?;
    let bias = Some(bias_of(&layer.weight, vb)?);
    Ok(Conv2d { bias, ..layer })
}

/// A [`Conv2d`] with a kernel of (height, width) from `weight` alone.
///
/// # Errors
/// Channels that the groups do not divide.
pub fn conv2d_no_bias(
    in_channels: usize,
    out_channels: usize,
    kernel: (usize, usize),
    config: Conv2dConfig,
    vb: VarBuilder,
) -> candle_core::Result<Conv2d> {
    let of_group = of_group("conv2d", in_channels, config.groups)?;
    let weight = weight_of(&[out_channels, of_group, kernel.0, kernel.1], vb)?;
    Ok(Conv2d::new(weight, None, config))
}

fn of_group(op: &'static str, channels: usize, groups: usize) -> Result<usize> {
    match channels.checked_rem(groups) {
        Some(0) => Ok(channels / groups),
        _ => Err(conv_core::Error::Groups { op, which: "input", channels, groups }.into()),
    }
}

fn weight_of(shape: &[usize], vb: VarBuilder) -> candle_core::Result<Tensor> {
    let fan_in = shape[1..].iter().product();
    vb.get_with_hints(shape, "weight", Init::uniform_fan_in(fan_in))
}

fn bias_of(weight: &Tensor, vb: VarBuilder) -> candle_core::Result<Tensor> {
    let out_channels = weight.dims()[0];
    let fan_in = weight.dims()[1..].iter().product();
    vb.get_with_hints(out_channels, "bias", Init::uniform_fan_in(fan_in))
}

impl Conv1d {
    /// From given tensors: weight `[O, C / groups, K]`, bias `[O]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, config: Conv1dConfig) -> Self {
        Self { weight, bias, config }
    }

    /// A convolution and a gated linear unit: a · σ(b), with a and b the halves of the output's
    /// channels. In one group both are one operation ([`conv_core::conv1d_glu`]).
    ///
    /// # Shapes
    /// `[B, C, T]` → `[B, O / 2, T']`.
    ///
    /// # Errors
    /// As its [`Module::forward`]; an odd number of output channels.
    pub fn forward_glu(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let Self { weight, bias, config } = self;
        if config.groups > 1 {
            Ok(glu(&self.forward(x)?, 1)?)
        } else {
            Ok(conv_core::conv1d_glu(x, weight, bias.as_ref(), config)?)
        }
    }

    /// The weight, `[O, C / groups, K]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias, `[O]`.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// How it is laid over its input.
    pub fn config(&self) -> &Conv1dConfig {
        &self.config
    }

    /// The same layer, with the same tensors, computed at another precision.
    pub fn at(&self, precision: Precision) -> Self {
        Self { config: Conv1dConfig { precision, ..self.config }, ..self.clone() }
    }
}

impl Conv2d {
    /// From given tensors: weight `[O, C / groups, KH, KW]`, bias `[O]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, config: Conv2dConfig) -> Self {
        Self { weight, bias, config }
    }

    /// The weight, `[O, C / groups, KH, KW]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias, `[O]`.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// How it is laid over its input.
    pub fn config(&self) -> &Conv2dConfig {
        &self.config
    }

    /// The same layer, with the same tensors, computed at another precision.
    pub fn at(&self, precision: Precision) -> Self {
        Self { config: Conv2dConfig { precision, ..self.config }, ..self.clone() }
    }
}

impl Module for Conv1d {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let bias = self.bias.as_ref();
        Ok(conv_core::conv1d(x, &self.weight, bias, &self.config)?)
    }
}

impl Module for Conv2d {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let bias = self.bias.as_ref();
        Ok(conv_core::conv2d(x, &self.weight, bias, &self.config)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Parameters;
    use candle_core::{DType, Device};

    fn shapes(parameters: &Parameters) -> Vec<(String, Vec<usize>)> {
        let vars = parameters.vars().into_iter();
        vars.map(|(name, var)| (name, var.dims().to_vec())).collect()
    }

    #[test]
    fn names_shapes_and_bounds_are_those_of_pytorch() -> candle_core::Result<()> {
        let parameters = Parameters::new(1);
        let vb = parameters.builder(DType::F32, &Device::Cpu);
        let grouped = Conv1dConfig { groups: 2, ..Default::default() };
        conv1d(8, 6, 5, grouped, vb.pp("text"))?;
        conv2d(3, 4, (2, 3), Conv2dConfig::default(), vb.pp("image"))?;
        let expected = [
            ("image.bias", vec![4]),
            ("image.weight", vec![4, 3, 2, 3]),
            ("text.bias", vec![6]),
            ("text.weight", vec![6, 4, 5]),
        ];
        assert_eq!(shapes(&parameters), expected.map(|(n, s)| (n.to_string(), s)));
        for (name, var) in parameters.vars() {
            let bound = if name.starts_with("text") { 20f32 } else { 18.0 }.sqrt().recip();
            let largest = var.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
            assert!((0.5 * bound..=bound).contains(&largest), "{name}: {largest}");
        }
        Ok(())
    }

    #[test]
    fn a_gated_convolution_is_the_same_with_and_without_gradients() -> candle_core::Result<()> {
        for groups in [1, 2] {
            let parameters = Parameters::new(1);
            let vb = parameters.builder(DType::F32, &Device::Cpu);
            let config = Conv1dConfig { groups, ..Default::default() };
            let tracked = conv1d(8, 12, 3, config, vb)?;
            let weight = tracked.weight.detach();
            let bias = tracked.bias().map(Tensor::detach);
            let plain = Conv1d::new(weight, bias, config);
            let x = gradcheck::values((2, 8, 20), 1).to_dtype(DType::F32)?;
            let y = plain.forward_glu(&x)?;
            let expected = tracked.forward_glu(&x)?;
            assert!(expected.track_op() && !y.track_op());
            let error = (y - expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
            assert!(error < 1e-6, "{error}");
        }
        Ok(())
    }

    #[test]
    fn groups_that_do_not_divide_the_channels_are_named() {
        for groups in [0, 3] {
            let vb = Parameters::new(1).builder(DType::F32, &Device::Cpu);
            let config = Conv1dConfig { groups, ..Default::default() };
            let message = conv1d(8, 6, 5, config, vb).err().map(|e| e.to_string());
            let message = message.unwrap_or_default();
            let expected = format!("conv1d: 8 input channels cannot be split into {groups} groups");
            assert!(message.starts_with(&expected), "{message}");
        }
    }
}
