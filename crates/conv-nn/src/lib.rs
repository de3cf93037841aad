//! Layers, losses and the parameter store that the tasks share.
//!
//! Each layer is plain data: a struct of tensors, made by a free function that asks a
//! [`VarBuilder`] for them by the names PyTorch uses. Behind the builder stands [`Parameters`],
//! which draws a value from (seed, name), starts from given ones, or holds frozen ones: the same
//! constructor trains and loads.
//!
//! Each operation's gradient is checked against finite differences in f64 and, but for dropout's,
//! against PyTorch in f32. candle's own are without a gradient, or with a wrong one, for several of
//! these: LayerNorm, softmax, ReLU at 0, a linear layer on a transposed batch. On the CPU they run
//! as kernels in fixed blocks, so that the same seed gives the same bits on any number of threads;
//! elsewhere as compositions of candle's operations whose gradients are right.
//!
//! Parameters and activations are f32 or f64. Half precision is for files: a convolution, which
//! `conv-core` computes in f32, and an embedding, which copies rows, take it; every other operation
//! refuses a tensor of F16 or BF16 by name ([`Error::DType`]); `to_dtype(DType::F32)` is what to
//! do.
//!
//! Nothing is random but what is given a stream: [`Mode::Train`] carries it down to [`dropout`].
//!
//! ```
//! use candle_core::{DType, Device, Module, Tensor};
//! use conv_nn::{CrossEntropyConfig, Parameters, cross_entropy, linear, relu};
//!
//! // A network of two layers learns exclusive or, by plain gradient descent.
//! let parameters = Parameters::new(42);
//! let vb = parameters.builder(DType::F32, &Device::Cpu);
//! let hidden = linear(2, 16, vb.pp("hidden"))?;
//! let output = linear(16, 2, vb.pp("output"))?;
//!
//! let x = Tensor::new(&[[0f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], &Device::Cpu)?;
//! let targets = Tensor::new(&[0u32, 1, 1, 0], &Device::Cpu)?;
//! let mut losses = Vec::new();
//! for _ in 0..300 {
//!     let logits = output.forward(&relu(&hidden.forward(&x)?)?)?;
//!     let loss = cross_entropy(&logits, &targets, &CrossEntropyConfig::default())?;
//!     let gradients = loss.backward()?;
//!     for (_, variable) in parameters.vars() {
//!         if let Some(gradient) = gradients.get(&variable) {
//!             variable.set(&variable.sub(&(gradient * 0.5)?)?)?;
//!         }
//!     }
//!     losses.push(loss.to_scalar::<f32>()?);
//! }
//! assert!(losses[0] > 0.6 && losses[299] < 0.1, "{} to {}", losses[0], losses[299]);
//! # Ok::<(), candle_core::Error>(())
//! ```
#![deny(missing_docs)]

mod activation;
mod attention;
mod batch_norm;
mod blocks;
mod conv;
mod cross_entropy;
mod ctc;
mod dropout;
mod elementwise_loss;
mod embedding;
mod error;
mod glu;
pub mod gradients;
mod group_norm;
mod init;
mod kernel;
mod layer_norm;
mod lengths;
mod linear;
mod local_response_norm;
mod max_over_time;
mod mode;
mod output_loss;
mod parameters;
mod r_drop;
mod real;
mod recurrent;
mod redirected_relu;
mod residual;
pub mod rng;
mod rnnt;
mod roi_align;
mod scale_gradient;
mod softmax;
mod weight_norm;

pub use activation::relu;
pub use attention::dot_attention;
pub use batch_norm::{BatchNorm, BatchNormConfig, batch_norm};
pub use conv::{Conv1d, Conv2d, conv1d, conv1d_no_bias, conv2d, conv2d_no_bias};
pub use cross_entropy::{CrossEntropyConfig, Reduction, cross_entropy};
pub use ctc::{CtcConfig, ctc_frames, ctc_loss};
pub use dropout::{dropout, dropout_of_first};
pub use elementwise_loss::{binary_cross_entropy, smooth_l1};
pub use embedding::{Embedding, EmbeddingConfig, embedding};
pub use error::{Error, Result};
pub use glu::glu;
pub use group_norm::{GroupNorm, GroupNormConfig, group_norm};
pub use init::Init;
pub use layer_norm::{LayerNorm, LayerNormConfig, layer_norm};
pub use lengths::{keep_first, softmax_of_first};
pub use linear::{Linear, linear, linear_no_bias};
pub use local_response_norm::{LocalResponseNormConfig, local_response_norm};
pub use max_over_time::{argmax_over_time, max_over_time};
pub use mode::Mode;
pub use output_loss::{RDropConfig, linear_cross_entropy, linear_r_drop_loss};
pub use parameters::{Parameters, VarBuilder};
pub use recurrent::{Gru, GruConfig, LayerWeights, Lstm, LstmConfig, LstmState, gru, lstm};
pub use redirected_relu::redirected_relu;
pub use residual::{add_relu, add_scaled};
pub use rnnt::{RnntConfig, rnnt_loss};
pub use roi_align::{Roi, RoiAlignConfig, roi_align};
pub use scale_gradient::scale_gradient;
pub use softmax::{log_softmax, softmax};
pub use weight_norm::{direction_lengths, weight_norm};
