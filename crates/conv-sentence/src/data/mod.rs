//! Kim's seven sets, and the treebank that two of them are made of.

mod kim;
mod trees;

pub use kim::{KimData, KimSet};
pub use trees::{Granularity, Phrase, parse_tree, read_trees};
