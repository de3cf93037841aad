//! Layers, losses and the parameter store that the tasks share.
#![deny(missing_docs)]

mod activation;
mod cross_entropy;
mod dropout;
mod embedding;
mod error;
mod init;
mod kernel;
mod layer_norm;
mod linear;
mod max_over_time;
mod mode;
mod parameters;
pub mod rng;
mod softmax;

pub use activation::relu;
pub use cross_entropy::{CrossEntropyConfig, Reduction, cross_entropy};
pub use dropout::dropout;
pub use embedding::{Embedding, EmbeddingConfig, embedding};
pub use error::{Error, Result};
pub use init::Init;
pub use layer_norm::{LayerNorm, LayerNormConfig, layer_norm};
pub use linear::{Linear, linear, linear_no_bias};
pub use max_over_time::{argmax_over_time, max_over_time};
pub use mode::Mode;
pub use parameters::{Parameters, VarBuilder};
pub use softmax::{log_softmax, softmax};
