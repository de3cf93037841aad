//! Heads: networks that answer a question from features of its picture as a whole, without program
//! or scene graph.
//!
//! All are one trait, [`Head`]: questions and maps in, a logit for each answer out. From the blind
//! to the relational:
//!
//! | name | what it is |
//! |---|---|
//! | `type` | the most frequent answer by type: "Q-type mode" (Johnson et al. 2016, section 4.1) |
//! | `lstm` | the question alone (there) |
//! | `cnn-lstm` | the question beside the mean of the map (there) |
//! | `attention` | stacked attention (Yang et al. 2016) |
//! | `relation` | relation network (Santoro et al. 2017) |
//! | `film` | feature-wise linear modulation (Perez et al. 2018) |
//! | `mac` | memory, attention and composition (Hudson and Manning 2018) |
//!
//! Maps are layers of a network that are computed once a picture and kept
//! ([`conv_vision::Features`]); a head says which they were made by, and refuses others.

mod answerer;
mod attention;
mod card;
mod cnn_lstm;
mod config;
mod counted;
mod examples;
mod film;
mod layers;
mod lstm;
mod mac;
mod maps;
mod recipe;
mod relation;
#[cfg(test)]
mod tests;
mod train;
mod vocabulary;

pub use answerer::{Answerer, Likely};
pub use card::card;
pub use config::{Architecture, Config, MapsOf};
pub use examples::{Asked, Examples};
pub use maps::Maps;
pub use recipe::Recipe;
pub use train::Training;
pub use vocabulary::Vocabulary;

use crate::Result;
use candle_core::Tensor;
use conv_hub::ModelConfig;
use conv_nn::{Mode, VarBuilder};
use std::fmt::Debug;

/// Answers questions about maps of pictures.
pub trait Head: Debug + Send + Sync {
    /// The logits of the answers, `[N, A]`.
    ///
    /// # Errors
    /// Maps of other sides than the head's, and what the tensor library refuses.
    fn logits(&self, asked: &Asked, mode: &mut Mode) -> Result<Tensor>;

    /// Where the head looks in each of its steps, `[N, steps, H, W]`, each a distribution over the
    /// places; `None` for a head that does not attend.
    ///
    /// # Errors
    /// As [`Head::logits`].
    fn attention(&self, _: &Asked) -> Result<Option<Tensor>> {
        Ok(None)
    }
}

/// The head that a configuration describes, with parameters from `vb`.
///
/// # Errors
/// A field out of its range; a parameter that is missing or of another shape.
pub fn head(config: &Config, vb: &VarBuilder) -> Result<Box<dyn Head>> {
    config.check()?;
    Ok(match config.architecture {
        Architecture::Type => Box::new(counted::Counted::new(config, vb)?),
        Architecture::Lstm => Box::new(lstm::QuestionLstm::new(config, vb)?),
        Architecture::CnnLstm => Box::new(cnn_lstm::CnnLstm::new(config, vb)?),
        Architecture::Attention => Box::new(attention::StackedAttention::new(config, vb)?),
        Architecture::Relation => Box::new(relation::RelationNetwork::new(config, vb)?),
        Architecture::Film => Box::new(film::Film::new(config, vb)?),
        Architecture::Mac => Box::new(mac::Mac::new(config, vb)?),
    })
}
