//! Attention (Chorowski et al. 2015): each letter from its own look at all steps of the encoder,
//! and from the letters before it.

#[cfg(test)]
mod tests;

use crate::model::precision;
use crate::objective::AttentionConfig;
use crate::{Config, Result};
use candle_core::{Module, Tensor};
use conv_core::{Conv1dConfig, Precision};
use conv_nn::{
    Conv1d, CrossEntropyConfig, Embedding, EmbeddingConfig, Linear, Lstm, LstmConfig, LstmState,
    Mode, Reduction, VarBuilder, conv1d_no_bias, cross_entropy, dot_attention, dropout, embedding,
    linear, linear_no_bias, lstm,
};

/// The class of what is before a text and behind it; with CTC it is the blank, which no text has
/// either.
pub(crate) const END: u32 = 0;

/// The decoder, behind any encoder: "Attention-Based Models for Speech Recognition", sections 2.1
/// and 2.2. With hⱼ the encoder's output of step j, sᵢ the recurrent layer's state behind letter i,
/// αᵢ the shares of the steps in what is read for letter i, and E yᵢ the letter as numbers:
///
/// fᵢ = F * αᵢ₋₁, eᵢⱼ = wᵀ tanh(W sᵢ₋₁ + V hⱼ + U fᵢⱼ + b), αᵢ = softmax(eᵢ), gᵢ = Σⱼ αᵢⱼ hⱼ,
/// yᵢ ~ softmax(O tanh(R [sᵢ₋₁; gᵢ])), sᵢ = LSTM(sᵢ₋₁, [E yᵢ; gᵢ]).
///
/// Before the first letter all is read at the first step.
///
/// Parameters: `embedding.weight` `[V, E]`, `recurrent.…` as [`Lstm`] has them, `heard.weight`
/// `[A, H]` and `bias` (V and b), `asked.weight` `[A, P]` (W), `filters.weight` `[K, 1, N]` (F) and
/// `places.weight` `[A, K]` (U) where there are filters, `energy.weight` `[1, A]` (w),
/// `hidden.weight` `[P, P + H]` (R) and `output.weight` `[V, P]` (O), each with its `bias`.
#[derive(Debug, Clone)]
pub(crate) struct Attention {
    embedding: Embedding,
    recurrent: Lstm,
    heard: Linear,
    asked: Linear,
    places: Option<(Conv1d, Linear)>,
    energy: Linear,
    hidden: Linear,
    output: Linear,
    dropout: f64,
}

/// Utterances as the decoder looks at them.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// V h + b, `[B, T', A]`.
    keys: Tensor,
    /// h, `[B, T', H]`.
    values: Tensor,
    /// T' of each.
    lengths: Vec<usize>,
}

/// What the decoder knows behind a letter.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// s.
    recurrent: LstmState,
    /// α, `[B, T']`.
    shares: Tensor,
}

/// What is read for a letter.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// g, `[B, H]`.
    read: Tensor,
    /// α, `[B, T']`.
    shares: Tensor,
}

pub(crate) fn attention(
    sizes: &AttentionConfig,
    config: &Config,
    vb: &VarBuilder,
) -> Result<Attention> {
    let AttentionConfig { embedding: size, units, energies, filters, width, .. } = *sizes;
    let classes = config.letters.classes();
    let inputs = config.outputs();
    let around = Conv1dConfig { padding: (width / 2, width / 2), ..Conv1dConfig::default() };
    let places = || -> Result<_> {
        let filters_of = conv1d_no_bias(1, filters, width, around, vb.pp("filters"))?;
        Ok((filters_of, linear_no_bias(filters, energies, vb.pp("places"))?))
    };
    Ok(Attention {
        embedding: embedding(classes, size, EmbeddingConfig::default(), vb.pp("embedding"))?,
        recurrent: lstm(size + inputs, units, LstmConfig::default(), vb.pp("recurrent"))?,
        heard: linear(inputs, energies, vb.pp("heard"))?,
        asked: linear_no_bias(units, energies, vb.pp("asked"))?,
        places: (filters > 0).then(places).transpose()?,
        energy: linear_no_bias(energies, 1, vb.pp("energy"))?,
        hidden: linear(units + inputs, units, vb.pp("hidden"))?,
        output: linear(units, classes, vb.pp("output"))?,
        dropout: config.dropout,
    })
}

impl Attention {
    /// The encoder's outputs `[B, T', H]`, each utterance having its own number of steps.
    pub fn heard(&self, encoded: &Tensor, lengths: &[usize], at: Precision) -> Result<Heard> {
        Ok(Heard {
            keys: self.heard.at(at).forward(encoded)?,
            values: encoded.clone(),
            lengths: lengths.to_vec(),
        })
    }

    /// What is known before the first letter.
    pub fn start(&self, heard: &Heard) -> Result<State> {
        let (batch, steps, inputs) = heard.values.dims3()?;
        let dtype = heard.values.dtype();
        let device = heard.values.device();
        let mut first = vec![0f32; batch * steps];
        first.iter_mut().step_by(steps.max(1)).for_each(|share| *share = 1.0);
        let look = Look {
            read: Tensor::zeros((batch, inputs), dtype, device)?,
            shares: Tensor::from_vec(first, (batch, steps), device)?.to_dtype(dtype)?,
        };
        let begin = self.letters(&vec![END; batch])?;
        self.go_on(None, &begin, &look)
    }

    /// E y of a letter of each utterance, `[B, E]`.
    pub fn letters(&self, classes: &[u32]) -> Result<Tensor> {
        let classes = Tensor::new(classes, self.embedding.weight().device())?;
        Ok(self.embedding.forward(&classes)?)
    }

