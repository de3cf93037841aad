//! Supervised training of both agents, on scenes and dialogs that are drawn anew each epoch.

use super::agents::{AgentsConfig, Scale, agents};
use super::batch::{Batch, Told};
use super::game::Agents;
use super::play::Imagined;
use super::pool::{ScenePool, percentile};
use super::reinforce::{Played, advantages, play_on};
use super::scene::{FEATURES, Scene};
use super::talk::{Question, VOCABULARY};
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use conv_hub::{Card, Stored};
use conv_nn::rng::seeded;
use conv_nn::{CrossEntropyConfig, Mode, Parameters, Reduction, cross_entropy};
use conv_train::batch::{BatchSize, Batching};
use conv_train::{Decay, FitConfig, Interval, Learner, Loss, Schedule, Task};
use rand::RngCore;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

/// What agents learn from: the script, or what their own words earn (Das et al. 2017, sections 4
/// and 6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Learning {
    /// True dialogs.
    #[default]
    Supervised,
    /// In epoch e, from 0, all but the last e + 1 rounds are the script's. The words of the others
    /// are drawn, and learnt by how much nearer to the truth Q-Bot's picture of the scene came with
    /// the round (Williams 1992).
    Full,
    /// The same, but Q-Bot's way of asking stays as it is.
    FrozenQ,
    /// The same, but A-Bot stays as it is.
    FrozenA,
}

/// A training run's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentsRecipe {
    /// What is learnt from.
    pub learning: Learning,
    /// Numbers of a word's vector.
    pub dimension: usize,
    /// Units of Q-Bot's recurrent layer.
    pub asking_units: usize,
    /// Units of A-Bot's.
    pub answering_units: usize,
    /// Rounds of a dialog.
    pub rounds: usize,
    /// Games of an epoch.
    pub games: usize,
    /// The loop's settings.
    pub fit: FitConfig,
}

impl Default for AgentsRecipe {
    fn default() -> Self {
        Self {
            learning: Learning::default(),
            dimension: 32,
            asking_units: 128,
            answering_units: 96,
            rounds: 10,
            games: 8192,
            fit: FitConfig {
                epochs: 6,
                batching: Batching { size: BatchSize::Examples(32), window: 1 },
                learning_rate: 3e-3,
                schedule: Schedule {
                    warmup_steps: 50,
                    decay: Decay::Cosine { steps: None, floor: 0.0 },
                },
                clip_norm: Some(5.0),
                evaluate_every: Interval::Epochs(1),
                ..FitConfig::default()
            },
        }
    }
}

/// Scenes that means and deviations are taken over.
const MEASURED: usize = 4096;
/// Games of the script that evaluation is on.
const HELD_OUT: usize = 100;
/// Games that are played in evaluation.
const PLAYED: usize = 200;
/// Scenes that the right one is guessed among there.
const POOL: usize = 1000;

/// Games that are learnt from.
#[derive(Debug)]
pub struct Games(Kind);

#[derive(Debug)]
enum Kind {
    Given(Batch),
    /// To be played on from the first `given` rounds.
    Open {
        script: Vec<Told>,
        given: usize,
    },
}

/// Both agents and what they learn from: what [`conv_train::fit`] trains.
pub struct AgentsTraining<'a> {
    recipe: &'a AgentsRecipe,
    config: AgentsConfig,
    parameters: Parameters,
    agents: Agents,
    /// The agents that were there before, whose language is the measure of what is said.
    start: Option<(Agents, Value)>,
    lengths: Vec<usize>,
    device: Device,
}

impl<'a> AgentsTraining<'a> {
    /// Builds the agents with their first values, or those of the model folder `start`, whose sizes
    /// they then have.
    ///
    /// # Errors
    /// A recipe out of range, or a folder that is none of such agents.
    pub fn new(recipe: &'a AgentsRecipe, start: Option<&Path>, device: &Device) -> Result<Self> {
        let AgentsRecipe {
            dimension, asking_units, answering_units, rounds, games, ref fit, ..
        } = *recipe;
        fit.check()?;
        for (name, size, most) in [("rounds", rounds, 40), ("games", games, 1 << 24)] {
            conv_hub::InvalidField::unless(
                (1..=most).contains(&size),
                name,
                &size,
                &format!("1 to {most}"),
            )?;
        }
        let device = device.clone();
        let (config, scale, parameters, start) = match start {
            None => {
                let config = AgentsConfig {
                    vocabulary: VOCABULARY,
                    features: FEATURES,
                    dimension,
                    asking_units,
                    answering_units,
                };
                let mut rng = seeded(fit.seed, "scale of features");
                let scenes: Vec<Scene> =
                    (0..MEASURED).map(|_| Scene::draw(String::new(), &mut rng)).collect();
                (config, Some(Scale::of(&scenes)), Parameters::new(fit.seed), None)
            }
            Some(folder) => {
                let stored = Stored::<AgentsConfig>::open(folder)?;
                let before = Agents::open(folder, &device)?;
                let parameters = Parameters::warm(fit.seed, stored.tensors);
                (stored.config, None, parameters, Some((before, json!(folder))))
            }
        };
        let vb = parameters.builder(DType::F32, &device);
        let (questioner, answerer, scale) = agents(&config, scale, &vb)?;
        let agents = Agents::new(questioner, answerer, scale, &device);
        let lengths = vec![1; games];
        Ok(Self { recipe, config, parameters, agents, start, lengths, device })
    }

