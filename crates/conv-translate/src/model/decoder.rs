//! The decoder over whole target sentences (sections 3.2, 3.3); [`incremental`](super::incremental)
//! has it word by word.

use super::Encoded;
use super::attention::{Attention, attention, scaled_values};
use super::embed::{Embed, embed};
use super::normed::{Normed, gated, linear};
use super::residual::{Residuals, Side, halved, residuals};
use crate::{Config, Result};
use candle_core::{Module, Tensor};
use conv_nn::{Init, Mode, VarBuilder, dropout};

#[derive(Debug, Clone)]
pub(super) struct Decoder {
    pub embed: Embed,
    pub first: Normed,
    pub layers: Vec<Layer>,
    pub residuals: Residuals,
    pub last: Normed,
    pub output: Output,
    dropout: f64,
}

/// A convolution that sees no later position, and what it asks the source.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub convolution: Normed,
    pub attention: Option<Attention>,
}

/// The map to words: normalised, or the table of words itself.
#[derive(Debug, Clone)]
pub(super) enum Output {
    Normed(Normed),
    Tied(Tensor),
}

pub(super) fn decoder(config: &Config, words: Tensor, vb: &VarBuilder) -> Result<Decoder> {
    let Config { decoder_layers, decoder_embedding: embedding, output_embedding, dropout, .. } =
        config;
    let mut channels = decoder_layers.0[0].channels;
    let first = linear(*embedding, channels, *dropout, &vb.pp("fc1"))?;
    let mut layers = Vec::new();
    for (i, (layer, attends)) in decoder_layers.0.iter().zip(&config.attention).enumerate() {
        let of_layer = vb.pp("convolutions").pp(i);
        let padding = (layer.width - 1, 0);
        let convolution =
            gated(channels, layer.channels, layer.width, padding, *dropout, &of_layer)?;
        let of_layer = vb.pp("attention").pp(i);
        let attention = attends.then(|| attention(layer.channels, *embedding, &of_layer));
        layers.push(Layer { convolution, attention: attention.transpose()? });
        channels = layer.channels;
    }
    let of_output = vb.pp("fc3");
    let output = if config.tie_output {
        Output::Tied(of_output.get_with_hints(words.dim(0)?, "bias", Init::Const(0.0))?)
    } else {
        Output::Normed(linear(*output_embedding, config.target_vocabulary, *dropout, &of_output)?)
    };
    Ok(Decoder {
        embed: embed(Side::Target, words, config.target_positions, *dropout, vb)?,
        first,
        layers,
        residuals: residuals(decoder_layers, vb)?,
        last: linear(channels, *output_embedding, 0.0, &vb.pp("fc2"))?,
        output,
        dropout: *dropout,
    })
}

impl Decoder {
    /// Weight `[V, E]` and bias `[V]` of the output layer.
    pub fn output(&self) -> candle_core::Result<(Tensor, Tensor)> {
        match &self.output {
            Output::Normed(output) => Ok((output.weight()?.squeeze(2)?, output.bias().clone())),
            Output::Tied(bias) => Ok((self.embed.words().clone(), bias.clone())),
        }
    }

    /// `ids` `[B, T]` → what the output layer reads `[B, E, T]`, and the mean over all layers of
    /// who attends to what, `[B, T, S]`.
    pub fn forward(
        &self,
        ids: &Tensor,
        source: &Encoded,
        mode: &mut Mode,
    ) -> Result<(Tensor, Tensor)> {
        let values = scaled_values(source)?;
        let embedded = self.embed.forward(ids, mode)?;
        let mut inputs = vec![self.first.forward(&embedded)?];
        let mut attended: Option<Tensor> = None;
        for (i, layer) in self.layers.iter().enumerate() {
            let x = dropout(&inputs[i], self.dropout, mode)?;
            let mut x = layer.convolution.gate(&x)?;
            if let Some(attention) = &layer.attention {
                let (read, shares) = attention.forward(&x, &embedded, source, &values)?;
                let shares = shares.detach();
                attended = Some(attended.map_or(Ok(shares.clone()), |sum| sum + shares)?);
                x = read;
            }
            if let Some(residual) = self.residuals.of(i, &inputs)? {
                x = halved(&x, &residual)?;
            }
            inputs.push(x);
        }
        let x = self.last.forward(&inputs[self.layers.len()])?;
        let attended =
            attended.unwrap_or_else(|| unreachable!("a configuration attends somewhere"));
        // Over all layers, as the reference has it, those that do not attend included.
        let attended = (attended / self.layers.len() as f64)?;
        Ok((dropout(&x, self.dropout, mode)?, attended))
    }
}
