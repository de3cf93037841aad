//! Tools for operations on the CPU: what the kernels here have in common with those of the crates
//! above.

pub use crate::awake::awake;
pub use crate::candle_threads::limit_candle_threads;
pub use crate::error::without_backtrace;
pub use crate::exponential::Exponential;
pub use crate::kernels::{PanelElement, Panels};
pub use crate::memory::{Block, Unwritten, keep_memory};
pub use crate::second_order::check_first_order;
pub use crate::simd::InstructionSet;
