//! Playing: what is said, and how the pool's ranking changes.

use super::agents::{ABot, AgentsConfig, QBot, Scale, agents};
use super::batch::Told;
use super::play::{Dialogs, Imagined};
use super::scene::{FEATURES, Object, Scene};
use super::talk::{Question, caption, text};
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use conv_hub::Stored;
use conv_nn::Parameters;
use conv_nn::rng::seeded;
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

    /// Features of scenes as they are, `[N, F]`.
    fn features(&self, scenes: &[Scene]) -> Result<Tensor> {
        let values: Vec<f32> = scenes.iter().flat_map(Scene::features).collect();
        Ok(Tensor::from_vec(values, (scenes.len(), FEATURES), &self.device)?)
    }

    /// Both agents and their scale.
    pub(super) fn parts(&self) -> (&QBot, &ABot, &Scale) {
        (&self.questioner, &self.answerer, &self.scale)
    }

    /// Games about scenes, each with its own random stream, and what Q-Bot imagines after each fact.
    pub(super) fn talk(
        &self,
        scenes: Vec<Scene>,
        rounds: usize,
        mut rngs: Vec<ChaCha8Rng>,
    ) -> Result<(Vec<Told>, Vec<Imagined>)> {
        let seen = self.features(&scenes)?;
        let told = |(scene, rng): (Scene, &mut ChaCha8Rng)| {
            let caption = caption(&scene, rng);
            Told { scene, caption, rounds: Vec::new() }
        };
        let mut games: Vec<Told> = scenes.into_iter().zip(&mut rngs).map(told).collect();
        let captions: Vec<Vec<u32>> = games.iter().map(|game| game.caption.clone()).collect();
        let mut dialogs = Dialogs::new(&self.questioner, &self.answerer, &captions, &self.device)?;
        for _ in 0..rounds {
            let is_known = |game: usize, question: &[u32]| {
                games[game].rounds.iter().any(|(before, _)| before == question)
            };
            let questions = dialogs.ask(&mut rngs, TRIES, is_known)?;
            let answers = dialogs.answer(&questions, &seen, None)?;
            for ((game, question), answer) in games.iter_mut().zip(questions).zip(answers) {
                game.rounds.push((question, answer));
            }
        }
        let imagined = dialogs.imagined()?;
        Ok((games, imagined))
    }

    /// What Q-Bot imagines after each fact of games that were played.
    pub(super) fn imagine(&self, games: &[Told]) -> Result<Vec<Imagined>> {
        let captions: Vec<Vec<u32>> = games.iter().map(|game| game.caption.clone()).collect();
        let mut dialogs = Dialogs::new(&self.questioner, &self.answerer, &captions, &self.device)?;
        for round in 0..games.first().map_or(0, |game| game.rounds.len()) {
            let said = games.iter().map(|game| game.rounds[round].clone());
            let (questions, answers): (Vec<_>, Vec<_>) = said.unzip();
            dialogs.given(&questions, &answers)?;
        }
        dialogs.imagined()
    }

    /// How the pool is ranked, scene by scene.
    pub(super) fn pool(&self, scenes: &[Scene]) -> Result<Pool> {
        Ok(Pool(self.scale.ordered(&self.features(scenes)?)?.to_vec2::<f32>()?))
    }

    /// Plays about scene `target` of `pool`. Questions are drawn as Q-Bot has them likely, from the seed; A-Bot says the likeliest word.
    ///
    /// # Errors
    /// No such scene, or networks whose numbers are not finite.
    pub fn play(&self, pool: &[Scene], target: usize, rounds: usize, seed: u64) -> Result<Game> {
        let mut games = self.play_all(pool, &[target], rounds, seed)?;
        Ok(games.swap_remove(0))
    }

    /// Plays about each of `targets`, as [`Agents::play`] about one.
    ///
    /// # Errors
    /// As there.
    pub fn play_all(
        &self,
        pool: &[Scene],
        targets: &[usize],
        rounds: usize,
        seed: u64,
    ) -> Result<Vec<Game>> {
        if let Some(target) = targets.iter().find(|&&target| target >= pool.len()) {
            let found = format!("scene {target} of {}", pool.len());
            return Err(Error::Empty {
                place: "the pool".into(),
                found,
                expected: "a scene of the pool",
            });
        }
        let rngs = targets.iter().map(|target| seeded(seed, &format!("game {target}"))).collect();
        let scenes = targets.iter().map(|&target| pool[target].clone()).collect();
        let (games, imagined) = self.talk(scenes, rounds, rngs)?;
        let ranked = self.pool(pool)?;
        let game =
            |((Told { scene, caption, rounds }, imagined), &target): ((Told, Imagined), &usize)| {
                let guess = |round: usize| {
                    let distances = ranked.distances(&imagined[round]);
                    (percentile(&distances, target), nearest(&distances, pool, target))
                };
                let played = rounds.iter().enumerate().map(|(round, (question, answer))| {
                    let (percentile, nearest) = guess(round + 1);
                    let asked = Question::parse(question);
                    Played {
                        question: text(question),
                        answer: text(&[*answer]),
                        is_true: asked.map(|asked| asked.answer(&scene) == *answer),
                        percentile,
                        nearest,
                    }
                });
                let (percentile, nearest) = guess(0);
                Game {
                    pool: pool.len(),
                    caption: text(&caption),
                    percentile,
                    nearest,
                    rounds: played.collect(),
                    scene: scene.name,
                    objects: scene.objects,
                }
            };
        Ok(games.into_iter().zip(imagined).zip(targets).map(game).collect())
    }
}