    /// What is read for the next letter.
    pub fn look(&self, heard: &Heard, state: &State, at: Precision) -> Result<Look> {
        let Heard { keys, values, lengths } = heard;
        let asked = self.asked.at(at).forward(&state.recurrent.h.get(0)?)?.unsqueeze(1)?;
        let mut x = keys.broadcast_add(&asked)?;
        if let Some((filters, places)) = &self.places {
            let around = filters.at(at).forward(&state.shares.unsqueeze(1)?)?;
            x = (x + places.at(at).forward(&around.transpose(1, 2)?.contiguous()?)?)?;
        }
        let energies = self.energy.at(at).forward(&x.tanh()?)?;
        // An energy is what a query of 1 makes of it.
        let one = Tensor::ones((lengths.len(), 1, 1), values.dtype(), values.device())?;
        let (read, shares) = dot_attention(&one, &energies, values, lengths)?;
        Ok(Look { read: read.squeeze(1)?, shares: shares.squeeze(1)? })
    }

    /// What is known behind letters `[B, E]` that were written after a look.
    pub fn go_on(&self, state: Option<&State>, letters: &Tensor, look: &Look) -> Result<State> {
        let x = Tensor::cat(&[letters, &look.read], 1)?.unsqueeze(1)?;
        let state = state.map(|state| &state.recurrent);
        let (_, recurrent) = self.recurrent.forward(&x, None, state, &mut Mode::Eval)?;
        Ok(State { recurrent, shares: look.shares.clone() })
    }

    /// Logits `[…, V]` of states s `[…, P]` and of what was read g `[…, H]`.
    fn classified(&self, states: &Tensor, read: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        let at = precision(mode);
        let both = Tensor::cat(&[states, read], states.rank() - 1)?;
        let hidden = dropout(&self.hidden.at(at).forward(&both)?.tanh()?, self.dropout, mode)?;
        Ok(self.output.at(at).forward(&hidden)?)
    }

    /// The next letter's logits `[B, V]`.
    pub fn next(&self, state: &State, look: &Look) -> Result<Tensor> {
        self.classified(&state.recurrent.h.get(0)?, &look.read, &mut Mode::Eval)
    }

    /// Logits `[B, U + 1, V]` of the encoder's outputs `[B, T', H]` and of texts, U being the
    /// longest one's letters: of each letter behind those that the text has before it, and of the
    /// end.
    pub fn logits(
        &self,
        encoded: &Tensor,
        lengths: &[usize],
        texts: &[Vec<u32>],
        mode: &mut Mode,
    ) -> Result<Tensor> {
        let at = precision(mode);
        let heard = self.heard(encoded, lengths, at)?;
        let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
        let mut state = self.start(&heard)?;
        let mut states = Vec::new();
        let mut reads = Vec::new();
        for place in 0..=longest {
            let look = self.look(&heard, &state, at)?;
            states.push(state.recurrent.h.get(0)?);
            reads.push(look.read.clone());
            if place < longest {
                let classes = texts.iter().map(|text| text.get(place).copied().unwrap_or(END));
                let letters = self.letters(&classes.collect::<Vec<u32>>())?;
                state = self.go_on(Some(&state), &dropout(&letters, self.dropout, mode)?, &look)?;
            }
        }
        self.classified(&Tensor::stack(&states, 1)?, &Tensor::stack(&reads, 1)?, mode)
    }
}

impl Heard {
    /// The same utterance so many times, of a batch of one.
    pub fn times(&self, count: usize) -> Result<Self> {
        let many = |tensor: &Tensor| {
            let (_, steps, width) = tensor.dims3()?;
            tensor.broadcast_as((count, steps, width))?.contiguous()
        };
        let lengths = vec![self.lengths.first().copied().unwrap_or(0); count];
        Ok(Self { keys: many(&self.keys)?, values: many(&self.values)?, lengths })
    }
}

impl State {
    /// Those of chosen utterances, in that order, without what they came from.
    pub fn choose(&self, places: &Tensor) -> Result<Self> {
        let chosen = |state: &Tensor, dim| state.detach().index_select(places, dim);
        let recurrent =
            LstmState { h: chosen(&self.recurrent.h, 1)?, c: chosen(&self.recurrent.c, 1)? };
        Ok(Self { recurrent, shares: chosen(&self.shares, 0)? })
    }
}

impl Look {
    /// As [`State::choose`].
    pub fn choose(&self, places: &Tensor) -> Result<Self> {
        let chosen = |tensor: &Tensor| tensor.detach().index_select(places, 0);
        Ok(Self { read: chosen(&self.read)?, shares: chosen(&self.shares)? })
    }

    /// α of each utterance.
    pub fn shares(&self) -> Result<Vec<Vec<f32>>> {
        Ok(self.shares.to_vec2()?)
    }
}

/// The sum over all letters and ends of -ln of their probabilities, ε of each letter's share being
/// that of all classes alike.
pub(crate) fn loss(logits: &Tensor, texts: &[Vec<u32>], smoothing: f64) -> Result<Tensor> {
    const PADDING: u32 = u32::MAX;
    let (batch, places, classes) = logits.dims3()?;
    let padded = |text: &Vec<u32>| {
        let letters = text.iter().copied().chain([END]);
        letters.chain(std::iter::repeat(PADDING)).take(places).collect::<Vec<u32>>()
    };
    let targets: Vec<u32> = texts.iter().flat_map(padded).collect();
    let config = CrossEntropyConfig {
        label_smoothing: smoothing,
        ignore_index: Some(PADDING),
        reduction: Reduction::Sum,
        ..CrossEntropyConfig::default()
    };
    let targets = Tensor::new(targets, logits.device())?;
    Ok(cross_entropy(&logits.reshape((batch * places, classes))?, &targets, &config)?)
}
