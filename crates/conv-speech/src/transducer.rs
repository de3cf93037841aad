//! The transducer (Graves 2012): each letter from what is heard and from the letters before it.

use crate::config::TransducerConfig;
use crate::greedy::Letter;
use crate::model::precision;
use crate::{Alphabet, Config, Result};
use candle_core::{Device, Module, Tensor};
use conv_nn::{
    Embedding, EmbeddingConfig, Linear, Lstm, LstmConfig, LstmState, Mode, VarBuilder, dropout,
    embedding, linear, lstm, softmax,
};

/// The prediction network and the joint one of a transducer, behind any encoder.
///
/// Parameters: `embedding.weight` `[V, E]`, `recurrent.…` as [`Lstm`] has them, `encoder.weight` `[J, H]`, `prediction.weight` `[J, P]`,
/// `output.weight` `[V, J]`, and their `bias`.
#[derive(Debug, Clone)]
pub(crate) struct Transducer {
    embedding: Embedding,
    recurrent: Lstm,
    encoder: Linear,
    prediction: Linear,
    output: Linear,
    dropout: f64,
}

/// Letters that are written at one step at most: more are a network that has lost its way.
const MOST_AT_A_STEP: usize = 8;

/// What greedy decoding finds.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    pub letters: Vec<Letter>,
    /// The probabilities with which each step began, `[T', V]`.
    pub shares: Vec<Vec<f32>>,
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
    /// Logits `[B, T', U + 1, V]` of the encoder's outputs `[B, T', H]` and of texts, U being the longest one's letters.
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

    /// The letters of an utterance, `[T', H]` as rows: at each step the likeliest one until it is the blank.
    pub fn decode(
        &self,
        rows: &[Vec<f32>],
        alphabet: &Alphabet,
        device: &Device,
    ) -> Result<Decoded> {
        let mut found = Decoded::default();
        if rows.is_empty() {
            return Ok(found);
        }
        let exact = precision(&Mode::Eval);
        let heard = Tensor::new(rows.to_vec(), device)?;
        let heard = self.encoder.at(exact).forward(&heard)?;
        let (mut predicted, mut state) = self.predict(0, None, device)?;
        for step in 0..rows.len() {
            let heard = heard.narrow(0, step, 1)?;
            for written in 0..=MOST_AT_A_STEP {
                let joint = (&heard + &predicted)?.tanh()?;
                let logits = self.output.at(exact).forward(&joint)?;
                let shares: Vec<f32> = softmax(&logits, 1)?.squeeze(0)?.to_vec1()?;
                let better = |best: usize, class: usize| {
                    if shares[class] > shares[best] { class } else { best }
                };
                // The first of equals.
                let class = (1..shares.len()).fold(0, better);
                let probability = shares.get(class).copied().unwrap_or(0.0);
                if written == 0 {
                    found.shares.push(shares);
                }
                let Some(unit) = alphabet.unit(class as u32).filter(|_| written < MOST_AT_A_STEP)
                else {
                    break;
                };
                found.letters.push(Letter { unit, steps: [step, step + 1], probability });
                (predicted, state) = self.predict(class as u32, Some(&state), device)?;
            }
        }
        Ok(found)
    }

    /// What is expected behind a letter, `[1, J]`, and the state there.
    fn predict(
        &self,
        class: u32,
        state: Option<&LstmState>,
        device: &Device,
    ) -> Result<(Tensor, LstmState)> {
        let x = self.embedding.forward(&Tensor::new(&[[class]], device)?)?;
        let (x, state) = self.recurrent.forward(&x, None, state, &mut Mode::Eval)?;
        let predicted = self.prediction.at(precision(&Mode::Eval)).forward(&x.squeeze(1)?)?;
        Ok((predicted, state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::tiny;
    use crate::frontend::{FrontEnd, LogMelConfig};
    use crate::{Objective, cldnn};
    use candle_core::{DType, IndexOp};
    use conv_nn::Parameters;

    #[test]
    fn decoding_takes_the_likeliest_class_of_the_joint_network() -> Result<()> {
        let mut config = tiny(FrontEnd::LogMel(LogMelConfig::default()));
        config.objective = Objective::Rnnt;
        config.transducer = Some(TransducerConfig { embedding: 4, units: 5, joint: 6 });
        let mut letters = 0;
        for seed in 0..20 {
            let vb = Parameters::new(seed).builder(DType::F32, &Device::Cpu);
            let model = cldnn(&config, None, &vb)?;
            let Some(transducer) = model.transducer() else { unreachable!("it was asked for") };
            let wave = |at: usize| ((at * at + seed as usize) as f32 * 0.37).sin() * 3.0;
            let rows: Vec<Vec<f32>> =
                (0..6).map(|t| (0..10).map(|h| wave(t * 10 + h)).collect()).collect();
            let found = transducer.decode(&rows, &config.letters, &Device::Cpu)?;
            assert_eq!(found.shares.len(), 6);
            // The same letters, all at once as training has them: each place's best class is the one that was taken.
            let class = |letter: &Letter| {
                (1..7).find(|&class| config.letters.unit(class) == Some(letter.unit)).unwrap_or(0)
            };
            let text: Vec<u32> = found.letters.iter().map(class).collect();
            let heard = Tensor::new(rows, &Device::Cpu)?.unsqueeze(0)?;
            let logits = transducer.logits(&heard, std::slice::from_ref(&text), &mut Mode::Eval)?;
            let logits = logits.i(0)?;
            let mut at = 0;
            for step in 0..6 {
                let here = found.letters.iter().filter(|letter| letter.steps[0] == step).count();
                // What was written at this step, and the blank behind it.
                let written = text[at..at + here].iter().copied().chain([0]);
                for (place, expected) in (at..).zip(written) {
                    let row: Vec<f32> = logits.i((step, place))?.to_vec1()?;
                    let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
                    if here < MOST_AT_A_STEP {
                        assert_eq!(best, Some(expected as usize), "seed {seed}, step {step}");
                    }
                }
                at += here;
            }
            letters += text.len();
        }
        assert!(letters > 20, "{letters}");
        Ok(())
    }
}
