//! The networks of the two agents.

use super::scene::{FEATURES, Scene};
use super::talk::{PAD, VOCABULARY};
use crate::Result;
use candle_core::{Module, Tensor};
use conv_core::Precision;
use conv_hub::{InvalidField, ModelConfig};
use conv_nn::{
    Embedding, EmbeddingConfig, Init, Linear, Lstm, LstmConfig, LstmState, Mode, VarBuilder,
    embedding, linear, lstm, relu,
};
use serde::{Deserialize, Serialize};

/// The sizes of both agents, as `config.json` holds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentsConfig {
    /// Words that both know.
    pub vocabulary: usize,
    /// Numbers that describe a scene.
    pub features: usize,
    /// Numbers of a word's vector.
    pub dimension: usize,
    /// Units of Q-Bot's recurrent layer.
    pub asking_units: usize,
    /// Units of A-Bot's.
    pub answering_units: usize,
}

impl ModelConfig for AgentsConfig {
    const MODEL_TYPE: &'static str = "conv-dialog-guess-agents";

    fn check(&self) -> Result<(), InvalidField> {
        let Self { vocabulary, features, dimension, asking_units, answering_units } = self;
        let same = |name, found: &usize, expected: usize| {
            InvalidField::unless(
                *found == expected,
                name,
                found,
                &format!("{expected}, as this version has"),
            )
        };
        same("vocabulary", vocabulary, VOCABULARY)?;
        same("features", features, FEATURES)?;
        for (name, size) in [
            ("dimension", dimension),
            ("asking_units", asking_units),
            ("answering_units", answering_units),
        ] {
            InvalidField::unless((1..=4096).contains(size), name, size, "1 to 4096")?;
        }
        Ok(())
    }
}

/// Q-Bot: a recurrent layer reads the dialog word by word and says the next word of a question.
/// Another reads each fact, which is the caption or a question with its answer; the sum of what it
/// makes of the facts so far gives the features of the scene as Q-Bot takes it to be. The paper has
/// a third layer in the place of the sum; facts about counts have no order.
#[derive(Debug, Clone)]
pub struct QBot {
    words: Embedding,
    dialog: Lstm,
    next: Linear,
    /// Words of facts, apart from those above: what is said can be frozen while what is imagined is
    /// learnt.
    fact_words: Embedding,
    fact: Lstm,
    known: Linear,
    hidden: Linear,
    scene: Linear,
}

/// A-Bot: a recurrent layer reads the question, and its state gates each of the scene's features,
/// which are counts as they are: a question's answer stands in one of them or in a few.
#[derive(Debug, Clone)]
pub struct ABot {
    words: Embedding,
    question: Lstm,
    gate: Linear,
    hidden: Linear,
    answer: Linear,
}

/// What features are put in order by: their means and deviations over drawn scenes, `[F]`.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    pub mean: Tensor,
    pub deviation: Tensor,
}

impl Scale {
    /// Features `[N, F]` put in order.
    pub fn ordered(&self, features: &Tensor) -> Result<Tensor> {
        Ok(features.broadcast_sub(&self.mean)?.broadcast_div(&self.deviation)?)
    }

    /// Means and deviations of the features of scenes.
    pub fn of(scenes: &[Scene]) -> [Vec<f32>; 2] {
        let mut sums = vec![0f64; FEATURES];
        let mut squares = vec![0f64; FEATURES];
        for features in scenes.iter().map(Scene::features) {
            for ((sum, square), value) in sums.iter_mut().zip(&mut squares).zip(features) {
                *sum += f64::from(value);
                *square += f64::from(value).powi(2);
            }
        }
        let count = scenes.len().max(1) as f64;
        let means = sums.iter().map(|sum| (sum / count) as f32).collect();
        let deviation = |(sum, square): (&f64, &f64)| {
            ((square / count - (sum / count).powi(2)).max(1e-6).sqrt()) as f32
        };
        [means, sums.iter().zip(&squares).map(deviation).collect()]
    }
}

