//! Agents that are recurrent networks, after Kottur et al. (2017), "Natural Language Does Not
//! Emerge 'Naturally' in Multi-Agent Dialog".

mod agents;
mod play;
mod reinforce;
mod states;
#[cfg(test)]
mod tests;

pub use agents::{Recurrent, RecurrentConfig, Setting};
pub use play::Accuracy;
pub use reinforce::Trained;
