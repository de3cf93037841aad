//! Games of many objects and tasks at once.

use super::agents::Recurrent;
use super::states::States;
use crate::Result;
use crate::toy::language::Said;
use crate::toy::world::{TASKS, value};
use candle_core::{Module, Tensor};
use conv_nn::{Linear, log_softmax};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// How symbols and values are chosen.
pub(super) enum Choice<'a> {
    /// The likeliest.
    Best,
    /// As likely as the agents have them.
    Drawn(&'a mut ChaCha8Rng),
    /// As they were: six choices of each game, in order.
    #[cfg(test)]
    Given(&'a [[usize; 6]]),
}

/// What was chosen at one point of N games.
struct Chosen {
    /// The logarithm of each symbol's share in each state, `[U, V]`.
    log_shares: Tensor,
    /// Each game's state and symbol.
    of_game: Vec<(u32, usize)>,
}

/// N games: question, answer, question, answer, and two values named.
pub(super) struct Games(Vec<Chosen>);

impl Games {
    fn choose(&mut self, states: &States, layer: &Linear, choice: &mut Choice) -> Result<()> {
        let log_shares = log_softmax(&layer.forward(&states.outputs()?)?, 1)?;
        let shares = log_shares.to_vec2::<f32>()?;
        let best: Vec<usize> = shares.iter().map(|row| best(row)).collect();
        let mut of_game = Vec::with_capacity(states.of_game.len());
        for (game, &state) in states.of_game.iter().enumerate() {
            let row = &shares[state as usize];
            let likeliest = best[state as usize];
            let symbol = match choice {
                Choice::Best => likeliest,
                Choice::Drawn(rng) => {
                    let mut left = rng.random::<f32>();
                    let drawn = row.iter().position(|share| {
                        left -= share.exp();
                        left < 0.0
                    });
                    drawn.unwrap_or(likeliest)
                }
                #[cfg(test)]
                Choice::Given(symbols) => symbols[game][self.0.len()],
            };
            let _ = game;
            of_game.push((state, symbol));
        }
        self.0.push(Chosen { log_shares, of_game });
        Ok(())
    }

    /// The symbols of the latest choice.
    fn latest(&self) -> Vec<u32> {
        let latest = self.0.last();
        latest.map_or(Vec::new(), |c| c.of_game.iter().map(|&(_, symbol)| symbol as u32).collect())
    }

    /// The choices of a game.
    pub fn of(&self, game: usize) -> [usize; 6] {
        std::array::from_fn(|choice| self.0[choice].of_game[game].1)
    }

    /// Σ over games of weight · log p(what was chosen): with rewards as weights its gradient is
    /// REINFORCE's (Williams 1992).
    pub fn weighted_log_likelihood(&self, weights: &[f32]) -> Result<Tensor> {
        let mut terms = Vec::new();
        for Chosen { log_shares, of_game } in &self.0 {
            let (states, symbols) = log_shares.dims2()?;
            let mut together = vec![0f32; states * symbols];
            for (&(state, symbol), weight) in of_game.iter().zip(weights) {
                together[state as usize * symbols + symbol] += weight;
            }
            let together = Tensor::from_vec(together, (states, symbols), log_shares.device())?;
            terms.push((log_shares * together)?.sum_all()?);
        }
        Ok(Tensor::stack(&terms, 0)?.sum_all()?)
    }

    /// Σ over games and choices of the entropy of what could have been chosen there.
    pub fn entropy(&self) -> Result<Tensor> {
        let mut terms = Vec::new();
        for Chosen { log_shares, of_game } in &self.0 {
            let states = log_shares.dim(0)?;
            let mut games = vec![0f32; states];
            for &(state, _) in of_game {
                games[state as usize] += 1.0;
            }
            let games = Tensor::from_vec(games, (states, 1), log_shares.device())?;
            let entropies = (log_shares * log_shares.exp()?)?.sum_keepdim(1)?.neg()?;
            terms.push((entropies * games)?.sum_all()?);
        }
        Ok(Tensor::stack(&terms, 0)?.sum_all()?)
    }
}

#[cfg(test)]
impl Games {
    /// The logarithm of how likely all choices of each game are, `[N]`.
    pub fn log_likelihoods(&self) -> Result<Tensor> {
        let mut terms = Vec::new();
        for Chosen { log_shares, of_game } in &self.0 {
            let symbols = log_shares.dim(1)? as u32;
            let places: Vec<u32> =
                of_game.iter().map(|&(state, symbol)| state * symbols + symbol as u32).collect();
            let places = Tensor::new(places, log_shares.device())?;
            terms.push(log_shares.flatten_all()?.index_select(&places, 0)?);
        }
        Ok(Tensor::stack(&terms, 0)?.sum(0)?)
    }
}

fn best(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, symbol| if row[symbol] > row[best] { symbol } else { best })
}

