//! One optimiser step: gradients over its batches, the checks on them, clipping, the rule, the bounds on rows.

use super::{FitConfig, Learner, Loss};
use crate::log::StepRecord;
use crate::optim::Optimizer;
use crate::{Error, Result, clip};
use candle_core::backprop::GradStore;
use candle_core::{DType, Device};
use conv_nn::{Mode, rng};

/// Takes step number `step` (from 1) in `epoch` at the learning rate `rate`. The time is left for the caller to fill in.
pub(super) fn take(
    learner: &impl Learner,
    config: &FitConfig,
    optimizer: &mut Optimizer,
    batches: &[Vec<usize>],
    (epoch, step): (usize, u64),
    rate: f64,
) -> Result<StepRecord> {
    let mut stream = rng::seeded(config.seed, &format!("step {step}"));
    let mut mode = Mode::Train(&mut stream);
    let parameters = learner.parameters();
    let (mut gradients, loss) = gradients(learner, batches, (epoch, step), &mut mode)?;
    let norm = match config.clip_norm {
        Some(max_norm) => clip::clip_global_norm(parameters, &mut gradients, max_norm)?,
        None => clip::global_norm(parameters, &gradients)?,
    };
    if !norm.is_finite() {
        let vars = parameters.vars().into_iter();
        let gradients = vars.filter_map(|(name, var)| Some((name, gradients.remove(&var)?)));
        let parameter = clip::not_finite(gradients)?;
        return Err(Error::NonFiniteGradient {
            step,
            parameter: parameter.unwrap_or_else(|| "all parameters together".into()),
            batch: batches.concat(),
        });
    }
    optimizer.step(parameters, &gradients, rate)?;
    for rule in &config.max_norm {
        rule.apply(parameters)?;
    }
    Ok(StepRecord { step, epoch, loss, learning_rate: rate, gradient_norm: norm, seconds: 0.0 })
}

/// The gradients of the mean over all of `batches`, and that mean.
fn gradients(
    learner: &impl Learner,
    batches: &[Vec<usize>],
    (epoch, step): (usize, u64),
    mode: &mut Mode,
) -> Result<(GradStore, f64)> {
    if let [batch] = batches {
        let loss = learner.loss(epoch, batch, mode)?;
        let (value, _) = measured(&loss, batch, step)?;
        return Ok((loss.value.backward()?, value));
    }
    let mut total = GradStore::default();
    let (mut weighted, mut weights) = (0.0, 0.0);
    for batch in batches {
        let loss = learner.loss(epoch, batch, mode)?;
        let (value, weight) = measured(&loss, batch, step)?;
        total.extend((loss.value * weight)?.backward()?)?;
        weighted += value * weight;
        weights += weight;
    }
    clip::scale(learner.parameters(), &mut total, 1.0 / weights)?;
    Ok((total, weighted / weights))
}

/// The loss as a number and its weight, if they are such as the loop can use.
fn measured(loss: &Loss, batch: &[usize], step: u64) -> Result<(f64, f64)> {
    if loss.value.elem_count() != 1 || loss.value.rank() != 0 {
        let reason = format!("has shape {:?}, expected one number", loss.value.dims());
        return Err(Error::LossKind { step, reason });
    }
    if !(loss.weight.is_finite() && loss.weight > 0.0) {
        let reason = format!("has weight {}, expected one above 0", loss.weight);
        return Err(Error::LossKind { step, reason });
    }
    let value = loss.value.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
    let value = value.to_scalar::<f64>()?;
    if !value.is_finite() {
        return Err(Error::NonFiniteLoss { step, loss: value, batch: batch.to_vec() });
    }
    Ok((value, loss.weight))
}
