//! Texts and their labels: Kim's seven sets, the user's own files, and how either is split.

mod corpus;
mod dataset;
mod format;
mod kim;
mod layout;
mod parse;
mod records;
mod split;
mod table;
mod trees;

pub use conv_hub::text::{Encoding, FileText, MAX_LINE, examine};
pub use corpus::{Corpus, Example};
pub use dataset::Dataset;
pub use format::{Column, Format, ReadOptions};
pub use kim::{KimData, KimSet};
pub use records::{Record, Records};
pub use split::{
    Split, cross_validation, folds, holdout, stratified_cross_validation, stratified_holdout,
};
pub use trees::{Granularity, Phrase, parse_tree, read_trees};
