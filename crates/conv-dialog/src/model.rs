//! The network: question and history read by recurrent layers and fused late, answers read by another, and what counting says.

use crate::counts::FEATURES;
use crate::words::Turn;
use crate::{Config, Error, Result};
use candle_core::{D, Device, Module, Tensor};
use conv_core::Precision;
use conv_hub::ModelConfig;
use conv_nn::{
    Embedding, EmbeddingConfig, Init, Linear, Lstm, LstmConfig, Mode, VarBuilder, dropout,
    embedding, linear, lstm,
};
use conv_text::tokenizer::{PAD, UNK};
use std::collections::HashMap;

/// Texts as rows of word numbers.
#[derive(Debug, Clone)]
pub struct Sequences {
    /// `[N, T]`, with 0 behind the shorter ones.
    words: Tensor,
    lengths: Vec<usize>,
}

impl Sequences {
    fn new(texts: &[&[u32]], known: usize, device: &Device) -> Result<Self> {
        let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut words = vec![PAD; texts.len() * longest];
        for (row, text) in words.chunks_mut(longest.max(1)).zip(texts) {
            for (to, &word) in row.iter_mut().zip(*text) {
                *to = if (word as usize) < known { word } else { UNK };
            }
        }
        let words = Tensor::from_vec(words, (texts.len(), longest), device)?;
        Ok(Self { words, lengths })
    }
}

/// Rounds with their candidates, as the network takes them.
#[derive(Debug, Clone)]
pub struct Batch {
    question: Sequences,
    history: Sequences,
    /// Each answer once.
    answers: Sequences,
    /// `[B · K]`, places of the candidates in `answers`.
    candidates: Tensor,
    /// `[B, K, 19]`, what counting says of each.
    counted: Tensor,
}

/// A round to be put into a batch: its turn, its candidates and what counting says of each.
pub(crate) struct Asked<'a> {
    pub turn: &'a Turn,
    pub candidates: Vec<&'a [u32]>,
    pub counted: Vec<[f32; FEATURES]>,
}

impl Batch {
    /// Of rounds that have as many candidates each.
    pub(crate) fn new(rounds: &[Asked], config: &Config, device: &Device) -> Result<Self> {
        let texts = |of: &dyn Fn(&Turn) -> Vec<u32>| {
            let texts: Vec<Vec<u32>> = rounds.iter().map(|round| of(round.turn)).collect();
            let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
            Sequences::new(&texts, config.known, device)
        };
        let (mut places, mut answers, mut chosen) = (HashMap::new(), Vec::new(), Vec::new());
        for &answer in rounds.iter().flat_map(|round| &round.candidates) {
            let place = *places.entry(answer).or_insert_with(|| {
                answers.push(answer);
                answers.len() as u32 - 1
            });
            chosen.push(place);
        }
        let count = chosen.len();
        let each = count / rounds.len().max(1);
        let counted =
            rounds.iter().flat_map(|round| round.counted.as_flattened()).copied().collect();
        Ok(Self {
            question: texts(&|turn| turn.question.clone())?,
            history: texts(&|turn| turn.heard(config.history))?,
            answers: Sequences::new(&answers, config.known, device)?,
            candidates: Tensor::from_vec(chosen, count, device)?,
            counted: Tensor::from_vec::<_, f32>(counted, (rounds.len(), each, FEATURES), device)?,
        })
    }
}

/// Mean and deviation of each feature over what is trained on.
#[derive(Debug, Clone)]
pub(crate) struct Statistics {
    pub mean: Vec<f32>,
    pub deviation: Vec<f32>,
}

/// The late-fusion encoder with the discriminative decoder of Das et al. (2017), "Visual Dialog", section 4, on text alone, with what
/// counting says of each candidate as a further part of its score:
///
/// s(a) = tanh(W [q; h]) · r(a) + v · tanh(U c(a)), where q, h and r are the last states of recurrent layers over the question, the
/// caption with the history, and the answer, and c are the counted features.
///
/// # Shapes
/// A batch of B rounds of K candidates → `[B, K]` scores.
#[derive(Debug, Clone)]
pub struct LateFusion {
    words: Embedding,
    question: Lstm,
    history: Lstm,
    answer: Lstm,
    fusion: Linear,
    mean: Tensor,
    deviation: Tensor,
    counting: Linear,
    score: Linear,
    config: Config,
}

