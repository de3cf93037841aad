//! Words and their positions (section 3.1).

use super::residual::Side;
use crate::config::POSITIONS_FROM;
use crate::{Error, Result};
use candle_core::{Module, Tensor};
use conv_nn::{Embedding, EmbeddingConfig, Init, Mode, VarBuilder, dropout};

/// The number of `<pad>`, which fills up batches; as in the reference's dictionaries, like the
/// other two.
pub const PAD: u32 = 1;
/// The number of `</s>`, which ends a sentence and also begins a target.
pub const END: u32 = 2;
/// The number of `<unk>`, which stands for every token that a vocabulary lacks.
pub const UNKNOWN: u32 = 3;

/// A table of words and one of positions; the embedding of a sequence is the sum of both.
///
/// Parameters: `embed_tokens.weight` `[V, E]`, `embed_positions.weight` `[positions, E]`.
#[derive(Debug, Clone)]
pub(super) struct Embed {
    side: Side,
    words: Embedding,
    positions: Tensor,
    dropout: f64,
}

fn table(rows: usize, size: usize, name: &str, vb: &VarBuilder) -> candle_core::Result<Tensor> {
    let init = Init::Rows {
        rest: Box::new(Init::Normal { mean: 0.0, std: 0.1 }),
        index: vec![PAD],
        values: Tensor::zeros((1, size), vb.dtype(), vb.device())?,
    };
    vb.pp(name).get_with_hints((rows, size), "weight", init)
}

pub(super) fn words(rows: usize, size: usize, vb: &VarBuilder) -> candle_core::Result<Tensor> {
    table(rows, size, "embed_tokens", vb)
}

pub(super) fn embed(
    side: Side,
    words: Tensor,
    positions: usize,
    dropout: f64,
    vb: &VarBuilder,
) -> candle_core::Result<Embed> {
    let positions = table(positions, words.dim(1)?, "embed_positions", vb)?;
    let words = Embedding::new(words, EmbeddingConfig { padding_index: Some(PAD) });
    Ok(Embed { side, words, positions, dropout })
}

impl Embed {
    pub fn words(&self) -> &Tensor {
        self.words.weight()
    }

    pub fn side(&self) -> Side {
        self.side
    }

    pub fn positions(&self) -> &Tensor {
        &self.positions
    }

    /// `[B, T]` → `[B, E, T]`.
    pub fn forward(&self, ids: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        let found = ids.dim(1)?;
        let expected = self.positions.dim(0)? - POSITIONS_FROM;
        if found > expected {
            return Err(Error::TooLong { side: self.side.name(), found, expected });
        }
        let positions = self.positions.narrow(0, POSITIONS_FROM, found)?;
        let sum = self.words.forward(ids)?.broadcast_add(&positions)?;
        Ok(dropout(&sum, self.dropout, mode)?.transpose(1, 2)?.contiguous()?)
    }
}