/// The share of tasks that agents do, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Accuracy {
    /// Both values right.
    pub both: f64,
    /// At least one of them.
    pub one: f64,
}

/// The numbers of the two values that Q-Bot has to name.
pub(super) fn names(object: usize, task: usize) -> [usize; 2] {
    TASKS[task].map(|attribute| 4 * attribute + value(object, attribute))
}

impl Recurrent {
    /// Plays task `tasks[n]` on object `objects[n]`.
    pub(super) fn games(
        &self,
        objects: &[usize],
        tasks: &[usize],
        mut choice: Choice,
    ) -> Result<Games> {
        let asked = self.config.asked as u32;
        let answered = self.config.answered as u32;
        let count = objects.len();
        let mut questioner = States::new(count);
        let mut answerer = States::new(count);
        let mut games = Games(Vec::new());
        let tasks: Vec<u32> = tasks.iter().map(|&task| task as u32 + answered + asked).collect();
        let seen = |symbols: &[u32]| -> Vec<u32> {
            let both = objects.iter().zip(symbols);
            both.map(|(&object, symbol)| object as u32 * (asked + answered) + symbol).collect()
        };
        let mut heard = tasks.clone();
        for round in 0..2 {
            questioner.hear(&self.asking, &heard, |x| self.heard(x), &self.device)?;
            games.choose(&questioner, &self.ask, &mut choice)?;
            let question = games.latest();
            let own: Vec<u32> = question.iter().map(|symbol| symbol + answered).collect();
            questioner.hear(&self.asking, &own, |x| self.heard(x), &self.device)?;
            if !self.config.memory {
                answerer.forget();
            }
            let input = seen(&question);
            answerer.hear(&self.answering, &input, |x| self.heard_and_seen(x), &self.device)?;
            games.choose(&answerer, &self.answer, &mut choice)?;
            heard = games.latest();
            if self.config.memory && round == 0 {
                let own: Vec<u32> = heard.iter().map(|symbol| symbol + asked).collect();
                let input = seen(&own);
                answerer.hear(&self.answering, &input, |x| self.heard_and_seen(x), &self.device)?;
            }
        }
        questioner.hear(&self.asking, &heard, |x| self.heard(x), &self.device)?;
        for _ in 0..2 {
            questioner.hear(&self.naming, &tasks, |x| self.heard(x), &self.device)?;
            games.choose(&questioner, &self.name, &mut choice)?;
        }
        Ok(games)
    }

    /// All tasks on each object, each agent saying what it has likeliest: objects, tasks and the
    /// games.
    fn greedy(&self, objects: &[usize]) -> Result<(Vec<[usize; 2]>, Games)> {
        let pairs: Vec<[usize; 2]> = objects
            .iter()
            .flat_map(|&object| (0..TASKS.len()).map(move |task| [object, task]))
            .collect();
        let [objects, tasks] = [0, 1].map(|at| pairs.iter().map(|p| p[at]).collect::<Vec<_>>());
        let games = self.games(&objects, &tasks, Choice::Best)?;
        Ok((pairs, games))
    }

    /// Of every task on each object, how many values are named right, 0 to 2.
    pub(super) fn named(&self, objects: &[usize]) -> Result<Vec<(usize, usize, usize)>> {
        let (pairs, games) = self.greedy(objects)?;
        let right = |(game, &[object, task]): (usize, &[usize; 2])| {
            let [.., first, second] = games.of(game);
            let names = names(object, task);
            let right = usize::from(first == names[0]) + usize::from(second == names[1]);
            (object, task, right)
        };
        Ok(pairs.iter().enumerate().map(right).collect())
    }

    /// How many tasks they do on `objects`, saying what is likeliest; `None` of no objects.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub fn accuracy(&self, objects: &[usize]) -> Result<Option<Accuracy>> {
        if objects.is_empty() {
            return Ok(None);
        }
        let named = self.named(objects)?;
        let share = |least: usize| {
            let right = named.iter().filter(|(_, _, right)| *right >= least).count();
            right as f64 / named.len() as f64
        };
        Ok(Some(Accuracy { both: share(2), one: share(1) }))
    }

    /// What is said in every task on each of `objects`: object, task, and questions with answers.
    pub(in crate::toy) fn said(&self, objects: &[usize]) -> Result<Vec<Said>> {
        let (pairs, games) = self.greedy(objects)?;
        let said = |(game, &[object, task]): (usize, &[usize; 2])| {
            let [asked, answered, again, last, ..] = games.of(game);
            (object, task, [[asked, answered], [again, last]])
        };
        Ok(pairs.iter().enumerate().map(said).collect())
    }
}
