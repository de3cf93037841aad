//! How exactly convolutions are computed.

/// How exactly a convolution of f32 is computed on the CPU: a field of its configuration.
///
/// The backward pass has the precision of its call, whenever and wherever it runs.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use conv_core::{Conv2dConfig, Precision, conv2d};
///
/// let x = Tensor::ones((8, 32, 28, 28), DType::F32, &Device::Cpu)?;
/// let weight = Tensor::ones((32, 32, 3, 3), DType::F32, &Device::Cpu)?;
/// let config = Conv2dConfig { precision: Precision::Exact, ..Conv2dConfig::default() };
/// let y = conv2d(&x, &weight, None, &config)?;
/// assert_eq!(y.max_all()?.to_scalar::<f32>()?, 288.0);
/// # Ok::<(), conv_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// By the fastest kernel. Kernels of 3, 4 or 5 positions an axis and stride 1, in one dimension
    /// (or of height 1) and in two, by Winograd's algorithm (Lavin and Gray 2016) where there are
    /// channels enough, with errors of up to 3e-5 of the largest value (a little more where single
    /// outliers are a thousand times the rest).
    #[default]
    Fast,
    /// By products and sums as the definition has them, whose errors are mostly 4 to 80 times
    /// smaller, the more the more channels there are (hardly smaller for kernels that sum to zero
    /// on an image far from it). A sample's result is the same bits whatever else is in the batch.
    Exact,
}
