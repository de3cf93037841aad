//! The networks of both agents.

use crate::Result;
use crate::toy::world::{ATTRIBUTES, TASKS, value};
use candle_core::{DType, Device, Module, Tensor};
use conv_hub::InvalidField;
use conv_nn::{
    Embedding, EmbeddingConfig, Init, LayerWeights, Linear, Lstm, LstmConfig, Parameters,
    VarBuilder, embedding,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Values of all attributes, which Q-Bot names one of: value v of attribute k is number 4k + v.
pub(super) const NAMES: usize = 4 * ATTRIBUTES.len();

/// The settings of Kottur et al. (2017), sections 4.1 to 4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// 64 symbols for each agent: as many as objects.
    OverComplete,
    /// 3 symbols for Q-Bot, as many as attributes, and 12 for A-Bot, as many as values.
    AttributeValue,
    /// 3 and 4 symbols, and an A-Bot that forgets the first round.
    Memoryless,
}

/// What recurrent agents are and how they learn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecurrentConfig {
    /// Symbols of Q-Bot.
    pub asked: usize,
    /// Symbols of A-Bot.
    pub answered: usize,
    /// Whether A-Bot remembers the first round in the second.
    pub memory: bool,
    /// Units of each recurrent layer; the paper has 100, at twice the cost.
    pub units: usize,
    /// Numbers of the vector of a symbol, of a task and of an attribute's value.
    pub dimension: usize,
    /// Games of a step.
    pub batch: usize,
    /// Steps at most, of all agents that are drawn; training ends before that where every task is
    /// done on every seen object.
    pub steps: usize,
    /// The share of a batch that is of objects on which some task is not done yet.
    pub hard: f64,
    /// Adam's step.
    pub learning_rate: f64,
    /// What the entropy of each choice counts at least, beside a reward of 1.
    pub entropy: f64,
    /// What it counts beyond that times the square of the share of tasks that are done: the more
    /// they can do, the more it takes to move them.
    pub heat: f64,
    /// That falls to 0 along a line in so many steps, then begins anew.
    pub cooling: usize,
    /// After so many steps agents that do less than [`RecurrentConfig::enough`] of the tasks are
    /// drawn anew.
    pub trial: usize,
    /// The share of tasks on seen objects that is enough then; 0 lets all agents be.
    pub enough: f64,
}

impl Default for RecurrentConfig {
    fn default() -> Self {
        Self {
            asked: 3,
            answered: 4,
            memory: false,
            units: 64,
            dimension: 20,
            batch: 1000,
            steps: 8_000,
            hard: 0.8,
            learning_rate: 0.01,
            entropy: 0.004,
            heat: 0.2,
            cooling: 3000,
            trial: 800,
            enough: 0.65,
        }
    }
}

impl RecurrentConfig {
    /// The symbols and the memory of a setting.
    pub fn of(setting: Setting) -> Self {
        let (asked, answered, memory) = match setting {
            Setting::OverComplete => (64, 64, true),
            Setting::AttributeValue => (3, 12, true),
            Setting::Memoryless => (3, 4, false),
        };
        Self { asked, answered, memory, ..Self::default() }
    }

    /// What entropy counts at `step` where that share of the tasks is done.
    pub(super) fn entropy_at(&self, step: usize, done: f64) -> f64 {
        let left = 1.0 - (step % self.cooling.max(1)) as f64 / self.cooling.max(1) as f64;
        self.entropy + self.heat * done.powi(2) * left
    }

    pub(super) fn check(&self) -> Result<()> {
        let Self { asked, answered, units, dimension, batch, steps, cooling, trial, .. } = self;
        for (name, size, most) in [
            ("asked", asked, 1024),
            ("answered", answered, 1024),
            ("units", units, 4096),
            ("dimension", dimension, 4096),
            ("batch", batch, 1 << 20),
            ("steps", steps, 1 << 30),
            ("cooling", cooling, 1 << 30),
            ("trial", trial, 1 << 30),
        ] {
            let expected = format!("1 to {most}");
            InvalidField::unless((1..=most).contains(size), name, size, &expected)?;
        }
        InvalidField::unless((0.0..=1.0).contains(&self.hard), "hard", &self.hard, "0 to 1")?;
        let rate = self.learning_rate;
        InvalidField::unless(rate > 0.0 && rate <= 1.0, "learning_rate", &rate, "above 0, to 1")?;
        for (name, counts) in [("entropy", self.entropy), ("heat", self.heat)] {
            InvalidField::unless((0.0..=100.0).contains(&counts), name, &counts, "0 to 100")?;
        }
        let enough = self.enough;
        InvalidField::unless((0.0..=1.0).contains(&enough), "enough", &enough, "0 to 1")?;
        Ok(())
    }
}

