//! Parallel text to numbers: lines in, cleaned and encoded pairs in a file out, batches from there.
//!
//! Text streams: what stays in memory is a block of lines and, a pair, the eight bytes of its two
//! lengths.

mod batch;
mod clean;
mod encode;
mod held_out;
mod languages;
mod parallel;
mod store;

pub use batch::{Batch, Matrix};
pub use clean::{Cleaned, Cleaning, Count};
pub use encode::{Encoders, encode};
pub use held_out::HeldOut;
pub use languages::Languages;
pub use parallel::{Parallel, TextPair};
pub use store::{Pair, Store, StoreWriter};
