//! Visual dialog, after Das et al. (2017), "Visual Dialog" and "Learning Cooperative Visual Dialog
//! Agents with Deep Reinforcement Learning", and Kottur et al. (2017), "Natural Language Does Not
//! Emerge 'Naturally' in Multi-Agent Dialog".
//!
//! A dialog is about an image that one side sees. Three things are done with it here. [`toy`]: two
//! agents without a word in common, one of which sees an object, are rewarded when the other names
//! what it was asked for; tables of values are enough for a language to come about, in a second,
//! and recurrent networks learn one by policy gradients. [`AnswerRanker`]: a question of a real
//! dialog comes with 100 candidate answers; an [`Encoder`] of question and history with a
//! [`Decoder`] of answers scores each, and is measured by the true one's rank ([`metrics`]), or
//! written as the challenge takes it ([`submission()`]). It works on text alone, beside what mere
//! counting says of an answer. [`guess`]: Q-Bot asks about a scene that only A-Bot sees, and
//! imagines its features; a pool of scenes is ranked by their distance to that after each answer.
//!
//! ```
//! use conv_dialog::toy::{Language, Tabular, TabularConfig, World};
//! let world = World::all();
//! let config = TabularConfig { episodes: 200_000, ..TabularConfig::memoryless() };
//! let agents = Tabular::train(&config, &world, 1);
//! // Chance is 1 of 16.
//! assert!(agents.accuracy(&world.seen) > Some(0.25));
//! println!("{}", Language::of(&agents, &world.seen));
//! ```
//!
//! A trained ranker is a folder, and its use some lines:
//!
//! ```no_run
//! use conv_dialog::{AnswerRanker, Question};
//! let ranker = AnswerRanker::open("data/models/visdial".as_ref(), &candle_core::Device::Cpu)?;
//! let question = Question { caption: "a dog in the snow", history: &[], text: "what color is the dog?", image: None };
//! println!("{:?}", ranker.scores(&question, &["yes", "brown", "2"])?.network);
//! # Ok::<(), conv_dialog::Error>(())
//! ```
#![deny(missing_docs)]

mod candidates;
mod card;
mod config;
mod counts;
pub mod data;
mod error;
mod evaluate;
pub mod guess;
mod infer;
mod inspect;
pub mod metrics;
mod model;
mod recipe;
#[cfg(feature = "serve")]
pub mod serve;
mod stored;
mod submission;
pub mod toy;
mod train;
mod words;

pub use card::card;
pub use config::{Config, Decoder, Encoder};
pub use error::{Error, Result};
pub use evaluate::{Evaluation, evaluate};
pub use infer::{Answer, AnswerRanker, Question, Scores};
pub use inspect::ModelInspection;
pub use model::{Batch, Beam, Network, Sequences};
pub use recipe::Recipe;
pub use submission::{RankedRound, submission};
pub use train::Training;
