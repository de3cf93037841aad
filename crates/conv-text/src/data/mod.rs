//! Texts and their labels: files of labelled lines, and how they are split.

mod corpus;
mod dataset;
mod format;
mod layout;
mod parse;
mod records;
mod split;
mod table;

pub use conv_hub::text::{Encoding, FileText, MAX_LINE, examine};
pub use corpus::{Corpus, Example};
pub use dataset::Dataset;
pub use format::{Column, Format, ReadOptions, Separator};
pub use records::{Record, Records};
pub use split::{
    Split, cross_validation, folds, holdout, stratified_cross_validation, stratified_holdout,
};