/// Both agents. Q-Bot's recurrent layer hears the task and then, by turns, its own symbol and
/// A-Bot's; its state goes on into another layer that hears the task twice and names a value each
/// time. A-Bot's layer hears a symbol beside the object's values, of which each has a vector.
#[derive(Clone)]
pub struct Recurrent {
    pub(super) config: RecurrentConfig,
    pub(super) parameters: Parameters,
    pub(super) device: Device,
    /// Of A-Bot's symbols, Q-Bot's own, and the tasks.
    pub(super) heard: Embedding,
    pub(super) asking: Lstm,
    pub(super) ask: Linear,
    pub(super) naming: Lstm,
    pub(super) name: Linear,
    /// Of Q-Bot's symbols and A-Bot's own.
    pub(super) questions: Embedding,
    /// Of an attribute's values.
    pub(super) values: Embedding,
    pub(super) answering: Lstm,
    pub(super) answer: Linear,
}

impl fmt::Debug for Recurrent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recurrent").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A matrix drawn from a normal distribution, `gain` times as large as Glorot and Bengio (2010)
/// have it.
fn matrix([rows, columns]: [usize; 2], gain: f64, name: &str, vb: &VarBuilder) -> Result<Tensor> {
    let std = gain * (2.0 / (rows + columns) as f64).sqrt();
    Ok(vb.get_with_hints((rows, columns), name, Init::Normal { mean: 0.0, std })?)
}

fn zeros(size: usize, name: &str, vb: &VarBuilder) -> Result<Tensor> {
    Ok(vb.get_with_hints(size, name, Init::Const(0.0))?)
}

/// At first standard normal. Drawn as small as the matrices are, what A-Bot says depends little on
/// what it was asked, and two symbols come to mean the same and stay so.
fn table(rows: usize, columns: usize, vb: &VarBuilder) -> Result<Embedding> {
    Ok(embedding(rows, columns, EmbeddingConfig::default(), vb.clone())?)
}

fn output(input: usize, output: usize, vb: &VarBuilder) -> Result<Linear> {
    Ok(Linear::new(matrix([output, input], 1.0, "weight", vb)?, Some(zeros(output, "bias", vb)?)))
}

/// A layer whose gates are far from linear at first: with small matrices what A-Bot says is a sum
/// of what it sees and of what it was asked, and answering each question with another attribute,
/// which is no sum, comes late or never.
fn layer(input: usize, units: usize, vb: &VarBuilder) -> Result<Lstm> {
    let weights = LayerWeights {
        weight_ih: matrix([4 * units, input], 3.0, "weight_ih_l0", vb)?,
        weight_hh: matrix([4 * units, units], 2.0, "weight_hh_l0", vb)?,
        bias: Some((zeros(4 * units, "bias_ih_l0", vb)?, zeros(4 * units, "bias_hh_l0", vb)?)),
        weight_hr: None,
    };
    Ok(Lstm::new(vec![weights], LstmConfig::default()))
}

impl Recurrent {
    /// Agents with the values of `parameters`, which are drawn where it has none, under `qbot` and
    /// `abot`.
    pub(super) fn new(
        config: &RecurrentConfig,
        parameters: Parameters,
        device: &Device,
    ) -> Result<Self> {
        config.check()?;
        let RecurrentConfig { asked, answered, units, dimension, .. } = *config;
        let vb = parameters.builder(DType::F32, device);
        let questioner = vb.pp("qbot");
        let answerer = vb.pp("abot");
        let tasks = TASKS.len();
        let seen = ATTRIBUTES.len() * dimension;
        Ok(Self {
            heard: table(answered + asked + tasks, dimension, &questioner.pp("heard"))?,
            asking: layer(dimension, units, &questioner.pp("asking"))?,
            ask: output(units, asked, &questioner.pp("ask"))?,
            naming: layer(dimension, units, &questioner.pp("naming"))?,
            name: output(units, NAMES, &questioner.pp("name"))?,
            questions: table(asked + answered, dimension, &answerer.pp("questions"))?,
            values: table(NAMES, dimension, &answerer.pp("seen"))?,
            answering: layer(seen + dimension, units, &answerer.pp("answering"))?,
            answer: output(units, answered, &answerer.pp("answer"))?,
            config: config.clone(),
            parameters,
            device: device.clone(),
        })
    }

    /// How many symbols Q-Bot and A-Bot have.
    pub(in crate::toy) fn symbols(&self) -> [usize; 2] {
        [self.config.asked, self.config.answered]
    }

    /// What A-Bot hears and sees, `[U, D]`, of numbers object · (asked + answered) + symbol.
    pub(super) fn heard_and_seen(&self, numbers: &[u32]) -> Result<Tensor> {
        let symbols = (self.config.asked + self.config.answered) as u32;
        let heard: Vec<u32> = numbers.iter().map(|number| number % symbols).collect();
        let seen: Vec<u32> = numbers
            .iter()
            .flat_map(|number| {
                let object = (number / symbols) as usize;
                (0..ATTRIBUTES.len()).map(move |k| (4 * k + value(object, k)) as u32)
            })
            .collect();
        let heard = self.questions.forward(&Tensor::new(heard, &self.device)?)?;
        let seen = self.values.forward(&Tensor::new(seen, &self.device)?)?;
        let seen = seen.reshape((numbers.len(), ()))?;
        Ok(Tensor::cat(&[heard, seen], 1)?)
    }

    /// What Q-Bot hears, `[U, D]`.
    pub(super) fn heard(&self, numbers: &[u32]) -> Result<Tensor> {
        Ok(self.heard.forward(&Tensor::new(numbers, &self.device)?)?)
    }
}
