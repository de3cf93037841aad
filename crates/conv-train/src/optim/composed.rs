//! The rules as compositions of candle's operations, for devices that the kernels do not run on.

use super::{Adadelta, Adam, OptimizerConfig, Sgd};
use candle_core::{Result, Tensor};

/// The parameter after its step number `steps` (from 1), and the optimiser's memory of it.
pub(super) fn step(
    config: &OptimizerConfig,
    steps: u64,
    parameter: &Tensor,
    gradient: &Tensor,
    state: &Option<Tensor>,
    rate: f64,
) -> Result<(Tensor, Option<Tensor>)> {
    let parameter = &parameter.detach();
    match (config, state) {
        (OptimizerConfig::Sgd(rule), state) => sgd(rule, parameter, gradient, state, rate),
        (OptimizerConfig::Adadelta(rule), Some(state)) => {
            adadelta(rule, parameter, gradient, state, rate)
        }
        (OptimizerConfig::Adam(rule), Some(state)) => {
            adam(rule, steps, parameter, gradient, state, rate)
        }
        (_, None) => candle_core::bail!("an optimiser that lost its state"),
    }
}

fn sgd(
    rule: &Sgd,
    parameter: &Tensor,
    gradient: &Tensor,
    state: &Option<Tensor>,
    rate: f64,
) -> Result<(Tensor, Option<Tensor>)> {
    let Sgd { momentum, nesterov, weight_decay } = *rule;
    let gradient = (gradient + parameter * weight_decay)?;
    let Some(state) = state else {
        return Ok(((parameter - gradient * rate)?, None));
    };
    let velocity = ((state.get(0)? * momentum)? + &gradient)?;
    let step = if nesterov { (gradient + (&velocity * momentum)?)? } else { velocity.clone() };
    Ok(((parameter - step * rate)?, Some(velocity.unsqueeze(0)?)))
}

fn adadelta(
    rule: &Adadelta,
    parameter: &Tensor,
    gradient: &Tensor,
    state: &Tensor,
    rate: f64,
) -> Result<(Tensor, Option<Tensor>)> {
    let Adadelta { rho, epsilon, weight_decay } = *rule;
    let gradient = (gradient + parameter * weight_decay)?;
    let mean = |old: Tensor, new: &Tensor| old * rho + (new.sqr()? * (1.0 - rho))?;
    let squares = mean(state.get(0)?, &gradient)?;
    let deltas = state.get(1)?;
    let step = (((&deltas + epsilon)? / (&squares + epsilon)?)?.sqrt()? * gradient)?;
    let deltas = mean(deltas, &step)?;
    Ok(((parameter - step * rate)?, Some(Tensor::stack(&[squares, deltas], 0)?)))
}

fn adam(
    rule: &Adam,
    steps: u64,
    parameter: &Tensor,
    gradient: &Tensor,
    state: &Tensor,
    rate: f64,
) -> Result<(Tensor, Option<Tensor>)> {
    let Adam { beta1, beta2, epsilon, weight_decay, decoupled } = *rule;
    let (shrink, penalty) =
        if decoupled { (1.0 - rate * weight_decay, 0.0) } else { (1.0, weight_decay) };
    let gradient = (gradient + parameter * penalty)?;
    let mean = state.get(0)?;
    let mean = (&mean + ((&gradient - &mean)? * (1.0 - beta1))?)?;
    let squares = ((state.get(1)? * beta2)? + (gradient.sqr()? * (1.0 - beta2))?)?;
    let rate = rate / (1.0 - beta1.powf(steps as f64));
    let root = (1.0 - beta2.powf(steps as f64)).sqrt();
    let step = (&mean / ((squares.sqrt()? / root)? + epsilon)?)?;
    let stepped = ((parameter * shrink)? - step * rate)?;
    Ok((stepped, Some(Tensor::stack(&[mean, squares], 0)?)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::kernel;
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn the_compositions_take_the_kernels_steps() {
        let sgd = |momentum, nesterov| {
            OptimizerConfig::Sgd(Sgd { momentum, nesterov, weight_decay: 0.1 })
        };
        let adadelta = Adadelta { weight_decay: 0.1, ..Adadelta::default() };
        for config in [
            sgd(0.0, false),
            sgd(0.9, false),
            sgd(0.9, true),
            OptimizerConfig::Adadelta(adadelta),
            OptimizerConfig::Adam(Adam { weight_decay: 0.1, ..Adam::default() }),
            OptimizerConfig::Adam(Adam::w()),
        ] {
            let start: Vec<f64> = (0..20).map(|i| f64::from(i) / 7.0 - 1.3).collect();
            let [by_kernel, composed] =
                [0; 2].map(|_| Var::new(start.as_slice(), &Device::Cpu).unwrap());
            let buffers = config.buffers();
            let state = || Tensor::zeros((buffers, 20), by_kernel.dtype(), &Device::Cpu).unwrap();
            let (of_kernel, mut of_composed) =
                ((buffers > 0).then(state), (buffers > 0).then(state));
            for steps in 1..=5 {
                let gradient = by_kernel.sin().unwrap();
                let state = of_kernel.as_ref();
                match &config {
                    OptimizerConfig::Sgd(rule) => {
                        kernel::run(&rule.at(0.3), &by_kernel, &gradient, state)
                    }
                    OptimizerConfig::Adadelta(rule) => {
                        kernel::run(&rule.at(0.3), &by_kernel, &gradient, state)
                    }
                    OptimizerConfig::Adam(rule) => {
                        kernel::run(&rule.at(0.3, steps), &by_kernel, &gradient, state)
                    }
                }
                .unwrap();
                let gradient = composed.sin().unwrap();
                let (stepped, state) =
                    step(&config, steps, &composed, &gradient, &of_composed, 0.3).unwrap();
                composed.set(&stepped).unwrap();
                of_composed = state;
                let [one, other] = [&by_kernel, &composed].map(|var| var.to_vec1::<f64>().unwrap());
                for (one, other) in one.iter().zip(other) {
                    assert!((one - other).abs() < 1e-12, "{config:?}: {one} {other}");
                }
            }
        }
    }
}
