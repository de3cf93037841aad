//! Pictures on disk, the names of classes, and which class a file says it is of.

mod examples;
mod files;
mod labels;
mod truth;

pub use examples::{Example, Examples};
pub(crate) use files::lossy;
pub use files::{Skipped, find, load};
pub use labels::{Label, Labels};
pub use truth::{Categories, truth};
