//! Learning from the reward of drawn games.

use super::agents::{Recurrent, RecurrentConfig};
use super::play::{Choice, names};
use crate::Result;
use crate::toy::world::{TASKS, World};
use candle_core::Device;
use conv_nn::Parameters;
use conv_nn::rng::seeded;
use conv_train::optim::{Adam, Optimizer, OptimizerConfig};
use rand::Rng;

/// Each element of a gradient is cut to this.
const CLAMP: f64 = 5.0;

/// Agents that have learnt.
#[derive(Debug, Clone)]
pub struct Trained {
    /// Both agents.
    pub agents: Recurrent,
    /// Steps that it took.
    pub steps: usize,
}

impl Recurrent {
    /// Trains agents on the objects that are seen, by REINFORCE (Williams 1992): the gradient of Σ over games of reward · log p(all that was
    /// said and named), each element cut to ±5, goes to Adam. After each step every task is played on each seen object; those not done make
    /// up the hard part of the next batch. Training ends when there are none. The same seed gives the same agents.
    ///
    /// # Errors
    /// A setting out of its range, or those of the tensor library.
    pub fn train(config: &RecurrentConfig, world: &World, seed: u64) -> Result<Trained> {
        let device = Device::Cpu;
        let agents = Self::new(config, Parameters::new(seed), &device)?;
        let mut optimizer = Optimizer::new(OptimizerConfig::Adam(Adam::default()))?;
        let mut rng = seeded(seed, "recurrent agents");
        let all: Vec<(usize, usize)> = world
            .seen
            .iter()
            .flat_map(|&object| (0..TASKS.len()).map(move |task| (object, task)))
            .collect();
        let mut hard = all.clone();
        let many = (config.batch as f64 * config.hard) as usize;
        for step in 0..config.steps {
            let drawn = (0..config.batch).map(|game| {
                let from = if game < many { &hard } else { &all };
                from[rng.random_range(0..from.len())]
            });
            let (objects, tasks): (Vec<usize>, Vec<usize>) = drawn.unzip();
            let games = agents.games(&objects, &tasks, Choice::Drawn(&mut rng))?;
            let reward = |(game, (&object, &task)): (usize, (&usize, &usize))| {
                let [.., first, second] = games.of(game);
                // To be made large, and an optimiser makes small.
                if names(object, task) == [first, second] { -config.right } else { -config.wrong }
            };
            let costs: Vec<f32> = objects.iter().zip(&tasks).enumerate().map(reward).collect();
            let mut gradients = games.weighted_log_likelihood(&costs)?.backward()?;
            for (_, var) in agents.parameters.vars() {
                if let Some(gradient) = gradients.remove(var.as_tensor()) {
                    gradients.insert(var.as_tensor(), gradient.clamp(-CLAMP, CLAMP)?);
                }
            }
            optimizer.step(&agents.parameters, &gradients, config.learning_rate)?;
            let named = agents.named(&world.seen)?.into_iter();
            hard =
                named.filter(|named| named.2 < 2).map(|(object, task, _)| (object, task)).collect();
            if hard.is_empty() {
                return Ok(Trained { agents, steps: step + 1 });
            }
        }
        Ok(Trained { agents, steps: config.steps })
    }
}
