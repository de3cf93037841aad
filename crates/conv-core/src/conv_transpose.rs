//! Transposed convolution in one and two dimensions.

use candle_core::Tensor;

use crate::call::Call;
use crate::{ConvTranspose1dConfig, ConvTranspose2dConfig, Padding2d, Result};

/// 1-D transposed convolution: each input element spreads a scaled kernel over the output, `stride`
/// apart,
///
/// `y[b, o, t · stride + k · dilation − left] += weight[c, o, k] · x[b, c, t]`
///
/// on top of `bias[o]`, where `o` runs over the output channels of `c`'s group. It is
/// [`conv1d`](crate::conv1d)'s gradient with respect to its input. Differentiable, once, in `x`,
/// `weight` and `bias`.
///
/// # Shapes
/// `x` `[B, C, T]`, `weight` `[C, O / groups, K]`, `bias` `[O]` → `[B, O, T']` with
/// `T' = (T − 1) · stride − left − right + dilation · (K − 1) + 1 + output_padding`. B may be 0.
///
/// # Types
/// f32 and f64; f16 and bf16 are computed in f32 and rounded at the end.
///
/// # Errors
/// Arguments whose shapes, types, devices or sizes do not fit: see [`Error`](crate::Error).
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use conv_core::{ConvTranspose1dConfig, conv_transpose1d};
///
/// let x = Tensor::new(&[[[1f32, 2.]]], &Device::Cpu)?;
/// let weight = Tensor::new(&[[[1f32, 10., 100.]]], &Device::Cpu)?;
/// let config = ConvTranspose1dConfig { stride: 2, ..ConvTranspose1dConfig::default() };
/// let y = conv_transpose1d(&x, &weight, None, &config)?;
/// assert_eq!(y.to_vec3::<f32>()?, [[[1., 10., 102., 20., 200.]]]);
/// # Ok::<(), conv_core::Error>(())
/// ```
pub fn conv_transpose1d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    config: &ConvTranspose1dConfig,
) -> Result<Tensor> {
    let call = Call {
        op: "conv_transpose1d",
        rank: 3,
        dims: ("[B, C, T]", "[C, O / groups, K]"),
        x,
        weight,
        bias,
    };
    call.transposed(&ConvTranspose2dConfig {
        stride: (1, config.stride),
        padding: Padding2d::columns(config.padding),
        output_padding: (0, config.output_padding),
        dilation: (1, config.dilation),
        groups: config.groups,
        precision: config.precision,
    })?
    .apply(x, weight, bias)
}

/// 2-D transposed convolution: each input element spreads a scaled kernel over the output,
///
/// `y[b, o, i · s₀ + k · d₀ − top, j · s₁ + l · d₁ − left] += weight[c, o, k, l] · x[b, c, i, j]`
///
/// on top of `bias[o]`, with stride `s` and dilation `d`, where `o` runs over the output channels
/// of `c`'s group. It is [`conv2d`](crate::conv2d)'s gradient with respect to its input.
/// Differentiable, once, in `x`, `weight` and `bias`.
///
/// # Shapes
/// `x` `[B, C, H, W]`, `weight` `[C, O / groups, KH, KW]`, `bias` `[O]` → `[B, O, H', W']`, with H'
/// and W' each as [`conv_transpose1d`]'s T'. B may be 0.
///
/// # Types
/// f32 and f64; f16 and bf16 are computed in f32 and rounded at the end.
///
/// # Errors
/// Arguments whose shapes, types, devices or sizes do not fit: see [`Error`](crate::Error).
///
/// # Example
/// The usual doubling of an image's sides:
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use conv_core::{ConvTranspose2dConfig, Padding2d, conv_transpose2d};
///
/// let image = Tensor::zeros((1, 8, 5, 7), DType::F32, &Device::Cpu)?;
/// let weight = Tensor::zeros((8, 4, 3, 3), DType::F32, &Device::Cpu)?;
/// let config = ConvTranspose2dConfig {
///     stride: (2, 2),
///     padding: Padding2d::all(1),
///     output_padding: (1, 1),
///     ..ConvTranspose2dConfig::default()
/// };
/// let y = conv_transpose2d(&image, &weight, None, &config)?;
/// assert_eq!(y.dims(), [1, 4, 10, 14]);
/// # Ok::<(), conv_core::Error>(())
/// ```
pub fn conv_transpose2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    config: &ConvTranspose2dConfig,
) -> Result<Tensor> {
    call(x, weight, bias).transposed(config)?.apply(x, weight, bias)
}

/// A call of [`conv_transpose2d`].
pub(crate) fn call<'a>(x: &'a Tensor, weight: &'a Tensor, bias: Option<&'a Tensor>) -> Call<'a> {
    let dims = ("[B, C, H, W]", "[C, O / groups, KH, KW]");
    Call { op: "conv_transpose2d", rank: 4, dims, x, weight, bias }
}
