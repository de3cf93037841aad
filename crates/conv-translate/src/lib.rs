//! Translation with the convolutional network of Gehring et al. (2017), "Convolutional Sequence to Sequence Learning", ICML.
#![deny(missing_docs)]

pub mod data;
mod error;
pub mod tokenizer;

pub use error::{Error, Result};
