//! Supervised training of both agents, on scenes and dialogs that are drawn anew each epoch.

use super::agents::{ABot, AgentsConfig, QBot, Scale, agents};
use super::game::Agents;
use super::scene::{FEATURES, Scene};
use super::talk::{ASKED, PAD, Question, START, VOCABULARY, caption};
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use conv_hub::Card;
use conv_nn::rng::seeded;
use conv_nn::{CrossEntropyConfig, Mode, Parameters, cross_entropy};
use conv_train::batch::{BatchSize, Batching};
use conv_train::{Decay, FitConfig, Interval, Learner, Loss, Schedule, Task};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A training run's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentsRecipe {
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
/// Games that evaluation is on.
const HELD_OUT: usize = 100;
/// Scenes that the right one is guessed among in evaluation.
const POOL: usize = 500;

/// A game of the script: a scene, a caption and questions with true answers.
struct Scripted {
    scene: Scene,
    caption: Vec<u32>,
    rounds: Vec<(Vec<u32>, u32)>,
}

impl Scripted {
    fn draw(seed: u64, purpose: &str, rounds: usize) -> Self {
        let mut rng = seeded(seed, purpose);
        let scene = Scene::draw(purpose.into(), &mut rng);
        let caption = caption(&scene, &mut rng);
        let mut asked: Vec<Question> = Vec::new();
        while asked.len() < rounds {
            let question = Question::draw(&mut rng);
            // There are hundreds of questions; each is asked once.
            if !asked.contains(&question) {
                asked.push(question);
            }
        }
        let rounds =
            asked.iter().map(|question| (question.words(), question.answer(&scene))).collect();
        Self { scene, caption, rounds }
    }
}

/// Games as the networks take them.
#[derive(Debug)]
pub struct Batch {
    /// Dialogs `[B, T]`, and their lengths.
    words: Tensor,
    lengths: Vec<usize>,
    /// Places in `[B · T]` whose next word is of a question, and that word.
    asking: [Tensor; 2],
    /// The caption and each question with its answer, `[B · (1 + R), T]`, and their lengths.
    facts: Tensor,
    fact_lengths: Vec<usize>,
    /// Each scene's features, put in order, `[B, 1, F]`.
    imagined: Tensor,
    /// Questions `[N, T]`, their lengths, the scenes `[N, F]` and the answers.
    questions: Tensor,
    question_lengths: Vec<usize>,
    scenes: Tensor,
    answers: Tensor,
}

/// Both agents and what they learn from: what [`conv_train::fit`] trains.
pub struct AgentsTraining<'a> {
    recipe: &'a AgentsRecipe,
    config: AgentsConfig,
    parameters: Parameters,
    questioner: QBot,
    answerer: ABot,
    scale: Scale,
    /// The scale's values.
    order: [Vec<f32>; 2],
    lengths: Vec<usize>,
    device: Device,
}

impl<'a> AgentsTraining<'a> {
    /// Builds the agents with their first values.
    ///
    /// # Errors
    /// A recipe out of range.
    pub fn new(recipe: &'a AgentsRecipe, device: &Device) -> Result<Self> {
        let AgentsRecipe { dimension, asking_units, answering_units, rounds, games, ref fit } =
            *recipe;
        fit.check()?;
        for (name, size, most) in [("rounds", rounds, 40), ("games", games, 1 << 24)] {
            conv_hub::InvalidField::unless(
                (1..=most).contains(&size),
                name,
                &size,
                &format!("1 to {most}"),
            )?;
        }
        let config = AgentsConfig {
            vocabulary: VOCABULARY,
            features: FEATURES,
            dimension,
            asking_units,
            answering_units,
        };
        let order = order(fit.seed);
        let parameters = Parameters::new(fit.seed);
        let vb = parameters.builder(DType::F32, device);
        let (questioner, answerer, scale) = agents(&config, Some(order.clone()), &vb)?;
        let lengths = vec![1; games];
        let device = device.clone();
        Ok(Self { recipe, config, parameters, questioner, answerer, scale, order, lengths, device })
    }

