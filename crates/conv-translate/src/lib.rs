//! Translation with the convolutional network of Gehring et al. (2017), "Convolutional Sequence to Sequence Learning", ICML.
#![deny(missing_docs)]

mod config;
pub mod data;
mod dictionary;
mod error;
pub mod fairseq;
mod infer;
mod layers;
pub mod metrics;
mod model;
mod prepare;
mod recipe;
mod save;
mod search;
pub mod tokenizer;
mod train;

pub use config::{Config, POSITIONS_FROM, Preset};
pub use dictionary::{Dictionary, join_pieces};
pub use error::{Error, Result};
pub use infer::{Translation, Translator};
pub use layers::{Layer, Layers};
pub use model::{ConvS2s, Decoded, DecoderState, Encoded, PAD, Step, StepDecoder, convs2s};
pub use prepare::{PairFiles, Vocabularies};
pub use recipe::Recipe;
pub use save::card;
pub use search::{Constraints, Ensemble, Hypothesis, Request, Sampling, SearchConfig};
pub use train::{Dev, Training};
