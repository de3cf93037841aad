//! What fairseq left of its training: a checkpoint, the arguments in it, and dictionaries beside
//! it.

mod arguments;
mod fields;
mod history;
mod model;

pub use arguments::Arguments;
pub use model::FairseqModel;