/// The features of a pool's scenes, put in order.
pub(super) struct Pool(Vec<Vec<f32>>);

impl Pool {
    /// Of each scene, how far it is from an imagined one.
    pub fn distances(&self, imagined: &[f32]) -> Vec<f32> {
        let distance = |features: &Vec<f32>| -> f32 {
            features.iter().zip(imagined).map(|(a, b)| (a - b) * (a - b)).sum()
        };
        self.0.iter().map(distance).collect()
    }
}

/// The share of the other scenes that are farther than the right one, in percent.
pub(super) fn percentile(distances: &[f32], target: usize) -> f64 {
    let own = distances[target];
    let farther = distances.iter().filter(|&&other| other > own).count() as f64;
    // Scenes as far as the right one, itself left out: it comes in the middle of them.
    let equal = distances.iter().filter(|&&other| other == own).count() as f64 - 1.0;
    100.0 * (farther + equal / 2.0) / (distances.len().max(2) - 1) as f64
}

fn nearest(distances: &[f32], pool: &[Scene], target: usize) -> Vec<Nearest> {
    let mut order: Vec<usize> = (0..pool.len()).collect();
    order.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
    let nearest = order.into_iter().take(SHOWN).map(|place| Nearest {
        scene: pool[place].name.clone(),
        objects: pool[place].objects.clone(),
        is_right: place == target,
    });
    nearest.collect()
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::guess::draw_scenes;

    /// The agents that ship.
    fn shipped() -> Agents {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/guess-agents");
        Agents::open(&folder, &Device::Cpu).unwrap()
    }

    #[test]
    fn a_played_game_heard_again_is_imagined_as_before_and_other_answers_mislead() {
        let (agents, count) = (shipped(), 60);
        let scenes = draw_scenes(count, 4);
        let rngs = (0..count as u64).map(|game| seeded(game, "game")).collect();
        let (games, imagined) = agents.talk(scenes.clone(), 6, rngs).unwrap();
        let again = agents.imagine(&games).unwrap();
        assert_eq!(again.concat(), imagined.concat());

        let next = |game: usize| &games[(game + 1) % count];
        let shuffled: Vec<Told> =
            (0..count).map(|game| games[game].with_answers_of(next(game))).collect();
        assert_eq!(shuffled[3].rounds[2], (games[3].rounds[2].0.clone(), games[4].rounds[2].1));
        let ranked = agents.pool(&scenes).unwrap();
        let mean = |imagined: &[Imagined]| {
            let each = imagined.iter().enumerate();
            each.map(|(game, facts)| percentile(&ranked.distances(&facts[6]), game)).sum::<f64>()
                / count as f64
        };
        let (heard, misled) = (mean(&imagined), mean(&agents.imagine(&shuffled).unwrap()));
        assert!(heard > misled + 10.0, "{heard}, {misled}");
    }
}
