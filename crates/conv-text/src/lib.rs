//! Text as networks read it: what the tasks that read text share.
//!
//! A text becomes numbers in three steps. A reader of [`data`] takes it from a table, from JSON
//! lines or from fastText lines, with its label, and a [`Split`](data::Split) says which examples
//! train and which measure. A tokenizer cuts it: [`tokenizer`] into words, [`subwords`] into byte
//! pairs or unigrams; either is a `tokenizer.json` that the `tokenizers` crate loads by itself.
//! [`embedding`] gives each word its first vector, a pre-trained one where there is one.
//!
//! Everything read is from outside and is checked: an error names file, line and what was expected.
//!
//! ```
//! use conv_text::data::{Corpus, ReadOptions, stratified_holdout};
//! use conv_text::tokenizer::{Style, Tokenizer};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("remarks.tsv");
//! std::fs::write(&path, "yes\tso good\nno\tso dull\nyes\tgood, good\nno\tvery dull\n")?;
//! let corpus = Corpus::read(&path, &ReadOptions::default(), None)?;
//! assert_eq!(corpus.labels(), ["no", "yes"]);
//!
//! let tokenizer = Tokenizer::fit(Style::Unicode, &corpus.texts())?;
//! assert_eq!(tokenizer.words("Good, so good")?, ["good", ",", "so", "good"]);
//!
//! let classes: Vec<u32> = corpus.examples().iter().map(|example| example.label).collect();
//! let split = stratified_holdout(&classes, 0.5, 1)?;
//! assert_eq!((split.train.len(), split.dev.len()), (2, 2));
//! # Ok(()) }
//! ```
#![deny(missing_docs)]

pub mod data;
pub mod embedding;
mod error;
mod segment;
pub mod subwords;
pub mod tokenizer;

pub use conv_hub::text::Place;
pub use error::{Error, Result};
pub use segment::{Segmentation, Segmenter};
