//! Translation with the convolutional network of Gehring et al. (2017), "Convolutional Sequence to Sequence Learning", ICML.
#![deny(missing_docs)]

mod error;
pub mod metrics;

pub use error::{Error, Result};
