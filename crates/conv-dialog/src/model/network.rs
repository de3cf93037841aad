//! Encoders and decoders of Das et al. (2017), "Visual Dialog", sections 4.1 and 4.2, on text, and
//! on features of the image where there are some.

use super::batch::{Answers, Batch, History, Sequences, Shared};
use crate::counts::FEATURES;
use crate::{Config, Decoder, Encoder, Result};
use candle_core::{D, DType, Module, Tensor};
use conv_core::Precision;
use conv_hub::ModelConfig;
use conv_nn::{
    CrossEntropyConfig, Embedding, EmbeddingConfig, Init, Linear, Lstm, LstmConfig, LstmState,
    Mode, Reduction, VarBuilder, cross_entropy, dropout, embedding, linear, log_softmax, lstm,
    softmax_of_first,
};
use conv_text::tokenizer::PAD;

/// Mean and deviation of each feature over what is trained on.
#[derive(Debug, Clone)]
pub(crate) struct Statistics {
    pub mean: Vec<f32>,
    pub deviation: Vec<f32>,
}

/// An encoder and a decoder.
///
/// With q the last state of a recurrent layer over the question, and another layer over what was
/// said before, the encoders are
///
/// - late fusion: e = tanh(W \[q; h\]), where h is the last state over the caption and the latest words of the dialog in one piece;
/// - hierarchical recurrent: e is the last state of a third layer, over the rounds, that hears \[q\_s; h\_s\], each question with the fact
///   before it, where facts are the caption and then each question with its answer;
/// - memory network: e = q + W Σ a\_s h\_s + b, a = softmax of q · h\_s over the facts.
///
/// Where the network sees the image, of features v, late fusion has \[q; h; v\], the hierarchical
/// layer hears \[q\_s; h\_s; v\], and the memory network has tanh(W\_q \[q; v\] + b\_q) in the
/// place of q. The paper's hierarchical encoder has the image beside each word of the question
/// instead.
///
/// The discriminative decoder scores a candidate by e · r, where r is the last state of a layer
/// over the answer, and adds what a small network makes of the counted features c: v · tanh(U c).
/// The generative one scores it by the log-likelihood of its words and its end in a recurrent
/// language model that begins in the state e.
///
/// # Shapes
/// A batch of B rounds of K candidates → `[B, K]` scores.
#[derive(Debug, Clone)]
pub struct Network {
    words: Embedding,
    question: Lstm,
    history: Lstm,
    joined: Joined,
    answer: Lstm,
    scored: Scored,
    config: Config,
}

/// What brings question and history together.
#[derive(Debug, Clone)]
enum Joined {
    Fusion(Linear),
    Dialog(Lstm),
    Context { context: Linear, query: Option<Linear> },
}

/// What comes behind the layer over answers.
#[derive(Debug, Clone)]
enum Scored {
    Counting { mean: Tensor, deviation: Tensor, hidden: Linear, score: Linear },
    Next(Linear),
}

