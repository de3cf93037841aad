//! Layers, losses and the parameter store that the tasks share.
#![deny(missing_docs)]

mod error;
mod init;
mod mode;
mod parameters;
pub mod rng;

pub use error::{Error, Result};
pub use init::Init;
pub use mode::Mode;
pub use parameters::{Parameters, VarBuilder};
