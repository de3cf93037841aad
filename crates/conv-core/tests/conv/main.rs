//! Proofs of the convolutions: gradients, PyTorch's values, threads, tracking, refusals.
#![allow(missing_docs)]

mod alone;
mod candle;
mod cases;
mod far;
mod gated;
mod gradients;
mod precision;
mod pytorch;
mod rectified;
mod refusals;
mod threads;
mod tracking;
