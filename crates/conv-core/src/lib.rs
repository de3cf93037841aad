//! Convolutions, pooling and upsampling for candle, with gradients one can trust and the same bits
//! on any number of threads.
//!
//! The operations are plain functions from tensors to tensors: arguments, then a configuration with
//! the field's defaults. Each is a custom operation in candle's graph with a backward pass of its
//! own, because candle's rules for them are wrong or missing in places. A one-dimensional operation
//! is the two-dimensional one of height 1; a transposed convolution is a convolution with forward
//! pass and input gradient swapped. Every call is turned into a checked geometry first, and
//! impossible ones are refused by an [`Error`] that names the operation and both numbers.
//!
//! On the CPU, each operation has kernels of its own, which use the processor's best vector
//! instructions ([`cpu::InstructionSet`]). Work is cut into blocks that depend on the geometry
//! alone, and sums are added in a fixed order, so the result does not depend on the number of
//! threads. [`Precision::Exact`] turns off Winograd's algorithm, which rounds more than the
//! definition.
//!
//! On CUDA and Metal, the same functions run candle's forward operations. Their gradients are
//! composed of those of candle that are right.
//!
//! There are no second derivatives: gradients are constants.
//!
//! Kernels may skip multiplications by padding and by the zeros of a sparse gradient. Where a
//! weight is infinite or NaN, outputs next to it may therefore stay finite. Under Winograd's
//! algorithm (never with [`Precision::Exact`]) a non-finite input may reach its whole tile.
//!
//! # Example
//! A causal filter, which sees two elements back and none ahead, and its gradient:
//! ```
//! use candle_core::{Device, Tensor, Var};
//! use conv_core::{Conv1dConfig, conv1d};
//!
//! let x = Tensor::new(&[[[1f32, 2., 4., 8.]]], &Device::Cpu)?; // [B, C, T]
//! let weight = Var::new(&[[[1f32, 0., -1.]]], &Device::Cpu)?; // [O, C, K]
//! let causal = Conv1dConfig { padding: (2, 0), ..Conv1dConfig::default() };
//! let y = conv1d(&x, &weight, None, &causal)?;
//! assert_eq!(y.to_vec3::<f32>()?, [[[-1., -2., -3., -6.]]]);
//!
//! let gradients = y.sum_all()?.backward()?;
//! let dweight = gradients.get(&weight).map(|g| g.to_vec3::<f32>()).transpose()?;
//! assert_eq!(dweight, Some(vec![vec![vec![3., 7., 15.]]]));
//! # Ok::<(), conv_core::Error>(())
//! ```
#![deny(missing_docs)]

mod awake;
mod call;
mod candle_threads;
#[cfg(test)]
mod checks;
mod config;
mod conv;
mod conv_transpose;
pub mod cpu;
mod dense;
mod device;
mod element;
mod error;
mod exponential;
mod geometry;
mod glu;
pub mod gradients;
mod kernels;
mod memory;
mod operation;
mod padding;
mod planes;
mod pool;
mod precision;
mod relu;
mod second_order;
mod simd;
mod upsample;

pub use config::{Conv1dConfig, Conv2dConfig, ConvTranspose1dConfig, ConvTranspose2dConfig};
pub use conv::{conv1d, conv1d_glu, conv1d_relu, conv2d, conv2d_relu};
pub use conv_transpose::{conv_transpose1d, conv_transpose2d};
pub use dense::Dense;
pub use error::{Error, Result};
pub use padding::{Padding2d, pad_reflect, pad_replicate, same};
pub use pool::{
    Pool1dConfig, Pool2dConfig, avg_pool1d, avg_pool2d, first_argmax, global_avg_pool,
    global_max_pool, max_pool1d, max_pool2d,
};
pub use precision::Precision;
pub use upsample::{
    upsample_bilinear2d, upsample_linear1d, upsample_nearest1d, upsample_nearest2d,
};
