//! Playing: what is said, and how the pool's ranking changes.

use super::agents::{ABot, AgentsConfig, QBot, Scale, agents};
use super::batch::Told;
use super::play::{Dialogs, Imagined};
use super::pool::{ScenePool, percentile};
use super::scene::Object;
use super::talk::{Question, caption, text, typed};
use crate::{Error, Result};
use candle_core::{DType, Device};
use conv_hub::Stored;
use conv_nn::Parameters;
use conv_nn::rng::seeded;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::fmt;
use std::path::Path;

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
    /// The share of the other scenes that are farther from what Q-Bot imagines than the right one,
    /// in percent, before any question.
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
    /// Its place in the pool.
    pub place: usize,
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
    /// A missing or damaged file, weights that are not finite, or a folder of another task, by
    /// name.
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

    /// Both agents and their scale.
    pub(super) fn parts(&self) -> (&QBot, &ABot, &Scale) {
        (&self.questioner, &self.answerer, &self.scale)
    }

    /// Games about the scenes at `targets`, each with its own random stream, and what Q-Bot
    /// imagines after each fact. Q-Bot asks, or whoever says what is `asked` in a round.
    pub(super) fn talk(
        &self,
        pool: &ScenePool,
        targets: &[usize],
        rounds: usize,
        mut rngs: Vec<ChaCha8Rng>,
        asked: Option<&[Vec<u32>]>,
    ) -> Result<(Vec<Told>, Vec<Imagined>)> {
        let mut games = Vec::new();
        for (&target, rng) in targets.iter().zip(&mut rngs) {
            let scene = pool.scene(target)?.clone();
            games.push(Told { caption: caption(&scene, rng), scene, rounds: Vec::new() });
        }
        let seen = pool.features_of(targets, &self.device)?;
        let mut dialogs = self.dialogs(&games)?;
        for round in 0..rounds {
            let is_known = |game: usize, question: &[u32]| {
                games[game].rounds.iter().any(|(before, _)| before == question)
            };
            let questions = match asked.and_then(|asked| asked.get(round)) {
                None => dialogs.ask(&mut rngs, TRIES, is_known)?,
                Some(question) => {
                    let questions = vec![question.clone(); games.len()];
                    dialogs.hear(&questions)?;
                    questions
                }
            };
            let answers = dialogs.answer(&questions, &seen, None)?;
            for ((game, question), answer) in games.iter_mut().zip(questions).zip(answers) {
                game.rounds.push((question, answer));
            }
        }
        let imagined = dialogs.imagined()?;
        Ok((games, imagined))
    }

    /// Dialogs in which Q-Bot has heard the captions.
    fn dialogs(&self, games: &[Told]) -> Result<Dialogs<'_>> {
        let captions: Vec<Vec<u32>> = games.iter().map(|game| game.caption.clone()).collect();
        Dialogs::new(&self.questioner, &self.answerer, &captions, &self.device)
    }

    /// What Q-Bot imagines after each fact of games that were played.
    pub(super) fn imagine(&self, games: &[Told]) -> Result<Vec<Imagined>> {
        let mut dialogs = self.dialogs(games)?;
        for round in 0..games.first().map_or(0, |game| game.rounds.len()) {
            let said = games.iter().map(|game| game.rounds[round].clone());
            let (questions, answers): (Vec<_>, Vec<_>) = said.unzip();
            dialogs.given(&questions, &answers)?;
        }
        dialogs.imagined()
    }

    /// Plays about scene `target` of `pool`. Questions are drawn as Q-Bot has them likely, from the
    /// seed; A-Bot says the likeliest word.
    ///
    /// # Errors
    /// No such scene, or networks whose numbers are not finite.
    pub fn play(&self, pool: &ScenePool, target: usize, rounds: usize, seed: u64) -> Result<Game> {
        let mut games = self.play_all(pool, &[target], rounds, seed)?;
        Ok(games.swap_remove(0))
    }

    /// Plays about each of `targets`, as [`Agents::play`] about one.
    ///
    /// # Errors
    /// As there.
    pub fn play_all(
        &self,
        pool: &ScenePool,
        targets: &[usize],
        rounds: usize,
        seed: u64,
    ) -> Result<Vec<Game>> {
        self.games(pool, targets, rounds, seed, None)
    }

    /// A person asks in Q-Bot's place: A-Bot answers by its network, and Q-Bot listens and
    /// imagines. With no question yet it has heard the caption alone, which is that of
    /// [`Agents::play`].
    ///
    /// # Errors
    /// As there; a question with a word that the agents do not know, or with too many.
    pub fn answer(
        &self,
        pool: &ScenePool,
        target: usize,
        questions: &[String],
        seed: u64,
    ) -> Result<Game> {
        let words = |question: &String| {
            let wrong = |reason| Error::Question { question: question.clone(), reason };
            typed(question).map_err(wrong)
        };
        let asked = questions.iter().map(words).collect::<Result<Vec<_>>>()?;
        let mut games = self.games(pool, &[target], asked.len(), seed, Some(&asked))?;
        Ok(games.swap_remove(0))
    }

    fn games(
        &self,
        pool: &ScenePool,
        targets: &[usize],
        rounds: usize,
        seed: u64,
        asked: Option<&[Vec<u32>]>,
    ) -> Result<Vec<Game>> {
        let rngs = targets.iter().map(|target| seeded(seed, &format!("game {target}"))).collect();
        let (games, imagined) = self.talk(pool, targets, rounds, rngs, asked)?;
        let ranked = pool.ranked(&self.scale, &self.device)?;
        let game =
            |((Told { scene, caption, rounds }, imagined), &target): ((Told, Imagined), &usize)| {
                let guess = |round: usize| {
                    let distances = ranked.distances(&imagined[round]);
                    (percentile(&distances, target), pool.nearest(&distances, target))
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
                    pool: pool.scenes().len(),
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
        let pool = ScenePool::new(draw_scenes(count, 4));
        let rngs = (0..count as u64).map(|game| seeded(game, "game")).collect();
        let all: Vec<usize> = (0..count).collect();
        let (games, imagined) = agents.talk(&pool, &all, 6, rngs, None).unwrap();
        let again = agents.imagine(&games).unwrap();
        assert_eq!(again.concat(), imagined.concat());

        let next = |game: usize| &games[(game + 1) % count];
        let shuffled: Vec<Told> =
            (0..count).map(|game| games[game].with_answers_of(next(game))).collect();
        assert_eq!(shuffled[3].rounds[2], (games[3].rounds[2].0.clone(), games[4].rounds[2].1));
        let ranked = pool.ranked(&agents.scale, &agents.device).unwrap();
        let mean = |imagined: &[Imagined]| {
            let each = imagined.iter().enumerate();
            each.map(|(game, facts)| percentile(&ranked.distances(&facts[6]), game)).sum::<f64>()
                / count as f64
        };
        let heard = mean(&imagined);
        let misled = mean(&agents.imagine(&shuffled).unwrap());
        assert!(heard > misled + 10.0, "{heard}, {misled}");
    }
    #[test]
    fn a_person_who_asks_what_q_bot_asked_plays_its_game() {
        let agents = shipped();
        let pool = ScenePool::new(draw_scenes(30, 2));
        let game = agents.play(&pool, 7, 4, 3).unwrap();
        let questions: Vec<String> =
            game.rounds.iter().map(|round| round.question.clone()).collect();
        assert_eq!(agents.answer(&pool, 7, &questions, 3).unwrap(), game);
        let typed = ["How many GREY things?".to_string()];
        let game = agents.answer(&pool, 7, &typed, 3).unwrap();
        assert_eq!(game.rounds[0].question, "how many gray things ?");
        let wrong = ["how many dogs?".to_string()];
        let error = agents.answer(&pool, 7, &wrong, 3).unwrap_err().to_string();
        assert!(error.contains("how many dogs?") && error.contains("`dogs`"), "{error}");
        assert!(agents.answer(&pool, 30, &[], 3).is_err());
    }
}
