//! Agents that are tables: the value of each symbol in each state, learnt from the reward of whole
//! episodes.

use super::world::{OBJECTS, TASKS, World, target};
use conv_nn::rng::seeded;
use rand::RngCore;
use serde::{Deserialize, Serialize};

/// Symbols of Q-Bot.
const ASKED: usize = 3;
/// Symbols of A-Bot.
const ANSWERED: usize = 4;
/// Pairs of values that Q-Bot may name.
const GUESSES: usize = 16;

/// How tabular agents learn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TabularConfig {
    /// Whether A-Bot remembers the first round in the second. Without memory it answers by the
    /// object and the symbol just heard.
    pub memory: bool,
    /// Games played.
    pub episodes: u32,
    /// The share of symbols that are drawn at first; it falls to 0 along a line.
    pub exploration: f32,
    /// The same of guesses.
    pub guessing: f32,
    /// The share of the way that a value of Q-Bot's goes to the reward.
    pub asking_rate: f32,
    /// The same of A-Bot's.
    pub answering_rate: f32,
    /// Values are drawn between 0 and this at first. Where it is as high as the reward, what was
    /// not tried yet looks good.
    pub first: f32,
}

impl Default for TabularConfig {
    fn default() -> Self {
        Self {
            memory: true,
            episodes: 2_000_000,
            exploration: 0.6,
            guessing: 0.0,
            asking_rate: 0.02,
            answering_rate: 0.15,
            first: 0.7,
        }
    }
}

impl TabularConfig {
    /// What suits an A-Bot without memory, whose answer in one round is its answer in the other.
    pub fn memoryless() -> Self {
        Self {
            memory: false,
            exploration: 0.2,
            guessing: 0.6,
            asking_rate: 0.15,
            answering_rate: 0.3,
            first: 0.5,
            ..Self::default()
        }
    }
}

/// Values of N actions in each state.
#[derive(Debug, Clone, PartialEq)]
struct Table<const N: usize>(Vec<[f32; N]>);

impl<const N: usize> Table<N> {
    /// Drawn values below `first`.
    fn new(states: usize, first: f32, draw: &mut impl RngCore) -> Self {
        let mut value = || draw.next_u32() as f32 / u32::MAX as f32 * first;
        Self((0..states).map(|_| std::array::from_fn(|_| value())).collect())
    }

    fn best(&self, state: usize) -> usize {
        let values = &self.0[state];
        (1..N).fold(0, |best, action| if values[action] > values[best] { action } else { best })
    }

    /// The best action, or a drawn one where the low half of `drawn` is below `exploration`.
    fn choose(&self, state: usize, drawn: u32, exploration: u32) -> usize {
        if drawn & 0xffff < exploration {
            ((drawn >> 16) as usize * N) >> 16
        } else {
            self.best(state)
        }
    }

    fn learn(&mut self, state: usize, action: usize, reward: f32, rate: f32) {
        let value = &mut self.0[state][action];
        *value += rate * (reward - *value);
    }
}

/// Both agents, after Das et al. (2017), section 5: each state has a value for each symbol, the
/// mean reward of the episodes in which it was said there.
///
/// The paper freezes one agent while the other learns; that sticks where neither alone can do
/// better, so here both learn from every episode.
#[derive(Debug, Clone, PartialEq)]
pub struct Tabular {
    /// By task.
    first: Table<ASKED>,
    /// By task, first question and answer.
    second: Table<ASKED>,
    /// By task and dialog.
    guess: Table<GUESSES>,
    /// By object and question.
    answer: Table<ANSWERED>,
    /// By object, first round and question, where there is memory.
    remembering: Option<Table<ANSWERED>>,
}

/// A game: what was said, and what was guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Game {
    /// Questions and answers of both rounds.
    pub said: [[usize; 2]; 2],
    guess: usize,
    /// States of the five choices: question, answer, question, answer, guess.
    states: [usize; 5],
}

impl Tabular {
    /// Trains agents on the objects that are seen. The same seed gives the same agents.
    pub fn train(config: &TabularConfig, world: &World, seed: u64) -> Self {
        let mut rng = seeded(seed, "tabular agents");
        let dialogs = ASKED * ANSWERED;
        let first = config.first;
        let mut agents = Self {
            first: Table::new(TASKS.len(), first, &mut rng),
            second: Table::new(TASKS.len() * dialogs, first, &mut rng),
            guess: Table::new(TASKS.len() * dialogs * dialogs, first, &mut rng),
            answer: Table::new(OBJECTS * ASKED, first, &mut rng),
            remembering: config
                .memory
                .then(|| Table::new(OBJECTS * dialogs * ASKED, first, &mut rng)),
        };
        let seen = world.seen.len() as u64;
        for episode in 0..config.episodes {
            let left = 1.0 - episode as f32 / config.episodes as f32;
            let exploration =
                [config.exploration, config.guessing].map(|share| (share * left * 65536.0) as u32);
            let drawn = rng.next_u64();
            let object = world.seen[(((drawn >> 32) * seen) >> 32) as usize];
            let task = (((drawn & 0xffff_ffff) * TASKS.len() as u64) >> 32) as usize;
            let game = agents.play(object, task, exploration, || rng.next_u64());
            let reward = f32::from(u8::from(game.guess == target(object, task)));
            agents.learn(&game, reward, [config.asking_rate, config.answering_rate]);
        }
        agents
    }

