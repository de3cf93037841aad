//! Two agents that invent a language: the world of 64 objects of Das et al. (2017), section 5, and
//! Kottur et al. (2017).
//!
//! An object has one of four colours, shapes and styles; A-Bot sees it. A task names two attributes
//! in an order; Q-Bot is told it. In two rounds Q-Bot says one of three symbols and A-Bot answers
//! by one of four; then Q-Bot names the two values. Both are rewarded if it is right. No symbol
//! means anything at first.

mod language;
mod recurrent;
mod tabular;
mod world;

pub use language::{Language, Meaning};
pub use recurrent::{Accuracy, Recurrent, RecurrentConfig, Setting, Trained};
pub use tabular::{Tabular, TabularConfig};
pub use world::{ATTRIBUTES, OBJECTS, TASKS, VALUES, World};
