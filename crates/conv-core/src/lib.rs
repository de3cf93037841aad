//! Convolutions, pooling and upsampling for candle.
#![deny(missing_docs)]

mod element;
mod error;
mod padding;

pub use error::{Error, Result};
pub use padding::Padding2d;
