//! Pictures by likeness: descriptors, an index of them on disk, the nearest ones, and how good they
//! are.

mod describe;
mod evaluate;
mod expand;
mod index;
mod metric;
mod views;

pub use describe::{Describer, MadeBy, Pooling};
pub use evaluate::{Evaluation, evaluate};
pub use expand::Expansion;
pub use index::{Added, Expanded, Index, Neighbour, State};
pub use metric::Metric;
pub use views::Views;