    /// The agents with their present parameters.
    pub fn agents(&self) -> Agents {
        Agents::new(
            self.questioner.clone(),
            self.answerer.clone(),
            self.scale.clone(),
            &self.device,
        )
    }

    fn batch(&self, games: &[Scripted]) -> Result<Batch> {
        let [mean, deviation] = &self.order;
        let (mut dialogs, mut asking, mut facts) = (Vec::new(), Vec::new(), Vec::new());
        let (mut next, mut imagined, mut scenes, mut questions, mut answers) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (game, Scripted { scene, caption, rounds }) in games.iter().enumerate() {
            let features: Vec<f32> = scene
                .features()
                .iter()
                .zip(mean.iter().zip(deviation))
                .map(|(value, (mean, deviation))| (value - mean) / deviation)
                .collect();
            let mut words = [&[START], &caption[..]].concat();
            imagined.extend_from_slice(&features);
            facts.push(caption.clone());
            for (question, answer) in rounds {
                for &word in question {
                    asking.push((game, words.len() - 1));
                    next.push(word);
                    words.push(word);
                }
                words.push(*answer);
                facts.push([&question[..], &[*answer]].concat());
                questions.push(question.clone());
                answers.push(*answer);
                scenes.extend_from_slice(&features);
            }
            dialogs.push(words);
        }
        let device = &self.device;
        let (words, lengths) = padded(&dialogs, device)?;
        let (facts, fact_lengths) = padded(&facts, device)?;
        let (questions, question_lengths) = padded(&questions, device)?;
        let longest = words.dim(1)?;
        let places = |of: &[(usize, usize)]| {
            let places: Vec<u32> =
                of.iter().map(|(game, word)| (game * longest + word) as u32).collect();
            Tensor::new(places, device)
        };
        let rows = |values: Vec<f32>| {
            Tensor::from_vec(values.clone(), (values.len() / FEATURES, FEATURES), device)
        };
        Ok(Batch {
            words,
            lengths,
            asking: [places(&asking)?, Tensor::new(next, device)?],
            facts,
            fact_lengths,
            imagined: rows(imagined)?.unsqueeze(1)?,
            questions,
            question_lengths,
            scenes: rows(scenes)?,
            answers: Tensor::new(answers, device)?,
        })
    }

    /// The three losses: of Q-Bot's words, of its picture of the scene, of A-Bot's answers.
    fn losses(&self, batch: &Batch, mode: &mut Mode) -> Result<[Tensor; 3]> {
        let plain = CrossEntropyConfig::default();
        let (states, _) = self.questioner.read(&batch.words, Some(&batch.lengths), None, mode)?;
        let (games, words, units) = states.dims3()?;
        let states = states.reshape((games * words, units))?;
        let [places, next] = &batch.asking;
        let asking =
            cross_entropy(&self.questioner.next(&states.index_select(places, 0)?)?, next, &plain)?;
        let imagined = self.questioner.imagine(&batch.facts, &batch.fact_lengths, games, mode)?;
        let imagining = imagined.broadcast_sub(&batch.imagined)?.sqr()?.mean_all()?;
        let Batch { questions, question_lengths, scenes, answers, .. } = batch;
        let answered = self.answerer.answer(questions, question_lengths, scenes, mode)?;
        Ok([asking, imagining, cross_entropy(&answered, answers, &plain)?])
    }

