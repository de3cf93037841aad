//! The encoder (sections 3.1, 3.2).

use super::embed::{Embed, embed};
use super::normed::{Normed, gated, linear};
use super::residual::{Residuals, Side, halved, residuals};
use crate::{Config, Result};
use candle_core::{Module, Tensor};
use conv_nn::{Mode, VarBuilder, dropout, dropout_of_first, keep_first, scale_gradient};

/// Source sentences as the decoder's attention sees them.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// z, what queries are compared with: `[B, E, S]`, zeros beyond each sentence's length.
    pub keys: Tensor,
    /// (z + e) √½, what is read, with e the embeddings: `[B, E, S]`. What lies beyond a sentence's
    /// length is never read.
    pub values: Tensor,
    /// Tokens of each sentence, its end included.
    pub lengths: Vec<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct Encoder {
    pub embed: Embed,
    pub first: Normed,
    pub convolutions: Vec<Normed>,
    pub residuals: Residuals,
    pub last: Normed,
    dropout: f64,
    /// The share of the gradients that comes in, since every attention layer sends some (section
    /// 3.4).
    gradient: f64,
}

pub(super) fn encoder(config: &Config, words: Tensor, vb: &VarBuilder) -> Result<Encoder> {
    let Config { encoder_layers: layers, encoder_embedding: embedding, dropout, .. } = config;
    let mut channels = layers.0[0].channels;
    let first = linear(*embedding, channels, *dropout, &vb.pp("fc1"))?;
    let mut convolutions = Vec::new();
    for (i, layer) in layers.0.iter().enumerate() {
        let padding = ((layer.width - 1) / 2, layer.width / 2);
        let vb = vb.pp("convolutions").pp(i);
        convolutions.push(gated(channels, layer.channels, layer.width, padding, *dropout, &vb)?);
        channels = layer.channels;
    }
    Ok(Encoder {
        embed: embed(Side::Source, words, config.source_positions, *dropout, vb)?,
        first,
        convolutions,
        residuals: residuals(layers, vb)?,
        last: linear(channels, *embedding, 0.0, &vb.pp("fc2"))?,
        dropout: *dropout,
        gradient: 1.0 / (2 * config.attention_layers()) as f64,
    })
}

impl Encoder {
    /// `ids` `[B, S]`, each sentence its length and then padding.
    pub fn forward(&self, ids: &Tensor, lengths: &[usize], mode: &mut Mode) -> Result<Encoded> {
        let longest = ids.dim(1)?;
        let is_padded = lengths.iter().any(|length| *length < longest);
        let embedded = self.embed.forward(ids, mode)?;
        let mut inputs = vec![self.first.forward(&embedded)?];
        for (i, convolution) in self.convolutions.iter().enumerate() {
            let x = if is_padded {
                dropout_of_first(&inputs[i], lengths, self.dropout, mode)?
            } else {
                dropout(&inputs[i], self.dropout, mode)?
            };
            let mut x = convolution.gate(&x)?;
            if let Some(residual) = self.residuals.of(i, &inputs)? {
                x = halved(&x, &residual)?;
            }
            inputs.push(x);
        }
        let z = self.last.forward(&inputs[self.convolutions.len()])?;
        let z = if is_padded { keep_first(&z, lengths)? } else { z };
        let keys = scale_gradient(&z, self.gradient)?;
        let values = halved(&keys, &embedded)?;
        Ok(Encoded { keys, values, lengths: lengths.to_vec() })
    }
}
