//! Translation with the convolutional network of Gehring et al. (2017), "Convolutional Sequence to Sequence Learning", ICML.
#![deny(missing_docs)]

mod config;
pub mod data;
mod dictionary;
mod error;
pub mod fairseq;
mod infer;
mod inspect;
mod layers;
pub mod metrics;
mod model;
mod picture;
mod prepare;
mod recipe;
mod replace;
mod save;
mod scored;
mod search;
mod sentence;
mod stored;
pub mod tokenizer;
mod train;

pub use config::{Config, POSITIONS_FROM, Preset};
pub use dictionary::{Dictionary, join_pieces};
pub use error::{Error, Result};
pub use infer::{Translation, Translator};
pub use inspect::{Inspection, Parameter};
pub use layers::{Layer, Layers};
pub use model::{ConvS2s, Decoded, DecoderState, Encoded, PAD, Step, StepDecoder, convs2s};
pub use picture::attention_picture;
pub use prepare::{PairFiles, Vocabularies};
pub use recipe::Recipe;
pub use replace::Replacements;
pub use save::card;
pub use scored::Scored;
pub use search::{Constraints, Ensemble, Hypothesis, Request, Sampling, SearchConfig};
pub use sentence::{Columns, Sentence};
pub use stored::Stored;
pub use train::{Dev, Training};
