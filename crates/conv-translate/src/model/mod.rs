//! The network of Gehring et al. (2017), section 3. Activations are `[B, C, T]`; a linear map of
//! every position is a convolution of width 1.

mod attention;
mod decoder;
mod embed;
mod encoder;
mod incremental;
mod normed;
mod residual;
mod rows;

pub use embed::{END, PAD, UNKNOWN};
pub use encoder::Encoded;
pub use incremental::{DecoderState, Step, StepDecoder};

use crate::{Config, Result};
use candle_core::Tensor;
use conv_hub::ModelConfig;
use conv_nn::{
    CrossEntropyConfig, Linear, Mode, RDropConfig, VarBuilder, linear_cross_entropy,
    linear_r_drop_loss,
};
use decoder::{Decoder, decoder};
use encoder::{Encoder, encoder};

/// The encoder and the decoder.
///
/// # Shapes
/// `[B, S]` source and `[B, T]` target tokens → `[B, T, V]` logits of each next token.
#[derive(Debug, Clone)]
pub struct ConvS2s {
    encoder: Encoder,
    decoder: Decoder,
    config: Config,
}

/// Builds the network. Parameters have the reference's names: `encoder.embed_tokens.weight`,
/// `encoder.convolutions.{i}.weight_v`, `decoder.attention.{i}.in_projection.weight_g` and so on. A
/// shared table is the decoder's.
///
/// # Errors
/// A configuration out of range, or stored weights of another shape.
pub fn convs2s(config: &Config, vb: &VarBuilder) -> Result<ConvS2s> {
    config.check()?;
    let of_encoder = vb.pp("encoder");
    let of_decoder = vb.pp("decoder");
    let words = embed::words(config.target_vocabulary, config.decoder_embedding, &of_decoder)?;
    let source_words = if config.share_embeddings {
        words.clone()
    } else {
        embed::words(config.source_vocabulary, config.encoder_embedding, &of_encoder)?
    };
    Ok(ConvS2s {
        encoder: encoder(config, source_words, &of_encoder)?,
        decoder: decoder(config, words, &of_decoder)?,
        config: config.clone(),
    })
}

/// What the decoder says of each position of target sentences.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// `[B, T, V]`.
    pub logits: Tensor,
    /// The mean over the layers of the share of each source position in what each target position
    /// reads, `[B, T, S]`.
    pub attention: Tensor,
}

impl ConvS2s {
    /// What the network is made of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Reads source sentences: `ids` `[B, S]`, of which each sentence has its length, and then
    /// [`PAD`].
    ///
    /// # Errors
    /// A sentence beyond the table of positions, or a token beyond the vocabulary.
    pub fn encode(&self, ids: &Tensor, lengths: &[usize], mode: &mut Mode) -> Result<Encoded> {
        self.encoder.forward(ids, lengths, mode)
    }

    /// Says what comes after each prefix of target sentences `ids` `[B, T]`, which begin with the
    /// end of the one before.
    ///
    /// # Errors
    /// As [`ConvS2s::encode`].
    pub fn decode(&self, ids: &Tensor, source: &Encoded, mode: &mut Mode) -> Result<Decoded> {
        let (states, attention) = self.decoder.forward(ids, source, mode)?;
        let logits = self.logits(&states.transpose(1, 2)?.contiguous()?)?;
        Ok(Decoded { logits, attention })
    }

    /// The network for a search, of the present weights; those that nobody else holds are given up
    /// as they are laid out anew.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub fn step_decoder(self) -> Result<StepDecoder> {
        incremental::step_decoder(self)
    }

    /// `[…, E]` → `[…, V]`.
    fn logits(&self, states: &Tensor) -> Result<Tensor> {
        Ok(candle_core::Module::forward(&self.output()?, states)?)
    }

    fn output(&self) -> Result<Linear> {
        let (weight, bias) = self.decoder.output()?;
        Ok(Linear::new(weight, Some(bias)))
    }

    /// The cross-entropy of `targets` `[N]` at those positions of `ids` `[B, T]` that `places`
    /// `[N]` names, counted over the batch: what training needs, without the padding, and without
    /// all logits at once.
    ///
    /// # Errors
    /// As [`ConvS2s::encode`]; a target beyond the vocabulary.
    pub fn loss(
        &self,
        ids: &Tensor,
        source: &Encoded,
        [places, targets]: [&Tensor; 2],
        config: &CrossEntropyConfig,
        mode: &mut Mode,
    ) -> Result<Tensor> {
        let states = self.states(ids, source, places, mode)?;
        Ok(linear_cross_entropy(&self.output()?, &states, targets, config)?)
    }

    /// The mean of [`ConvS2s::loss`] over two passes, and how far they disagree
    /// ([`linear_r_drop_loss`](conv_nn::linear_r_drop_loss)): `places` 2i and 2i + 1 are the same
    /// position of the same sentence, which is twice in the batch.
    ///
    /// # Errors
    /// As [`ConvS2s::loss`]; an odd number of places, an α out of range.
    pub fn r_drop_loss(
        &self,
        ids: &Tensor,
        source: &Encoded,
        [places, targets]: [&Tensor; 2],
        config: &RDropConfig,
        mode: &mut Mode,
    ) -> Result<Tensor> {
        let states = self.states(ids, source, places, mode)?;
        let output = self.output()?;
        Ok(linear_r_drop_loss(&output, &states, targets, config)?)
    }

    /// What the output layer sees at `places`, `[N, channels]`.
    fn states(
        &self,
        ids: &Tensor,
        source: &Encoded,
        places: &Tensor,
        mode: &mut Mode,
    ) -> Result<Tensor> {
        let (states, _) = self.decoder.forward(ids, source, mode)?;
        let states = states.transpose(1, 2)?.flatten(0, 1)?.contiguous()?;
        Ok(states.index_select(places, 0)?)
    }
}
