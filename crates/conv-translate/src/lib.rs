//! Translation with the convolutional network of Gehring et al. (2017), "Convolutional Sequence to Sequence Learning", ICML.
#![deny(missing_docs)]

mod config;
pub mod data;
mod dictionary;
mod error;
pub mod fairseq;
mod layers;
pub mod metrics;
mod model;
mod search;
pub mod tokenizer;

pub use config::{Config, POSITIONS_FROM, Preset};
pub use dictionary::{Dictionary, join_pieces};
pub use error::{Error, Result};
pub use layers::{Layer, Layers};
pub use model::{ConvS2s, Decoded, DecoderState, Encoded, PAD, Step, StepDecoder, convs2s};
pub use search::{Constraints, Ensemble, Hypothesis, Request, Sampling, SearchConfig};