/// Builds the network.
///
/// Parameters: `words.weight` `[known, D]`, with a row more for the sign at both ends of an answer
/// that is said word by word; `question.…`, `history.…` and `answer.…` as [`Lstm`] has them;
/// `fusion.weight` `[H, 2H + I]` and `bias`, or `dialog.…`, or `context.weight` `[H, H]` and
/// `bias`, with `query.weight` `[H, H + I]` and `bias` where there is an image; for the
/// discriminative decoder buffers `counting.mean` and `counting.deviation` `[19]`,
/// `counting.hidden.weight` and `bias`, `counting.score.weight` and `bias`, for the generative one
/// `next.weight` `[known + 1, H]` and `bias`.
///
/// # Errors
/// A configuration out of range, or stored weights of another shape.
pub(crate) fn network(
    config: &Config,
    statistics: Option<&Statistics>,
    vb: &VarBuilder,
) -> Result<Network> {
    config.check()?;
    let Config { known, dimension, units, counting_units, .. } = *config;
    let seen = config.image_size();
    let reader = |name: &str| lstm(dimension, units, LstmConfig::default(), vb.pp(name));
    let of_counting = vb.pp("counting");
    let buffer = |name: &str, given: Option<&Vec<f32>>, constant| {
        let init = match given {
            Some(values) => Init::Value(Tensor::new(values.as_slice(), vb.device())?),
            None => Init::Const(constant),
        };
        of_counting.get_with_hints(FEATURES, name, Init::Buffer(Box::new(init)))
    };
    let joined = match config.encoder {
        Encoder::LateFusion => Joined::Fusion(linear(2 * units + seen, units, vb.pp("fusion"))?),
        Encoder::Hierarchical => {
            Joined::Dialog(lstm(2 * units + seen, units, LstmConfig::default(), vb.pp("dialog"))?)
        }
        Encoder::Memory => {
            let query = || linear(units + seen, units, vb.pp("query"));
            let query = (seen > 0).then(query).transpose()?;
            Joined::Context { context: linear(units, units, vb.pp("context"))?, query }
        }
    };
    let scored = match config.decoder {
        Decoder::Discriminative => Scored::Counting {
            mean: buffer("mean", statistics.map(|s| &s.mean), 0.0)?,
            deviation: buffer("deviation", statistics.map(|s| &s.deviation), 1.0)?,
            hidden: linear(FEATURES, counting_units, of_counting.pp("hidden"))?,
            score: linear(counting_units, 1, of_counting.pp("score"))?,
        },
        Decoder::Generative => Scored::Next(linear(units, known + 1, vb.pp("next"))?),
    };
    let rows = match config.decoder {
        Decoder::Discriminative => known,
        Decoder::Generative => known + 1,
    };
    let padded = EmbeddingConfig { padding_index: Some(PAD) };
    Ok(Network {
        words: embedding(rows, dimension, padded, vb.pp("words"))?,
        question: reader("question")?,
        history: reader("history")?,
        joined,
        answer: reader("answer")?,
        scored,
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

impl Network {
    /// What the network is made of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn embedded(&self, texts: &Sequences, mode: &mut Mode) -> Result<Tensor> {
        Ok(dropout(&self.words.forward(&texts.words)?, self.config.dropout, mode)?)
    }

    /// The last state of a reader, `[N, H]`.
    fn read(&self, reader: &Lstm, texts: &Sequences, mode: &mut Mode) -> Result<Tensor> {
        let x = self.embedded(texts, mode)?;
        let (_, state) = reader.forward(&x, Some(&texts.lengths), None, mode)?;
        Ok(dropout(&state.h.squeeze(0)?, self.config.dropout, mode)?)
    }

    /// The same of texts in B rows, `[B, M, H]`.
    fn read_shared(
        &self,
        reader: &Lstm,
        shared: &Shared,
        rows: usize,
        mode: &mut Mode,
    ) -> Result<Tensor> {
        let states = self.read(reader, &shared.texts, mode)?.index_select(&shared.places, 0)?;
        let (count, units) = states.dims2()?;
        Ok(states.reshape((rows, count / rows.max(1), units))?)
    }

    /// The encoding e of each round, `[B, H]`.
    fn encode(&self, batch: &Batch, mode: &mut Mode) -> Result<Tensor> {
        let precision = precision(mode);
        let rounds = batch.question.lengths.len();
        if batch.image.is_some() != self.config.image.is_some() {
            return Err(other_batch());
        }
        let image = batch.image.clone();
        match (&self.joined, &batch.history) {
            (Joined::Fusion(layer), History::Whole(history)) => {
                let question = self.read(&self.question, &batch.question, mode)?;
                let history = self.read(&self.history, history, mode)?;
                let all: Vec<Tensor> = [question, history].into_iter().chain(image).collect();
                Ok(layer.at(precision).forward(&Tensor::cat(&all, 1)?)?.tanh()?)
            }
            (
                Joined::Dialog(layer),
                History::Facts { facts, questions: Some(questions), counts },
            ) => {
                let questions = self.read_shared(&self.question, questions, rounds, mode)?;
                let facts = self.read_shared(&self.history, facts, rounds, mode)?;
                let facts_of_each = facts.dim(1)?;
                let image = image.map(|image| {
                    let (rounds, size) = image.dims2()?;
                    image.unsqueeze(1)?.expand((rounds, facts_of_each, size))?.contiguous()
                });
                let all: Vec<Tensor> =
                    [questions, facts].into_iter().chain(image.transpose()?).collect();
                let (_, state) = layer.forward(&Tensor::cat(&all, 2)?, Some(counts), None, mode)?;
                Ok(state.h.squeeze(0)?)
            }
            (Joined::Context { context: layer, query }, History::Facts { facts, counts, .. }) => {
                let question = self.read(&self.question, &batch.question, mode)?;
                let question = match (query, image) {
                    (Some(query), Some(image)) => {
                        let both = Tensor::cat(&[question, image], 1)?;
                        query.at(precision).forward(&both)?.tanh()?
                    }
                    _ => question,
                };
                let facts = self.read_shared(&self.history, facts, rounds, mode)?;
                let alike = facts.broadcast_mul(&question.unsqueeze(1)?)?.sum(D::Minus1)?;
                let attention = softmax_of_first(&alike, counts)?;
                let context = facts.broadcast_mul(&attention.unsqueeze(2)?)?.sum(1)?;
                Ok((question + layer.at(precision).forward(&context)?)?)
            }
            _ => Err(other_batch()),
        }
    }

    /// Scores `[B, K]`, the higher the better.
    ///
    /// # Errors
    /// A batch that was made for another configuration, or those of the tensor library.
    pub fn scores(&self, batch: &Batch, mode: &mut Mode) -> Result<Tensor> {
        let precision = precision(mode);
        let encoded = self.encode(batch, mode)?;
        match (&self.scored, &batch.answers) {
            (
                Scored::Counting { mean, deviation, hidden, score },
                Answers::Chosen { candidates, counted },
            ) => {
                let rounds = encoded.dim(0)?;
                let answers = self.read_shared(&self.answer, candidates, rounds, mode)?;
                let read = answers.broadcast_mul(&encoded.unsqueeze(1)?)?.sum(D::Minus1)?;
                let counted = counted.broadcast_sub(mean)?.broadcast_div(deviation)?;
                let counted = hidden.at(precision).forward(&counted)?.tanh()?;
                let counted = score.at(precision).forward(&counted)?.squeeze(D::Minus1)?;
                Ok((read + counted)?)
            }
            (Scored::Next(_), Answers::Said { before, each, .. }) => {
                let losses = self.word_losses(&encoded, &batch.answers, mode)?;
                let losses = losses.reshape((before.lengths.len(), ()))?.sum(1)?;
                Ok(losses.neg()?.reshape((encoded.dim(0)?, *each))?)
            }
            _ => Err(other_batch()),
        }
    }

    /// -log p of each word and end of each answer, 0 behind it: `[B · K · (1 + T)]`.
    fn word_losses(&self, encoded: &Tensor, answers: &Answers, mode: &mut Mode) -> Result<Tensor> {
        let (Scored::Next(layer), Answers::Said { before, next, each }) = (&self.scored, answers)
        else {
            return Err(other_batch());
        };
        let (rounds, units) = encoded.dims2()?;
        let count = rounds * each;
        // Each round's encoding, once for every candidate.
        let h = encoded.unsqueeze(1)?.broadcast_as((rounds, *each, units))?;
        let h = h.reshape((1, count, units))?;
        let state = LstmState { c: h.zeros_like()?, h };
        let x = self.embedded(before, mode)?;
        let (states, _) = self.answer.forward(&x, Some(&before.lengths), Some(&state), mode)?;
        let states = dropout(&states.reshape(((), units))?, self.config.dropout, mode)?;
        let logits = layer.at(precision(mode)).forward(&states)?;
        let config = CrossEntropyConfig {
            ignore_index: Some(PAD),
            reduction: Reduction::None,
            ..CrossEntropyConfig::default()
        };
        Ok(cross_entropy(&logits, next, &config)?)
    }

    /// The answer layer's state before the first word, of each round `[1, B, H]`.
    pub(super) fn begin(&self, batch: &Batch) -> Result<LstmState> {
        let h = self.encode(batch, &mut Mode::Eval)?.unsqueeze(0)?;
        Ok(LstmState { c: h.zeros_like()?, h })
    }

    /// log p of each word, and of the end, behind `words` `[U]` heard in states `[1, U, H]`:
    /// `[U, V + 1]`, and the states then.
    pub(super) fn go_on(&self, words: &Tensor, state: &LstmState) -> Result<(Tensor, LstmState)> {
        let Scored::Next(layer) = &self.scored else { return Err(other_batch()) };
        let x = self.words.forward(&words.unsqueeze(1)?)?;
        let (states, state) = self.answer.forward(&x, None, Some(state), &mut Mode::Eval)?;
        let logits = layer.at(Precision::Exact).forward(&states.squeeze(1)?)?;
        Ok((log_softmax(&logits, 1)?, state))
    }

    /// What training makes small, over rounds whose first candidate is the true one: the
    /// cross-entropy of choosing it among the others, or that of its words, and what the mean is
    /// over: rounds, or words.
    ///
    /// # Errors
    /// As [`Network::scores`].
    pub fn loss(&self, batch: &Batch, mode: &mut Mode) -> Result<(Tensor, f64)> {
        match &batch.answers {
            Answers::Chosen { .. } => {
                let scores = self.scores(batch, mode)?;
                let rounds = scores.dim(0)?;
                let targets = Tensor::zeros(rounds, DType::U32, scores.device())?;
                let loss = cross_entropy(&scores, &targets, &CrossEntropyConfig::default())?;
                Ok((loss, rounds as f64))
            }
            Answers::Said { before, .. } => {
                let encoded = self.encode(batch, mode)?;
                let words = before.lengths.iter().sum::<usize>() as f64;
                let losses = self.word_losses(&encoded, &batch.answers, mode)?;
                Ok(((losses.sum_all()? / words)?, words))
            }
        }
    }
}

fn other_batch() -> crate::Error {
    candle_core::Error::Msg("a batch made for another configuration".into()).into()
}
