//! Whole training steps of two networks, through candle's `Tensor::backward` as users do: the loss,
//! its gradients, the optimiser.
//!
//! `tests/reference/peers/steps_torch.py` has the same networks in PyTorch.

mod convs2s;
mod resnet18;

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use clap::ValueEnum;
use conv_nn::{Mode, Parameters, rng};
use conv_train::clip::clip_global_norm;
use conv_train::optim::{Adam, Optimizer, OptimizerConfig, Sgd};

/// A network that is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Network {
    /// Gehring et al. (2017), of seven layers of width 256: 32 pairs of sentences of 30 tokens.
    Convs2s,
    /// He et al. (2016), of 18 layers: 16 images of 112×112, 1,000 classes.
    Resnet18,
}

/// The loss of a step's batch.
trait Task {
    fn loss(&self, step: u64, mode: &mut Mode) -> Result<Tensor>;
}

/// A network in training.
pub struct Training {
    parameters: Parameters,
    task: Box<dyn Task>,
    optimizer: Optimizer,
    learning_rate: f64,
    largest_norm: Option<f64>,
    steps: u64,
}

impl Training {
    /// At its first step.
    ///
    /// # Errors
    /// None: the networks are possible.
    pub fn new(network: Network) -> Result<Self> {
        let parameters = Parameters::new(1);
        let vb = parameters.builder(DType::F32, &Device::Cpu);
        let (task, optimizer, learning_rate, largest_norm): (Box<dyn Task>, _, _, _) = match network
        {
            Network::Convs2s => {
                let adam = OptimizerConfig::Adam(Adam::default());
                (Box::new(convs2s::Translation::new(&vb)?), adam, 1e-3, Some(1.0))
            }
            Network::Resnet18 => {
                let sgd = OptimizerConfig::Sgd(Sgd { momentum: 0.9, ..Sgd::default() });
                (Box::new(resnet18::Classification::new(&vb)?), sgd, 0.01, None)
            }
        };
        let optimizer = Optimizer::new(optimizer)?;
        Ok(Self { parameters, task, optimizer, learning_rate, largest_norm, steps: 0 })
    }

    /// Makes a step, and returns its loss.
    ///
    /// # Errors
    /// None: the networks are possible.
    pub fn step(&mut self) -> Result<f32> {
        let mut stream = rng::seeded(1, &format!("step {}", self.steps));
        let loss = self.task.loss(self.steps, &mut Mode::Train(&mut stream))?;
        let mut gradients = loss.backward()?;
        if let Some(norm) = self.largest_norm {
            clip_global_norm(&self.parameters, &mut gradients, norm)?;
        }
        self.optimizer.step(&self.parameters, &gradients, self.learning_rate)?;
        self.steps += 1;
        Ok(loss.to_scalar()?)
    }

    /// How many numbers the optimiser has moved.
    ///
    /// # Errors
    /// None that a caller can bring about.
    pub fn trained(&self) -> Result<usize> {
        let steps = self.optimizer.state()?;
        let moved = |name: &str| steps.contains_key(&format!("steps/{name}"));
        let vars = self.parameters.vars().into_iter();
        Ok(vars.filter(|(name, _)| moved(name)).map(|(_, var)| var.elem_count()).sum())
    }
}

/// Numbers below `below` that look random and are the same in the twin in Python.
pub fn numbers(count: usize, below: u64, seed: u64) -> Vec<u32> {
    let number = |i: u64| ((i + (seed << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % below;
    (0..count as u64).map(|i| number(i) as u32).collect()
}

/// KiB that this process holds, as /proc has them: now (`VmRSS:`), or at its peak (`VmHWM:`).
///
/// # Errors
/// A system without /proc.
pub fn resident(field: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context("no such field")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_networks_have_the_sizes_of_the_papers_and_learn() -> Result<()> {
        for (network, size) in [(Network::Convs2s, 4_510_832), (Network::Resnet18, 11_689_512)] {
            let mut training = Training::new(network)?;
            let losses = (0..6).map(|_| training.step()).collect::<Result<Vec<_>>>()?;
            assert_eq!(training.trained()?, size, "{network:?}");
            assert!(losses[4] < losses[0], "{network:?}: {losses:?}");
        }
        Ok(())
    }
}
