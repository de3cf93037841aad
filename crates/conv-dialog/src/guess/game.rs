//! Playing: what is said, and how the pool's ranking changes.

use super::agents::{ABot, AgentsConfig, QBot, Scale, agents};
use super::scene::{FEATURES, Object, Scene};
use super::talk::{ASKED, LONGEST, Question, START, caption, text};
use super::train::padded;
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use conv_hub::Stored;
use conv_nn::rng::seeded;
use conv_nn::{Mode, Parameters, softmax};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// Scenes of the pool that a round shows.
const SHOWN: usize = 4;
/// Times that a question which was asked before is drawn anew.
const TRIES: usize = 12;

/// Both agents, ready to play. `Send + Sync`.
#[derive(Debug)]
pub struct Agents {
    questioner: QBot,
    answerer: ABot,
    scale: Scale,
    device: Device,
}

/// A game that was played.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Game {
    /// The scene that A-Bot saw.
    pub scene: String,
    /// What is in it.
    #[serde(skip)]
    pub objects: Vec<Object>,
    /// Scenes of the pool, that one included.
    pub pool: usize,
    /// What Q-Bot was told.
    pub caption: String,
    /// The share of the other scenes that are farther from what Q-Bot imagines than the right one, in percent, before any question.
    pub percentile: f64,
    /// The nearest scenes of the pool then.
    pub nearest: Vec<Nearest>,
    /// What was said.
    pub rounds: Vec<Played>,
}

/// A round.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Played {
    /// What Q-Bot asked.
    pub question: String,
    /// What A-Bot answered.
    pub answer: String,
    /// Whether that is true; `None` where the question asks nothing.
    pub is_true: Option<bool>,
    /// As [`Game::percentile`], after the answer.
    pub percentile: f64,
    /// The nearest scenes of the pool, the nearest first.
    pub nearest: Vec<Nearest>,
}

/// A scene near what Q-Bot imagines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Nearest {
    /// Its name.
    pub scene: String,
    /// What is in it.
    #[serde(skip)]
    pub objects: Vec<Object>,
    /// Whether it is the right one.
    pub is_right: bool,
}

impl Agents {
    /// Opens a model folder.
    ///
    /// # Errors
    /// A missing or damaged file, weights that are not finite, or a folder of another task, by name.
    pub fn open(folder: &Path, device: &Device) -> Result<Self> {
        let stored = Stored::<AgentsConfig>::open(folder)?;
        let parameters = Parameters::frozen(stored.tensors);
        let (questioner, answerer, scale) =
            agents(&stored.config, None, &parameters.builder(DType::F32, device))?;
        Ok(Self::new(questioner, answerer, scale, device))
    }

    pub(crate) fn new(questioner: QBot, answerer: ABot, scale: Scale, device: &Device) -> Self {
        Self { questioner, answerer, scale, device: device.clone() }
    }

    /// Features of scenes, put in order, `[N, F]`.
    fn ordered(&self, scenes: &[Scene]) -> Result<Tensor> {
        let values: Vec<f32> = scenes.iter().flat_map(Scene::features).collect();
        let values = Tensor::from_vec(values, (scenes.len(), FEATURES), &self.device)?;
        Ok(values.broadcast_sub(&self.scale.mean)?.broadcast_div(&self.scale.deviation)?)
    }