/// Both agents from a builder, under `qbot`, `abot` and, two buffers, `scene`.
pub(crate) fn agents(
    config: &AgentsConfig,
    scale: Option<[Vec<f32>; 2]>,
    vb: &VarBuilder,
) -> Result<(QBot, ABot, Scale)> {
    config.check()?;
    let AgentsConfig { vocabulary, features, dimension, asking_units, answering_units } = *config;
    let asking = vb.pp("qbot");
    let answering = vb.pp("abot");
    let scene = vb.pp("scene");
    let padded = EmbeddingConfig { padding_index: Some(PAD) };
    let questioner = QBot {
        words: embedding(vocabulary, dimension, padded, asking.pp("words"))?,
        dialog: lstm(dimension, asking_units, LstmConfig::default(), asking.pp("dialog"))?,
        next: linear(asking_units, vocabulary, asking.pp("next"))?,
        fact_words: embedding(vocabulary, dimension, padded, asking.pp("fact_words"))?,
        fact: lstm(dimension, asking_units, LstmConfig::default(), asking.pp("fact"))?,
        known: linear(asking_units, asking_units, asking.pp("known"))?,
        hidden: linear(asking_units, asking_units, asking.pp("hidden"))?,
        scene: linear(asking_units, features, asking.pp("scene"))?,
    };
    let answerer = ABot {
        words: embedding(vocabulary, dimension, padded, answering.pp("words"))?,
        question: lstm(
            dimension,
            answering_units,
            LstmConfig::default(),
            answering.pp("question"),
        )?,
        gate: linear(answering_units, features, answering.pp("gate"))?,
        hidden: linear(answering_units + features, answering_units, answering.pp("hidden"))?,
        answer: linear(answering_units, vocabulary, answering.pp("answer"))?,
    };
    let [mean, deviation] = scale.map_or([None, None], |scale| scale.map(Some));
    let buffer = |name: &str, given: Option<Vec<f32>>, constant| -> Result<Tensor> {
        let init = match given {
            Some(values) => Init::Value(Tensor::from_vec(values, features, vb.device())?),
            None => Init::Const(constant),
        };
        Ok(scene.get_with_hints(features, name, Init::Buffer(Box::new(init)))?)
    };
    let scale =
        Scale { mean: buffer("mean", mean, 0.0)?, deviation: buffer("deviation", deviation, 1.0)? };
    Ok((questioner, answerer, scale))
}

/// In games what is said does not depend on what other games go on beside it.
fn precision(mode: &Mode) -> Precision {
    match mode {
        Mode::Eval => Precision::Exact,
        Mode::Train(_) => Precision::Fast,
    }
}

impl QBot {
    /// States `[B, T, H]` behind each word of `words` `[B, T]`, and the state to go on from.
    pub(crate) fn read(
        &self,
        words: &Tensor,
        lengths: Option<&[usize]>,
        state: Option<&LstmState>,
        mode: &mut Mode,
    ) -> Result<(Tensor, LstmState)> {
        Ok(self.dialog.forward(&self.words.forward(words)?, lengths, state, mode)?)
    }

    /// Logits `[N, V]` of the word that follows states `[N, H]`.
    pub(crate) fn next(&self, states: &Tensor, mode: &Mode) -> Result<Tensor> {
        Ok(self.next.at(precision(mode)).forward(states)?)
    }

    /// The scene's features, put in order, after each of B · N facts `[B · N, T]` of B dialogs:
    /// `[B, N, F]`.
    pub(crate) fn imagine(
        &self,
        facts: &Tensor,
        lengths: &[usize],
        dialogs: usize,
        mode: &mut Mode,
    ) -> Result<Tensor> {
        let (_, state) =
            self.fact.forward(&self.fact_words.forward(facts)?, Some(lengths), None, mode)?;
        let precision = precision(mode);
        let known = relu(&self.known.at(precision).forward(&state.h.squeeze(0)?)?)?;
        let (facts, units) = known.dims2()?;
        let known = known.reshape((dialogs, facts / dialogs.max(1), units))?.cumsum(1)?;
        let hidden = relu(&self.hidden.at(precision).forward(&known)?)?;
        Ok(self.scene.at(precision).forward(&hidden)?)
    }
}

impl ABot {
    /// Logits `[N, V]` of the answers to questions `[N, T]` about scenes of features `[N, F]`.
    pub(crate) fn answer(
        &self,
        questions: &Tensor,
        lengths: &[usize],
        scenes: &Tensor,
        mode: &mut Mode,
    ) -> Result<Tensor> {
        let precision = precision(mode);
        let x = self.words.forward(questions)?;
        let (_, state) = self.question.forward(&x, Some(lengths), None, mode)?;
        let question = state.h.squeeze(0)?;
        let seen = (self.gate.at(precision).forward(&question)? * scenes)?;
        let both = Tensor::cat(&[question, seen], 1)?;
        let hidden = relu(&self.hidden.at(precision).forward(&both)?)?;
        Ok(self.answer.at(precision).forward(&hidden)?)
    }
}
