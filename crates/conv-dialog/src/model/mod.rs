//! The network: an encoder of question and history, and a decoder that scores answers.

mod batch;
mod beam;
mod network;
#[cfg(test)]
mod tests;

pub(crate) use batch::Asked;
pub use batch::{Batch, Sequences};
pub use beam::Beam;
pub(crate) use beam::search;
pub use network::Network;
pub(crate) use network::{Statistics, network};

use crate::{Error, Result};
use candle_core::Device;
use conv_nn::Mode;

/// Candidates in a batch of [`scores`], about.
const CANDIDATES_AT_ONCE: usize = 1600;

/// The scores of each round's candidates, in their order; the same alone and in any batch.
pub(crate) fn scores(
    model: &Network,
    rounds: &[Asked],
    name: impl Fn(usize) -> String,
    device: &Device,
) -> Result<Vec<Vec<f32>>> {
    // A candidate that is said word by word costs as many numbers a word as there are words.
    let at_once = match model.config().decoder {
        crate::Decoder::Discriminative => CANDIDATES_AT_ONCE,
        crate::Decoder::Generative => CANDIDATES_AT_ONCE / 16,
    };
    let mut all = Vec::new();
    // Rounds of as many candidates share a batch.
    for some in rounds.chunk_by(|a, b| a.candidates.len() == b.candidates.len()) {
        let each = some[0].candidates.len();
        for some in some.chunks((at_once / each.max(1)).max(1)) {
            let batch = Batch::new(some, model.config(), device)?;
            all.extend(model.scores(&batch, &mut Mode::Eval)?.to_vec2::<f32>()?);
        }
    }
    for (number, row) in all.iter().enumerate() {
        if let Some(&value) = row.iter().find(|value| !value.is_finite()) {
            return Err(Error::NotFinite { value, name: name(number) });
        }
    }
    Ok(all)
}