    /// Plays a game; `draw` gives the numbers for choices that explore, so many of 65,536 symbols
    /// and guesses.
    pub(crate) fn play(
        &self,
        object: usize,
        task: usize,
        [exploration, guessing]: [u32; 2],
        mut draw: impl FnMut() -> u64,
    ) -> Game {
        let mut drawn = [0; 6];
        if exploration.max(guessing) > 0 {
            for pair in drawn.chunks_mut(2) {
                let number = draw();
                pair.copy_from_slice(&[number as u32, (number >> 32) as u32]);
            }
        }
        let asked = self.first.choose(task, drawn[0], exploration);
        let heard = object * ASKED + asked;
        let answered = self.answer.choose(heard, drawn[1], exploration);
        let known = (task * ASKED + asked) * ANSWERED + answered;
        let again = self.second.choose(known, drawn[2], exploration);
        let (heard_again, last) = match &self.remembering {
            Some(table) => {
                let state = (heard * ANSWERED + answered) * ASKED + again;
                (state, table.choose(state, drawn[3], exploration))
            }
            None => {
                let state = object * ASKED + again;
                (state, self.answer.choose(state, drawn[3], exploration))
            }
        };
        let all = (known * ASKED + again) * ANSWERED + last;
        let guess = self.guess.choose(all, drawn[4], guessing);
        let states = [task, heard, known, heard_again, all];
        Game { said: [[asked, answered], [again, last]], guess, states }
    }

    fn learn(&mut self, game: &Game, reward: f32, [asking, answering]: [f32; 2]) {
        let Game { said: [[asked, answered], [again, last]], guess, states } = *game;
        self.first.learn(states[0], asked, reward, asking);
        self.answer.learn(states[1], answered, reward, answering);
        self.second.learn(states[2], again, reward, asking);
        self.remembering
            .as_mut()
            .unwrap_or(&mut self.answer)
            .learn(states[3], last, reward, answering);
        self.guess.learn(states[4], guess, reward, asking);
    }

    /// The share of tasks on `objects` that they do right, 0 to 1, without exploration; `None` of
    /// no objects.
    pub fn accuracy(&self, objects: &[usize]) -> Option<f64> {
        let right = |object: usize| {
            let is_right =
                |&task: &usize| self.play(object, task, [0; 2], || 0).guess == target(object, task);
            (0..TASKS.len()).filter(is_right).count()
        };
        let right: usize = objects.iter().map(|&object| right(object)).sum();
        (!objects.is_empty()).then(|| right as f64 / (objects.len() * TASKS.len()) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bar: 2 million episodes on all 64 objects, 10 seeds.
    #[test]
    fn all_seeds_learn_the_world_with_memory_and_eight_of_ten_without() {
        let perfect = |memory| {
            let config =
                if memory { TabularConfig::default() } else { TabularConfig::memoryless() };
            let world = World::all();
            let learnt = |seed: &u64| {
                Tabular::train(&config, &world, *seed).accuracy(&world.seen) == Some(1.0)
            };
            (1..=10).filter(learnt).count()
        };
        assert_eq!(perfect(true), 10);
        assert!(perfect(false) >= 8);
    }

    #[test]
    fn one_episode_moves_the_values_that_were_used_and_no_others() {
        let config = TabularConfig { episodes: 0, ..TabularConfig::default() };
        let before = Tabular::train(&config, &World::all(), 1);
        let mut after = before.clone();
        let game = after.play(5, 2, [0; 2], || 0);
        after.learn(&game, 1.0, [0.5; 2]);
        let changed = |a: &[f32], b: &[f32]| a.iter().zip(b).filter(|(a, b)| a != b).count();
        assert_eq!(changed(before.first.0.as_flattened(), after.first.0.as_flattened()), 1);
        assert_eq!(changed(before.guess.0.as_flattened(), after.guess.0.as_flattened()), 1);
        let [old, new] =
            [before.guess.0[game.states[4]][game.guess], after.guess.0[game.states[4]][game.guess]];
        assert!((new - (old + 0.5 * (1.0 - old))).abs() < 1e-6);
    }
}