    fn measure(&self) -> Result<BTreeMap<String, f64>> {
        let seed = self.recipe.fit.seed;
        let games: Vec<Scripted> = (0..HELD_OUT)
            .map(|game| Scripted::draw(seed, &format!("held out {game}"), self.recipe.rounds))
            .collect();
        let batch = self.batch(&games)?;
        let losses = self.losses(&batch, &mut Mode::Eval)?;
        let mut value = [0f64; 3];
        for (value, loss) in value.iter_mut().zip(&losses) {
            *value = f64::from(loss.to_scalar::<f32>()?);
        }
        let Batch { questions, question_lengths, scenes, answers, .. } = &batch;
        let answered =
            self.answerer.answer(questions, question_lengths, scenes, &mut Mode::Eval)?;
        let right = answered
            .argmax(1)?
            .eq(answers)?
            .to_dtype(DType::F32)?
            .mean_all()?
            .to_scalar::<f32>()?;
        let mut pool: Vec<Scene> = games.into_iter().take(20).map(|game| game.scene).collect();
        let played = pool.len();
        let others =
            (0..POOL - played).map(|scene| Scripted::draw(seed, &format!("pool {scene}"), 0).scene);
        pool.extend(others);
        let agents = self.agents();
        let (mut first, mut last) = (0.0, 0.0);
        for target in 0..played {
            let game = agents.play(&pool, target, self.recipe.rounds, seed)?;
            first += game.percentile / played as f64;
            last += game.rounds.last().map_or(0.0, |round| round.percentile) / played as f64;
        }
        let [asking, imagining, answering] = value;
        let figures = [
            ("loss", value.iter().sum()),
            ("perplexity of questions", asking.exp()),
            ("error of features", imagining),
            ("loss of answers", answering),
            ("right answers", f64::from(right)),
            ("percentile at round 0", first),
            ("percentile at the end", last),
        ];
        Ok(figures.map(|(name, value)| (name.to_string(), value)).into())
    }
}

/// Texts `[N, T]` with padding behind the shorter ones, and their lengths.
pub(super) fn padded(texts: &[Vec<u32>], device: &Device) -> Result<(Tensor, Vec<usize>)> {
    let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let mut words = vec![PAD; texts.len() * longest];
    for (row, text) in words.chunks_mut(longest.max(1)).zip(texts) {
        row[..text.len()].copy_from_slice(text);
    }
    debug_assert!(words.iter().all(|&word| (word as usize) < VOCABULARY) && ASKED != PAD);
    Ok((Tensor::from_vec(words, (texts.len(), longest), device)?, lengths))
}

/// Mean and deviation of each feature over drawn scenes.
fn order(seed: u64) -> [Vec<f32>; 2] {
    let (mut sums, mut squares) = (vec![0f64; FEATURES], vec![0f64; FEATURES]);
    let mut rng = seeded(seed, "scale of features");
    for _ in 0..MEASURED {
        let features = Scene::draw(String::new(), &mut rng).features();
        for ((sum, square), value) in sums.iter_mut().zip(&mut squares).zip(features) {
            *sum += f64::from(value);
            *square += f64::from(value).powi(2);
        }
    }
    let count = MEASURED as f64;
    let means = sums.iter().map(|sum| (sum / count) as f32).collect();
    let deviation = |(sum, square): (&f64, &f64)| {
        ((square / count - (sum / count).powi(2)).max(1e-6).sqrt()) as f32
    };
    [means, sums.iter().zip(&squares).map(deviation).collect()]
}

impl Learner for AgentsTraining<'_> {
    type Batch = Batch;

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn lengths(&self, _: usize) -> conv_train::Result<Cow<'_, [usize]>> {
        Ok((&self.lengths).into())
    }

    fn identity(&self) -> Value {
        json!({ "network": self.config, "rounds": self.recipe.rounds, "games": self.recipe.games })
    }

    fn load(&self, epoch: Option<usize>, indexes: &[usize]) -> conv_train::Result<Batch> {
        let (seed, rounds) = (self.recipe.fit.seed, self.recipe.rounds);
        let epoch = epoch.unwrap_or(0);
        let game =
            |index: &usize| Scripted::draw(seed, &format!("augment {epoch} {index}"), rounds);
        Ok(self.batch(&indexes.iter().map(game).collect::<Vec<_>>())?)
    }

    fn loss(&self, batch: &Batch, mode: &mut Mode) -> conv_train::Result<Loss> {
        let [asking, imagining, answering] = self.losses(batch, mode)?;
        let value =
            ((asking + imagining).map_err(Error::from)? + answering).map_err(Error::from)?;
        Ok(Loss { value, weight: batch.lengths.len() as f64 })
    }

    fn evaluate(&self) -> conv_train::Result<BTreeMap<String, f64>> {
        Ok(self.measure()?)
    }
}

impl Task for AgentsTraining<'_> {
    type Config = AgentsConfig;
    const NETWORK: &'static str = "Two recurrent agents after Das et al. (2017), supervised";

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
