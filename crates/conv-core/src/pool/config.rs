//! How a pooling is laid over its input: plain data.

use crate::Padding2d;

/// The geometry of a 1-D pooling. The default halves the time axis.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use conv_core::{Pool1dConfig, max_pool1d};
///
/// let x = Tensor::new(&[[[1f32, 4., 2., 0., 3.]]], &Device::Cpu)?;
/// let halves = max_pool1d(&x, &Pool1dConfig::default())?;
/// assert_eq!(halves.to_vec3::<f32>()?, [[[4., 2.]]]);
///
/// let overlapping = Pool1dConfig { kernel: 3, stride: Some(1), padding: (2, 0), ..Default::default() };
/// assert_eq!(max_pool1d(&x, &overlapping)?.to_vec3::<f32>()?, [[[1., 4., 4., 4., 3.]]]);
/// # Ok::<(), conv_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pool1dConfig {
    /// Elements that a window sees.
    pub kernel: usize,
    /// Elements from one window to the next; `None` is the kernel's size, so that windows lie side
    /// by side.
    pub stride: Option<usize>,
    /// Elements added before the first and after the last. A maximum never picks one of them.
    pub padding: (usize, usize),
    /// Distance between the elements that a window sees.
    pub dilation: usize,
    /// Whether a last window may hang over the end, instead of the elements there being left out.
    /// It must begin inside the input or the padding before it (PyTorch's rule).
    pub ceil_mode: bool,
    /// Whether averages count the padding as zeros, or leave it out of sum and count. Maxima have
    /// no use for it.
    pub count_include_pad: bool,
}

impl Default for Pool1dConfig {
    fn default() -> Self {
        Self {
            kernel: 2,
            stride: None,
            padding: (0, 0),
            dilation: 1,
            ceil_mode: false,
            count_include_pad: true,
        }
    }
}

/// The geometry of a 2-D pooling, pairs being (height, width). The default halves both axes.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use conv_core::{Padding2d, Pool2dConfig, max_pool2d};
///
/// // The first pooling of a ResNet.
/// let config = Pool2dConfig { kernel: (3, 3), stride: Some((2, 2)), padding: Padding2d::all(1), ..Default::default() };
/// let x = Tensor::zeros((1, 64, 112, 112), DType::F32, &Device::Cpu)?;
/// assert_eq!(max_pool2d(&x, &config)?.dims(), [1, 64, 56, 56]);
/// # Ok::<(), conv_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pool2dConfig {
    /// Rows and columns that a window sees.
    pub kernel: (usize, usize),
    /// Steps from one window to the next; `None` is the kernel's size, so that windows lie side by
    /// side.
    pub stride: Option<(usize, usize)>,
    /// Rows and columns added on each side. A maximum never picks one of them.
    pub padding: Padding2d,
    /// Distances between the rows and columns that a window sees.
    pub dilation: (usize, usize),
    /// Whether a last window may hang over the end, instead of the elements there being left out.
    /// It must begin inside the input or the padding before it (PyTorch's rule).
    pub ceil_mode: bool,
    /// Whether averages count the padding as zeros, or leave it out of sum and count. Maxima have
    /// no use for it.
    pub count_include_pad: bool,
}

impl Default for Pool2dConfig {
    fn default() -> Self {
        Self {
            kernel: (2, 2),
            stride: None,
            padding: Padding2d::default(),
            dilation: (1, 1),
            ceil_mode: false,
            count_include_pad: true,
        }
    }
}