    /// Plays about scene `target` of `pool`. Questions are drawn as Q-Bot has them likely, from the seed; A-Bot says the likeliest word.
    ///
    /// # Errors
    /// No such scene, or networks whose numbers are not finite.
    pub fn play(&self, pool: &[Scene], target: usize, rounds: usize, seed: u64) -> Result<Game> {
        let Some(scene) = pool.get(target) else {
            let found = format!("scene {target} of {}", pool.len());
            return Err(Error::Empty {
                place: "the pool".into(),
                found,
                expected: "a scene of the pool",
            });
        };
        let mut rng = seeded(seed, &format!("game {target}"));
        let features = self.ordered(pool)?;
        let seen = features.narrow(0, target, 1)?;
        let all = features.to_vec2::<f32>()?;
        let mut said = [&[START], &caption(scene, &mut rng)[..]].concat();
        let told = text(&said[1..]);
        let mut facts = vec![said[1..].to_vec()];
        let (percentile, nearest) = self.guess(&facts, pool, &all, target)?;
        let (mut asked, mut played) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let mut question = self.ask(&said, &mut rng)?;
            for _ in 0..TRIES {
                if !asked.contains(&question) {
                    break;
                }
                question = self.ask(&said, &mut rng)?;
            }
            let answer = self.answer(&question, &seen)?;
            said.extend_from_slice(&question);
            said.push(answer);
            facts.push([&question[..], &[answer]].concat());
            let (percentile, nearest) = self.guess(&facts, pool, &all, target)?;
            let is_true = Question::parse(&question).map(|asked| asked.answer(scene) == answer);
            let (question_text, answer) = (text(&question), text(&[answer]));
            asked.push(question);
            played.push(Played { question: question_text, answer, is_true, percentile, nearest });
        }
        let (name, objects) = (scene.name.clone(), scene.objects.clone());
        Ok(Game {
            scene: name,
            objects,
            pool: pool.len(),
            caption: told,
            percentile,
            nearest,
            rounds: played,
        })
    }

    /// Q-Bot's state `[1, H]` behind what was said.
    fn state(&self, said: &[u32]) -> Result<Tensor> {
        let words = Tensor::new(said, &self.device)?.unsqueeze(0)?;
        let (_, state) = self.questioner.read(&words, None, None, &mut Mode::Eval)?;
        Ok(state.h.squeeze(0)?)
    }

    fn ask(&self, said: &[u32], rng: &mut ChaCha8Rng) -> Result<Vec<u32>> {
        let (mut said, before) = (said.to_vec(), said.len());
        while said.len() < before + LONGEST && said[before..].last() != Some(&ASKED) {
            let shares = softmax(&self.questioner.next(&self.state(&said)?)?, 1)?
                .squeeze(0)?
                .to_vec1::<f32>()?;
            finite(&shares, "a word of a question")?;
            let mut left = rng.random::<f32>();
            let likeliest = (0..shares.len())
                .fold(0, |best, word| if shares[word] > shares[best] { word } else { best });
            let drawn = shares.iter().position(|share| {
                left -= share;
                left < 0.0
            });
            said.push(drawn.unwrap_or(likeliest) as u32);
        }
        Ok(said.split_off(before))
    }

    fn answer(&self, question: &[u32], scene: &Tensor) -> Result<u32> {
        let words = Tensor::new(question, &self.device)?.unsqueeze(0)?;
        let logits = self.answerer.answer(&words, &[question.len()], scene, &mut Mode::Eval)?;
        let logits = logits.squeeze(0)?.to_vec1::<f32>()?;
        finite(&logits, "an answer")?;
        Ok((0..logits.len())
            .fold(0, |best, word| if logits[word] > logits[best] { word } else { best })
            as u32)
    }

    /// The right scene's percentile and the nearest scenes.
    fn guess(
        &self,
        facts: &[Vec<u32>],
        pool: &[Scene],
        all: &[Vec<f32>],
        target: usize,
    ) -> Result<(f64, Vec<Nearest>)> {
        let (words, lengths) = padded(facts, &self.device)?;
        let imagined = self.questioner.imagine(&words, &lengths, 1, &mut Mode::Eval)?;
        let imagined = imagined.get(0)?.get(facts.len() - 1)?.to_vec1::<f32>()?;
        finite(&imagined, "an imagined scene")?;
        let distance = |features: &Vec<f32>| -> f32 {
            features.iter().zip(&imagined).map(|(a, b)| (a - b) * (a - b)).sum()
        };
        let distances: Vec<f32> = all.iter().map(distance).collect();
        let own = distances[target];
        let farther = distances.iter().filter(|&&other| other > own).count() as f64;
        // Scenes as far as the right one, itself left out: it comes in the middle of them.
        let equal = distances.iter().filter(|&&other| other == own).count() as f64 - 1.0;
        let percentile = 100.0 * (farther + equal / 2.0) / (pool.len().max(2) - 1) as f64;
        let mut order: Vec<usize> = (0..pool.len()).collect();
        order.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
        let nearest = order.into_iter().take(SHOWN).map(|place| Nearest {
            scene: pool[place].name.clone(),
            objects: pool[place].objects.clone(),
            is_right: place == target,
        });
        Ok((percentile, nearest.collect()))
    }
}

fn finite(values: &[f32], name: &str) -> Result<()> {
    match values.iter().find(|value| !value.is_finite()) {
        Some(&value) => Err(Error::NotFinite { value, name: name.into() }),
        None => Ok(()),
    }
}

impl fmt::Display for Game {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scene, objects, pool, caption, percentile, rounds, .. } = self;
        writeln!(f, "A-Bot sees {scene}, Q-Bot guesses among {pool} scenes")?;
        let objects: Vec<String> = objects.iter().map(ToString::to_string).collect();
        writeln!(f, "  {}\n", objects.join(", "))?;
        writeln!(f, "      {caption:<44} percentile {percentile:5.1}")?;
        for (number, round) in rounds.iter().enumerate() {
            let Played { question, answer, is_true, percentile, .. } = round;
            let wrong = if *is_true == Some(false) { " (wrong)" } else { "" };
            let said = format!("{question} {answer}{wrong}");
            writeln!(f, "  {:>2}  {said:<44} percentile {percentile:5.1}", number + 1)?;
        }
        let nearest = rounds.last().map_or(&self.nearest, |round| &round.nearest);
        let names: Vec<&str> = nearest.iter().map(|one| one.scene.as_str()).collect();
        write!(f, "\n  nearest at the end: {}", names.join(", "))
    }
}