/// Builds the network.
///
/// Parameters: `words.weight` `[known, D]`, `question.…`, `history.…` and `answer.…` as [`Lstm`] has them, `fusion.weight` `[H, 2H]` and
/// `bias`, buffers `counting.mean` and `counting.deviation` `[19]`, `counting.hidden.weight` and `bias`, `counting.score.weight` and `bias`.
///
/// # Errors
/// A configuration out of range, or stored weights of another shape.
pub(crate) fn late_fusion(
    config: &Config,
    statistics: Option<&Statistics>,
    vb: &VarBuilder,
) -> Result<LateFusion> {
    config.check()?;
    let Config { known, dimension, units, counting_units, .. } = *config;
    let reader = |name: &str| lstm(dimension, units, LstmConfig::default(), vb.pp(name));
    let of_counting = vb.pp("counting");
    let buffer = |name: &str, given: Option<&Vec<f32>>, constant| {
        let init = match given {
            Some(values) => Init::Value(Tensor::new(values.as_slice(), vb.device())?),
            None => Init::Const(constant),
        };
        of_counting.get_with_hints(FEATURES, name, Init::Buffer(Box::new(init)))
    };
    Ok(LateFusion {
        words: embedding(
            known,
            dimension,
            EmbeddingConfig { padding_index: Some(PAD) },
            vb.pp("words"),
        )?,
        question: reader("question")?,
        history: reader("history")?,
        answer: reader("answer")?,
        fusion: linear(2 * units, units, vb.pp("fusion"))?,
        mean: buffer("mean", statistics.map(|s| &s.mean), 0.0)?,
        deviation: buffer("deviation", statistics.map(|s| &s.deviation), 1.0)?,
        counting: linear(FEATURES, counting_units, of_counting.pp("hidden"))?,
        score: linear(counting_units, 1, of_counting.pp("score"))?,
        config: config.clone(),
    })
}

/// Which of the fast kernels runs depends on the batch, and so would a score's sixth digit.
fn precision(mode: &Mode) -> Precision {
    match mode {
        Mode::Eval => Precision::Exact,
        Mode::Train(_) => Precision::Fast,
    }
}

impl LateFusion {
    /// What the network is made of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The last state of a reader, `[N, H]`.
    fn read(&self, reader: &Lstm, texts: &Sequences, mode: &mut Mode) -> Result<Tensor> {
        let x = dropout(&self.words.forward(&texts.words)?, self.config.dropout, mode)?;
        let (_, state) = reader.forward(&x, Some(&texts.lengths), None, mode)?;
        Ok(dropout(&state.h.squeeze(0)?, self.config.dropout, mode)?)
    }

    /// Scores `[B, K]`.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub fn forward(&self, batch: &Batch, mode: &mut Mode) -> Result<Tensor> {
        let precision = precision(mode);
        let question = self.read(&self.question, &batch.question, mode)?;
        let history = self.read(&self.history, &batch.history, mode)?;
        let fused =
            self.fusion.at(precision).forward(&Tensor::cat(&[question, history], 1)?)?.tanh()?;
        let answers = self.read(&self.answer, &batch.answers, mode)?;
        let (rounds, each, _) = batch.counted.dims3()?;
        let answers = answers.index_select(&batch.candidates, 0)?.reshape((rounds, each, ()))?;
        let read = answers.broadcast_mul(&fused.unsqueeze(1)?)?.sum(D::Minus1)?;
        let counted = batch.counted.broadcast_sub(&self.mean)?.broadcast_div(&self.deviation)?;
        let counted = self.counting.at(precision).forward(&counted)?.tanh()?;
        let counted = self.score.at(precision).forward(&counted)?.squeeze(D::Minus1)?;
        Ok((read + counted)?)
    }
}

/// Rounds in a batch of [`scores`].
const ROUNDS_AT_ONCE: usize = 16;

/// The scores of each round's candidates, in their order; the same alone and in any batch.
pub(crate) fn scores(
    model: &LateFusion,
    rounds: &[Asked],
    name: impl Fn(usize) -> String,
    device: &Device,
) -> Result<Vec<Vec<f32>>> {
    let mut all = Vec::new();
    // Rounds of as many candidates share a batch.
    for some in rounds.chunk_by(|a, b| a.candidates.len() == b.candidates.len()) {
        for some in some.chunks(ROUNDS_AT_ONCE) {
            let scores =
                model.forward(&Batch::new(some, &model.config, device)?, &mut Mode::Eval)?;
            all.extend(scores.to_vec2::<f32>()?);
        }
    }
    for (number, row) in all.iter().enumerate() {
        if let Some(&value) = row.iter().find(|value| !value.is_finite()) {
            return Err(Error::NotFinite { value, name: name(number) });
        }
    }
    Ok(all)
}
