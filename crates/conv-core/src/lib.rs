//! Convolutions, pooling and upsampling for candle.
mod error;
pub use error::{Error, Result};
