//! The transducer (Graves 2012): each letter from what is heard and from the letters before it.

use crate::model::precision;
use crate::objective::TransducerConfig;
use crate::{Config, Result};
use candle_core::{Module, Tensor};
use conv_nn::{
    Embedding, EmbeddingConfig, Linear, Lstm, LstmConfig, LstmState, Mode, VarBuilder, dropout,
    embedding, linear, log_softmax, lstm,
};

/// The prediction network and the joint one of a transducer, behind any encoder.
///
/// Parameters: `embedding.weight` `[V, E]`, `recurrent.…` as [`Lstm`] has them, `encoder.weight`
/// `[J, H]`, `prediction.weight` `[J, P]`, `output.weight` `[V, J]`, and their `bias`.
#[derive(Debug, Clone)]
pub(crate) struct Transducer {
    embedding: Embedding,
    recurrent: Lstm,
    encoder: Linear,
    prediction: Linear,
    output: Linear,
    dropout: f64,
}

/// What the prediction network makes of a text.
#[derive(Debug, Clone)]
pub(crate) struct Predicted {
    /// What is expected behind it, `[1, J]`.
    expected: Tensor,
    state: LstmState,
}

pub(crate) fn transducer(
    sizes: &TransducerConfig,
    config: &Config,
    vb: &VarBuilder,
) -> Result<Transducer> {
    let TransducerConfig { embedding: size, units, joint } = *sizes;
    let classes = config.letters.classes();
    Ok(Transducer {
        // The blank's row stands for the beginning.
        embedding: embedding(classes, size, EmbeddingConfig::default(), vb.pp("embedding"))?,
        recurrent: lstm(size, units, LstmConfig::default(), vb.pp("recurrent"))?,
        encoder: linear(config.outputs(), joint, vb.pp("encoder"))?,
        prediction: linear(units, joint, vb.pp("prediction"))?,
        output: linear(joint, classes, vb.pp("output"))?,
        dropout: config.dropout,
    })
}

impl Transducer {
    /// Logits `[B, T', U + 1, V]` of the encoder's outputs `[B, T', H]` and of texts, U being the
    /// longest one's letters.
    pub fn logits(&self, encoded: &Tensor, texts: &[Vec<u32>], mode: &mut Mode) -> Result<Tensor> {
        let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
        let padded = |text: &Vec<u32>| {
            let letters = std::iter::once(0).chain(text.iter().copied());
            letters.chain(std::iter::repeat(0)).take(longest + 1).collect::<Vec<u32>>()
        };
        let ids: Vec<u32> = texts.iter().flat_map(padded).collect();
        let ids = Tensor::from_vec(ids, (texts.len(), longest + 1), encoded.device())?;
        let x = dropout(&self.embedding.forward(&ids)?, self.dropout, mode)?;
        let (x, _) = self.recurrent.forward(&x, None, None, mode)?;
        let x = dropout(&x, self.dropout, mode)?;
        let precision = precision(mode);
        let predicted = self.prediction.at(precision).forward(&x)?.unsqueeze(1)?;
        let heard = self.encoder.at(precision).forward(encoded)?.unsqueeze(2)?;
        let joint = heard.broadcast_add(&predicted)?.tanh()?;
        Ok(self.output.at(precision).forward(&joint)?)
    }

    /// The encoder's outputs `[T', H]` of an utterance as the joint network takes them, `[T', J]`.
    pub fn heard(&self, encoded: &Tensor) -> Result<Tensor> {
        Ok(self.encoder.at(precision(&Mode::Eval)).forward(encoded)?.detach())
    }

    /// What is expected behind texts of which each is one before with a letter more; the beginning
    /// stands behind nothing, by class 0.
    pub fn predict(&self, classes: &[u32], before: &[&Predicted]) -> Result<Vec<Predicted>> {
        let device = self.embedding.weight().device();
        let state = |of: fn(&LstmState) -> &Tensor| {
            let all: Vec<&Tensor> = before.iter().map(|one| of(&one.state)).collect();
            Tensor::cat(&all, 1)
        };
        let state = match before {
            [] => None,
            _ => Some(LstmState { h: state(|state| &state.h)?, c: state(|state| &state.c)? }),
        };
        let ids = Tensor::new(classes, device)?.unsqueeze(1)?;
        let x = self.embedding.forward(&ids)?;
        let (x, LstmState { h, c }) =
            self.recurrent.forward(&x, None, state.as_ref(), &mut Mode::Eval)?;
        let expected = self.prediction.at(precision(&Mode::Eval)).forward(&x.squeeze(1)?)?;
        let [expected, h, c] = [expected, h, c].map(|tensor| tensor.detach());
        let one = |at| {
            let state = LstmState { h: h.narrow(1, at, 1)?, c: c.narrow(1, at, 1)? };
            Ok(Predicted { expected: expected.narrow(0, at, 1)?, state })
        };
        (0..classes.len()).map(one).collect()
    }

    /// The logarithms of the classes' probabilities behind each text, a row each, at a step of
    /// [`Transducer::heard`], `[1, J]`.
    pub fn shares(&self, heard: &Tensor, behind: &[&Predicted]) -> Result<Vec<Vec<f32>>> {
        let expected: Vec<&Tensor> = behind.iter().map(|one| &one.expected).collect();
        let joint = Tensor::cat(&expected, 0)?.broadcast_add(heard)?.tanh()?;
        let logits = self.output.at(precision(&Mode::Eval)).forward(&joint)?;
        Ok(log_softmax(&logits, 1)?.to_vec2()?)
    }
}
