//! Pictures on disk, the names of classes, and which class a file says it is of.

mod files;
mod labels;
mod truth;

pub(crate) use files::lossy;
pub use files::{Skipped, find, load};
pub use labels::{Label, Labels};
pub use truth::{Categories, truth};
