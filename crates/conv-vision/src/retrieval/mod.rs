//! Pictures by likeness: descriptors, an index of them on disk, the nearest ones, and how good they are.

mod describe;
mod evaluate;
mod index;
mod metric;

pub use describe::{Describer, MadeBy, Pooling};
pub use evaluate::{Evaluation, evaluate};
pub use index::{Index, Neighbour, State};
pub use metric::Metric;