    /// The agents with their present parameters.
    pub fn agents(&self) -> &Agents {
        &self.agents
    }

    fn batch(&self, games: &[Told], weight: impl Fn(usize, usize) -> f32) -> Result<Batch> {
        Batch::new(games, self.agents.parts().2, weight, &self.device)
    }

    /// What is learnt from games: those of the script, or those that the agents play on.
    fn losses_of(&self, games: &Games, mode: &mut Mode) -> Result<[Tensor; 3]> {
        match (&games.0, mode.rng()) {
            (Kind::Given(batch), _) => losses(&self.agents, batch, mode),
            (Kind::Open { script, .. }, None) => {
                losses(&self.agents, &self.batch(script, |_, _| 1.0)?, mode)
            }
            (Kind::Open { script, given }, Some(rng)) => {
                let mut rngs: Vec<_> =
                    script.iter().map(|_| seeded(rng.next_u64(), "game")).collect();
                let Played { games, rewards } =
                    play_on(self.agents.parts(), script, *given, &mut rngs, &self.device)?;
                let advantages = advantages(&rewards, *given);
                losses(&self.agents, &self.batch(&games, |g, r| advantages[g][r])?, mode)
            }
        }
    }

    fn measure(&self) -> Result<BTreeMap<String, f64>> {
        let seed = self.recipe.fit.seed;
        let script: Vec<Told> = (0..HELD_OUT)
            .map(|game| Told::draw(seed, &format!("held out {game}"), self.recipe.rounds))
            .collect();
        let batch = self.batch(&script, |_, _| 1.0)?;
        let mut value = [0f64; 3];
        for (value, loss) in value.iter_mut().zip(&losses(&self.agents, &batch, &mut Mode::Eval)?) {
            *value = f64::from(loss.to_scalar::<f32>()?);
        }
        let scene = |number| Told::draw(seed, &format!("pool {number}"), 0).scene;
        let pool = ScenePool::new((0..POOL).map(scene).collect());
        let rngs = (0..PLAYED).map(|game| seeded(seed, &format!("game {game}"))).collect();
        let targets: Vec<usize> = (0..PLAYED).collect();
        let (games, imagined) =
            self.agents.talk(&pool, &targets, self.recipe.rounds, rngs, None)?;
        // Each game hears what A-Bot said in the next one, round by round.
        let shuffled: Vec<Told> = (0..games.len())
            .map(|game| games[game].with_answers_of(&games[(game + 1) % games.len()]))
            .collect();
        let misled = self.agents.imagine(&shuffled)?;
        let ranked = pool.ranked(self.agents.parts().2, &self.device)?;
        let at = |imagined: &[Imagined], round: usize| {
            let percentiles = imagined
                .iter()
                .enumerate()
                .map(|(target, facts)| percentile(&ranked.distances(&facts[round]), target));
            percentiles.sum::<f64>() / PLAYED as f64
        };
        let (mut right, mut asked) = (0, 0);
        for Told { scene, rounds, .. } in &games {
            for (question, answer) in rounds {
                if let Some(question) = Question::parse(question) {
                    asked += 1;
                    right += usize::from(question.answer(scene) == *answer);
                }
            }
        }
        let [asking, imagining, answering] = value;
        let mut figures: BTreeMap<String, f64> = [
            ("loss", value.iter().sum()),
            ("perplexity of questions", asking.exp()),
            ("error of features", imagining),
            ("loss of answers", answering),
            ("right answers", right as f64 / asked.max(1) as f64),
            ("percentile at round 0", at(&imagined, 0)),
            ("percentile at the end", at(&imagined, self.recipe.rounds)),
            ("percentile with shuffled answers", at(&misled, self.recipe.rounds)),
        ]
        .map(|(name, value)| (name.to_string(), value))
        .into();
        if let Some((before, _)) = &self.start {
            let said = self.batch(&games, |_, _| 1.0)?;
            let [asked, _, answered] = losses(before, &said, &mut Mode::Eval)?;
            for (name, loss) in [("questions", asked), ("answers", answered)] {
                let perplexity = f64::from(loss.to_scalar::<f32>()?).exp();
                figures.insert(format!("perplexity of said {name} before"), perplexity);
            }
        }
        Ok(figures)
    }
}

