//! Learning from the reward of drawn games.

use super::agents::{Recurrent, RecurrentConfig};
use super::play::{Choice, names};
use crate::Result;
use crate::toy::world::{OBJECTS, TASKS, World};
use candle_core::Device;
use conv_nn::Parameters;
use conv_nn::rng::seeded;
use conv_train::optim::{Adam, Optimizer, OptimizerConfig};
use rand::{Rng, RngCore};
use rand_chacha::ChaCha8Rng;

/// Steps from one look at what is done to the next.
const EVERY: usize = 5;
/// The share of the way that the usual reward of a task on an object goes to that of a game.
const TOWARDS: f32 = 0.1;

/// Agents that have learnt.
#[derive(Debug, Clone)]
pub struct Trained {
    /// Both agents.
    pub agents: Recurrent,
    /// Steps that it took, those of agents given up included.
    pub steps: usize,
    /// Agents that were drawn, these included.
    pub draws: usize,
}

/// Agents on their way.
struct Learning {
    agents: Recurrent,
    optimizer: Optimizer,
    learning_rate: f64,
    /// The mean reward of late, by object and task.
    usual: Vec<f32>,
}

impl Learning {
    fn new(config: &RecurrentConfig, seed: u64) -> Result<Self> {
        Ok(Self {
            agents: Recurrent::new(config, Parameters::new(seed), &Device::Cpu)?,
            optimizer: Optimizer::new(OptimizerConfig::Adam(Adam::default()))?,
            learning_rate: config.learning_rate,
            usual: vec![0.0; OBJECTS * TASKS.len()],
        })
    }

    /// One step on drawn games of each object with its task; the entropy of choices counts
    /// `entropy`.
    fn step(&mut self, games: &[(usize, usize)], entropy: f64, rng: &mut ChaCha8Rng) -> Result<()> {
        let (objects, tasks): (Vec<usize>, Vec<usize>) = games.iter().copied().unzip();
        let played = self.agents.games(&objects, &tasks, Choice::Drawn(rng))?;
        let count = games.len() as f64;
        let mut advantages = Vec::with_capacity(games.len());
        for (game, &(object, task)) in games.iter().enumerate() {
            let [.., first, second] = played.of(game);
            let reward = f32::from(u8::from(names(object, task) == [first, second]));
            let usual = &mut self.usual[object * TASKS.len() + task];
            advantages.push(reward - *usual);
            *usual += TOWARDS * (reward - *usual);
        }
        let entropy = (played.entropy()? * entropy)?;
        let gained = (played.weighted_log_likelihood(&advantages)? + entropy)?;
        let gradients = (gained * (-1.0 / count))?.backward()?;
        let parameters = &self.agents.parameters;
        Ok(self.optimizer.step(parameters, &gradients, self.learning_rate)?)
    }
}

impl Recurrent {
    /// Trains agents on the objects that are seen, by REINFORCE (Williams 1992). A game earns 1
    /// where both values are right, less what the same task on the same object earned of late; to
    /// the gradient of Σ over games of that · log p(all that was said and named) comes that of the
    /// entropy of the choices. Every fifth step every task is played on each seen object; those not
    /// done make up the hard part of the next batches. Training ends when there are none. Agents
    /// that do too little after a trial are drawn anew, and where the steps are used up the best
    /// that were drawn are returned. The same seed gives the same agents.
    ///
    /// The paper has neither baseline nor entropy nor another draw, and −10 where something is
    /// wrong: of 1,000 games nearly all then say no more than that, and agents come to a halt where
    /// two questions mean the same. What gets some out is entropy that counts the more the more
    /// tasks are done: enough to keep every habit open, and less where the language melts, since
    /// then fewer are done.
    ///
    /// # Errors
    /// A setting out of its range, or those of the tensor library.
    pub fn train(config: &RecurrentConfig, world: &World, seed: u64) -> Result<Trained> {
        let mut rng = seeded(seed, "recurrent agents");
        let all: Vec<(usize, usize)> = world
            .seen
            .iter()
            .flat_map(|&object| (0..TASKS.len()).map(move |task| (object, task)))
            .collect();
        let many = (config.batch as f64 * config.hard) as usize;
        let mut learning = Learning::new(config, seed)?;
        let mut begun = 0;
        let mut draws = 1;
        let mut hard = all.clone();
        // The best of those given up.
        let mut best: Option<(f64, Self)> = None;
        for step in 0..config.steps {
            let drawn = (0..config.batch).map(|game| {
                let from = if game < many { &hard } else { &all };
                from[rng.random_range(0..from.len())]
            });
            let games: Vec<(usize, usize)> = drawn.collect();
            let done = 1.0 - hard.len() as f64 / all.len() as f64;
            learning.step(&games, config.entropy_at(step - begun, done), &mut rng)?;
            if (step + 1) % EVERY == 0 {
                let named = learning.agents.named(&world.seen)?.into_iter();
                let left = named.filter(|named| named.2 < 2);
                hard = left.map(|(object, task, _)| (object, task)).collect();
                if hard.is_empty() {
                    return Ok(Trained { agents: learning.agents, steps: step + 1, draws });
                }
            }
            let done = 1.0 - hard.len() as f64 / all.len() as f64;
            if step + 1 - begun == config.trial && done < config.enough {
                let next = Learning::new(config, rng.next_u64())?;
                let given_up = std::mem::replace(&mut learning, next).agents;
                if best.as_ref().is_none_or(|best| done > best.0) {
                    best = Some((done, given_up));
                }
                (hard, begun, draws) = (all.clone(), step + 1, draws + 1);
            }
        }
        let named = learning.agents.named(&world.seen)?;
        let done = named.iter().filter(|named| named.2 == 2).count() as f64 / all.len() as f64;
        let agents = match best {
            Some((other, agents)) if other > done => agents,
            _ => learning.agents,
        };
        Ok(Trained { agents, steps: config.steps, draws })
    }
}
