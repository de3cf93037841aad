//! Texts and their labels: Kim's seven sets, the user's own files, and how either is split.

mod corpus;
mod dataset;
mod encoding;
mod format;
mod kim;
mod layout;
mod lines;
mod parse;
mod records;
mod split;
mod table;
mod trees;

pub use corpus::{Corpus, Example};
pub use dataset::Dataset;
pub use encoding::{Encoding, FileText, examine};
pub use format::{Column, Format, ReadOptions};
pub use kim::{KimData, KimSet};
pub use lines::MAX_LINE;
pub use records::{Record, Records};
pub use split::{
    Split, cross_validation, folds, holdout, stratified_cross_validation, stratified_holdout,
};
pub use trees::{Granularity, Phrase, parse_tree, read_trees};
