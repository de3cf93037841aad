//! Convolution in one and two dimensions.

use candle_core::Tensor;

use crate::call::Call;
use crate::operation::Convolution;
use crate::{Conv1dConfig, Conv2dConfig, Padding2d, Result};

/// 1-D convolution (cross-correlation, as the field has it), with zeros beyond the ends where
/// padded:
///
/// `y[b, o, t] = bias[o] + Σ_{c, k} weight[o, c, k] · x[b, c, t · stride + k · dilation − left]`
///
/// where `c` runs over the input channels of `o`'s group. Differentiable, once, in `x`, `weight`
/// and `bias`.
///
/// # Shapes
/// `x` `[B, C, T]`, `weight` `[O, C / groups, K]`, `bias` `[O]` → `[B, O, T']` with
/// `T' = (T + left + right − dilation · (K − 1) − 1) / stride + 1`, rounded down. B may be 0.
///
/// # Types
/// f32 and f64; f16 and bf16 are computed in f32 and rounded at the end.
///
/// # Errors
/// Arguments whose shapes, types, devices or sizes do not fit: see [`Error`](crate::Error).
///
/// # Example
/// A filter that takes from each second element its right neighbour, one zero beyond the right end:
/// ```
/// use candle_core::{Device, Tensor};
/// use conv_core::{Conv1dConfig, conv1d};
///
/// let x = Tensor::new(&[[[1f32, 3., -1., 0., 2., 1.]]], &Device::Cpu)?;
/// let weight = Tensor::new(&[[[1f32, -1., 0.]]], &Device::Cpu)?;
/// let config = Conv1dConfig { stride: 2, padding: (0, 1), ..Conv1dConfig::default() };
/// let y = conv1d(&x, &weight, None, &config)?;
/// assert_eq!(y.to_vec3::<f32>()?, [[[-2., -1., 1.]]]);
/// # Ok::<(), conv_core::Error>(())
/// ```
pub fn conv1d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    config: &Conv1dConfig,
) -> Result<Tensor> {
    convolution1d("conv1d", x, weight, bias, config)?.apply(x, weight, bias)
}

/// max([`conv1d`], 0), rectified as the sums are stored: one walk through the result less than with
/// a rectifier behind it. As there, the gradient of a 0 is 0, and what is not a number stays so.
///
/// # Shapes, types, errors
/// As [`conv1d`].
///
/// ```
/// use candle_core::{Device, Tensor};
/// use conv_core::{Conv1dConfig, conv1d_relu};
///
/// let x = Tensor::new(&[[[1f32, 3., -1., 0.]]], &Device::Cpu)?;
/// let weight = Tensor::new(&[[[1f32, -1.]]], &Device::Cpu)?;
/// let y = conv1d_relu(&x, &weight, None, &Conv1dConfig::default())?;
/// assert_eq!(y.to_vec3::<f32>()?, [[[0., 4., 0.]]]);
/// # Ok::<(), conv_core::Error>(())
/// ```
pub fn conv1d_relu(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    config: &Conv1dConfig,
) -> Result<Tensor> {
    convolution1d("conv1d_relu", x, weight, bias, config)?.with_relu().apply(x, weight, bias)
}

/// [`conv1d`] to twice the channels with a gated linear unit behind it (Gehring et al. 2017,
/// section 3.2): with a and b the halves of the channels, a · σ(b). Differentiable as [`conv1d`];
/// where no argument is tracked, gated while the sums are in the second cache.
///
/// # Shapes, types
/// As [`conv1d`], with O even, but the result has O / 2 channels.
///
/// # Errors
/// As [`conv1d`]; an odd number of output channels, or several groups.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use conv_core::{Conv1dConfig, conv1d_glu};
///
/// let x = Tensor::new(&[[[1f32, 3., -1.]]], &Device::Cpu)?;
/// let weight = Tensor::new(&[[[2f32]], [[0.]]], &Device::Cpu)?;
/// let y = conv1d_glu(&x, &weight, None, &Conv1dConfig::default())?;
/// assert_eq!(y.to_vec3::<f32>()?, [[[1., 3., -1.]]]);
/// # Ok::<(), conv_core::Error>(())
/// ```
pub fn conv1d_glu(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    config: &Conv1dConfig,
) -> Result<Tensor> {
    let convolution = convolution1d("conv1d_glu", x, weight, bias, config)?;
    convolution.with_glu([Some(x), Some(weight), bias])?.apply(x, weight, bias)
}

fn convolution1d(
    op: &'static str,
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    config: &Conv1dConfig,
) -> Result<Convolution> {
    let dims = ("[B, C, T]", "[O, C / groups, K]");
    Call { op, rank: 3, dims, x, weight, bias }.convolution(&Conv2dConfig {
        stride: (1, config.stride),
        padding: Padding2d::columns(config.padding),
        dilation: (1, config.dilation),
        groups: config.groups,
        precision: config.precision,
    })
}

/// 2-D convolution (cross-correlation, as the field has it), with zeros beyond the sides where
/// padded:
///
/// `y[b, o, i, j] = bias[o] + Σ_{c, k, l} weight[o, c, k, l] · x[b, c, i · s₀ + k · d₀ − top, j · s₁ + l · d₁ − left]`
///
/// with stride `s` and dilation `d`, where `c` runs over the input channels of `o`'s group.
/// Differentiable, once, in `x`, `weight` and `bias`.
///
/// # Shapes
/// `x` `[B, C, H, W]`, `weight` `[O, C / groups, KH, KW]`, `bias` `[O]` → `[B, O, H', W']`, with H'
/// and W' each as [`conv1d`]'s T'. B may be 0.
///
/// # Types
/// f32 and f64; f16 and bf16 are computed in f32 and rounded at the end.
///
/// # Errors
/// Arguments whose shapes, types, devices or sizes do not fit: see [`Error`](crate::Error).
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use conv_core::{Conv2dConfig, Padding2d, conv2d};
///
/// let image = Tensor::zeros((1, 3, 7, 9), DType::F32, &Device::Cpu)?;
/// let weight = Tensor::zeros((8, 3, 3, 3), DType::F32, &Device::Cpu)?;
/// let bias = Tensor::ones(8, DType::F32, &Device::Cpu)?;
/// let config = Conv2dConfig { stride: (2, 1), padding: Padding2d::all(1), ..Conv2dConfig::default() };
/// let y = conv2d(&image, &weight, Some(&bias), &config)?;
/// assert_eq!(y.dims(), [1, 8, 4, 9]);
/// # Ok::<(), conv_core::Error>(())
/// ```
pub fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    config: &Conv2dConfig,
) -> Result<Tensor> {
    call(x, weight, bias).convolution(config)?.apply(x, weight, bias)
}

/// max([`conv2d`], 0), as [`conv1d_relu`].
///
/// # Shapes, types, errors
/// As [`conv2d`].
pub fn conv2d_relu(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    config: &Conv2dConfig,
) -> Result<Tensor> {
    let call = Call { op: "conv2d_relu", ..call(x, weight, bias) };
    call.convolution(config)?.with_relu().apply(x, weight, bias)
}

/// A call of [`conv2d`].
pub(crate) fn call<'a>(x: &'a Tensor, weight: &'a Tensor, bias: Option<&'a Tensor>) -> Call<'a> {
    let dims = ("[B, C, H, W]", "[O, C / groups, KH, KW]");
    Call { op: "conv2d", rank: 4, dims, x, weight, bias }
}