/// The three losses: of Q-Bot's words, of its picture of the scene, of A-Bot's answers.
fn losses(agents: &Agents, batch: &Batch, mode: &mut Mode) -> Result<[Tensor; 3]> {
    let (questioner, answerer, _) = agents.parts();
    let each = CrossEntropyConfig { reduction: Reduction::None, ..CrossEntropyConfig::default() };
    let weighted = |logits: &Tensor, targets: &Tensor, weights: &Tensor| -> Result<Tensor> {
        Ok((cross_entropy(logits, targets, &each)? * weights)?.mean_all()?)
    };
    let (states, _) = questioner.read(&batch.words, Some(&batch.lengths), None, mode)?;
    let (games, words, units) = states.dims3()?;
    let states = states.reshape((games * words, units))?;
    let [places, next] = &batch.asking;
    let asked = questioner.next(&states.index_select(places, 0)?, mode)?;
    let asking = weighted(&asked, next, &batch.asking_weights)?;
    let imagined = questioner.imagine(&batch.facts, &batch.fact_lengths, games, mode)?;
    let imagining = imagined.broadcast_sub(&batch.imagined)?.sqr()?.mean_all()?;
    let Batch { questions, question_lengths, scenes, answers, .. } = batch;
    let answered = answerer.answer(questions, question_lengths, scenes, mode)?;
    Ok([asking, imagining, weighted(&answered, answers, &batch.answer_weights)?])
}

impl Learner for AgentsTraining<'_> {
    type Batch = Games;

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn lengths(&self, _: usize) -> conv_train::Result<Cow<'_, [usize]>> {
        Ok((&self.lengths).into())
    }

    fn identity(&self) -> Value {
        let AgentsRecipe { rounds, games, learning, .. } = self.recipe;
        json!({ "network": self.config, "rounds": rounds, "games": games, "learning": learning })
    }

    fn load(&self, epoch: Option<usize>, indexes: &[usize]) -> conv_train::Result<Games> {
        let seed = self.recipe.fit.seed;
        let rounds = self.recipe.rounds;
        let epoch = epoch.unwrap_or(0);
        let game = |index: &usize| Told::draw(seed, &format!("augment {epoch} {index}"), rounds);
        let script: Vec<Told> = indexes.iter().map(game).collect();
        Ok(Games(match self.recipe.learning {
            Learning::Supervised => Kind::Given(self.batch(&script, |_, _| 1.0)?),
            _ => Kind::Open { script, given: rounds.saturating_sub(epoch + 1) },
        }))
    }

    fn loss(&self, games: &Games, mode: &mut Mode) -> conv_train::Result<Loss> {
        let weight = match &games.0 {
            Kind::Given(batch) => batch.lengths.len(),
            Kind::Open { script, .. } => script.len(),
        };
        let [asking, imagining, answering] = self.losses_of(games, mode)?;
        let learnt = match self.recipe.learning {
            Learning::Supervised | Learning::Full => {
                (asking + imagining).and_then(|sum| sum + answering)
            }
            Learning::FrozenQ => imagining + answering,
            Learning::FrozenA => asking + imagining,
        };
        Ok(Loss { value: learnt.map_err(Error::from)?, weight: weight as f64 })
    }

    fn evaluate(&self) -> conv_train::Result<BTreeMap<String, f64>> {
        Ok(self.measure()?)
    }
}

impl Task for AgentsTraining<'_> {
    type Config = AgentsConfig;
    const NETWORK: &'static str = "Two recurrent agents after Das et al. (2017)";

    fn config(&self) -> &AgentsConfig {
        &self.config
    }

    fn fit(&self) -> &FitConfig {
        &self.recipe.fit
    }

    fn recipe(&self) -> Value {
        json!(self.recipe)
    }

    fn examples(&self) -> BTreeMap<&'static str, usize> {
        [("games an epoch", self.recipe.games)].into()
    }

    fn start(&self) -> Value {
        self.start.as_ref().map_or(Value::Null, |(_, folder)| folder.clone())
    }

    /// Gates and states of a dialog's words, and of its questions.
    fn activations(&self, [examples, _]: [usize; 2]) -> usize {
        let words = 8 * (1 + self.recipe.rounds);
        examples
            * words
            * (self.config.asking_units + self.config.answering_units)
            * 6
            * size_of::<f32>()
    }
}

/// The card of agents that learnt from dialogs of the script.
pub fn agents_card(metrics: BTreeMap<String, f64>) -> Card {
    Card {
        title: "Agents of a guessing game".into(),
        purpose: "Q-Bot asks about a scene that it does not see, A-Bot answers, and Q-Bot says of what features the scene is.".into(),
        data: "Scenes of 3 to 10 objects in the manner of CLEVR and dialogs about them, both drawn by the program.".into(),
        terms: "Nothing third-party: weights and dialogs are made by this project.".into(),
        limits: "The agents know the values of CLEVR's attributes, three kinds of questions and no places in space. A-Bot sees what is counted \
                 of the objects, not a picture."
            .into(),
        metrics,
    }
}
