//! What fairseq left beside a model's weights: the arguments that it was trained with.

mod arguments;
mod fields;

pub use arguments::Arguments;
