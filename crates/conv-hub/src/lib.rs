//! Where models and data come from: folders on disk, the Hugging Face hub, and the formats in which
//! others left their weights and word vectors.
//!
//! Everything here reads files that somebody else made, and none of them is trusted. Sizes that a
//! file claims are checked against its length before anything is allocated; nothing that a file
//! asks for is executed; a name from outside never becomes a path outside. A bad file gives an
//! error that names the file, the place in it, what was found and what was expected.
//!
//! - [`ModelFolder`] and [`ModelParts`]: a model as a folder that is written whole or not at all.
//! - [`Stored`] and [`Inspection`]: what every task does with such a folder.
//! - [`Card`]: what a model is for and how well it does.
//! - [`resolve`]: a folder, or an id on the hub, to a folder (the hub behind the feature `hub`).
//! - [`Vectors`]: word2vec `.bin` and `.txt`, GloVe `.txt`, streamed.
//! - [`Checkpoint`]: PyTorch's `.pth` and `.pt`, without Python.
//! - [`files`]: files that are written whole or not at all.
//! - [`text`]: lines of text files, gzipped or not, each with its place.
//! - [`read_safetensors`]: weights in the format that all others are turned into.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use conv_hub::{ModelFolder, ModelParts};
//! # let place = tempfile::tempdir()?;
//! # let folder = place.path().join("sentiment");
//!
//! let weight = candle_core::Tensor::new(&[[0.5f32, -0.5]], &candle_core::Device::Cpu)?;
//! let tensors = [("output.weight".to_string(), weight)].into();
//! ModelParts { model_type: "kim-cnn", tensors: &tensors, half: true, ..Default::default() }.write(&folder)?;
//!
//! let model = ModelFolder::open(&folder)?;
//! model.expect_type("kim-cnn")?;
//! assert!(model.expect_type("mask-rcnn").is_err());
//! assert_eq!(model.tensors(None)?["output.weight"].dims(), [1, 2]);
//! # Ok(()) }
//! ```
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod card;
mod error;
mod field;
pub mod files;
pub mod folder;
#[cfg(feature = "hub")]
pub mod hub;
mod names;
mod parts;
pub mod pth;
mod resolve;
mod stored;
pub mod text;
pub mod vectors;
mod weights;

pub use card::Card;
pub use error::{Error, Result};
pub use field::InvalidField;
pub use folder::ModelFolder;
pub use parts::ModelParts;
pub use pth::Checkpoint;
pub use resolve::resolve;
pub use stored::{Inspection, ModelConfig, Parameter, Stored};
pub use vectors::Vectors;
pub use weights::{SafetensorsDefect, read_safetensors};
