//! The image-guessing game of Das et al. (2017), "Learning Cooperative Visual Dialog Agents with
//! Deep Reinforcement Learning", on scenes in the manner of CLEVR (Johnson et al. 2017).
//!
//! A-Bot sees a scene; Q-Bot is told a sentence about it. In each round Q-Bot asks, A-Bot answers,
//! and Q-Bot says of what features it now takes the scene to be: a pool of scenes is ranked by
//! their distance to that. Both are networks here, supervised by dialogs that the program writes
//! itself, and then, if that is wanted, by what their own words earn ([`Learning`]). A-Bot sees how
//! many objects have each feature and each pair of features, and a question's answer is for its
//! network to say.

mod agents;
mod batch;
mod game;
mod page;
mod play;
mod pool;
mod reinforce;
mod scene;
mod seen;
mod survey;
mod talk;
mod train;

pub use agents::{ABot, AgentsConfig, QBot};
pub use batch::Batch;
pub use game::{Agents, Game, Nearest, Played};
pub use page::section;
#[cfg(feature = "serve")]
pub(crate) use page::{described, svg};
pub use pool::ScenePool;
pub use scene::{Object, Scene, draw_scenes, read_scenes};
pub use survey::Survey;
pub use train::{AgentsRecipe, AgentsTraining, Games, Learning, agents_card};
