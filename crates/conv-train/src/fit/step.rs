//! One optimiser step: gradients over its batches, the checks on them, clipping, the rule, the
//! bounds on rows.

use super::ahead::Loaded;
use super::{FitConfig, Learner, Loss};
use crate::log::StepRecord;
use crate::optim::{Group, Optimizer};
use crate::{Error, Result, clip};
use candle_core::backprop::GradStore;
use candle_core::{DType, Device};
use conv_nn::{Mode, rng};

/// The batches of a step, as they come.
pub(super) type Next<'a, B> = &'a mut dyn FnMut() -> Option<Loaded<B>>;

/// Takes step number `step` (from 1) in `epoch` over the next `count` batches at the learning rate
/// `rate`. The time is left for the caller to fill in.
pub(super) fn take<L: Learner>(
    learner: &L,
    config: &FitConfig,
    optimizer: &mut Optimizer,
    (next, count): (Next<L::Batch>, usize),
    (epoch, step): (usize, u64),
    rate: f64,
) -> Result<StepRecord> {
    let mut stream = rng::seeded(config.seed, &format!("step {step}"));
    let mut mode = Mode::Train(&mut stream);
    let parameters = learner.parameters();
    let Gradients { mut gradients, loss, examples } =
        gradients(learner, (next, count), (step, rate), &mut mode)?;
    Group::freeze(&config.groups, parameters, &mut gradients);
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
            learning_rate: rate,
            batch: named(learner, &examples),
        });
    }
    optimizer.step(parameters, &gradients, rate)?;
    for rule in &config.max_norm {
        rule.apply(parameters)?;
    }
    Ok(StepRecord { step, epoch, loss, learning_rate: rate, gradient_norm: norm, seconds: 0.0 })
}

/// Of the mean loss over a step's batches.
struct Gradients {
    gradients: GradStore,
    loss: f64,
    /// What the batches were made of.
    examples: Vec<usize>,
}

fn gradients<L: Learner>(
    learner: &L,
    (next, count): (Next<L::Batch>, usize),
    at: (u64, f64),
    mode: &mut Mode,
) -> Result<Gradients> {
    // A step of one batch is not weighted: its bits are those of the loss's own gradients.
    if count == 1 {
        let (loss, (value, _), examples) = next_loss(learner, next, at, mode)?;
        return Ok(Gradients { gradients: loss.value.backward()?, loss: value, examples });
    }
    let mut total = GradStore::default();
    let (mut weighted, mut weights) = (0.0, 0.0);
    let mut all = Vec::new();
    for _ in 0..count {
        let (loss, (value, weight), examples) = next_loss(learner, next, at, mode)?;
        total.extend((loss.value * weight)?.backward()?)?;
        weighted += value * weight;
        weights += weight;
        all.extend(examples);
    }
    clip::scale(learner.parameters(), &mut total, 1.0 / weights)?;
    Ok(Gradients { gradients: total, loss: weighted / weights, examples: all })
}

/// The next batch's loss, as a tensor and as numbers, and its examples.
fn next_loss<L: Learner>(
    learner: &L,
    next: Next<L::Batch>,
    (step, learning_rate): (u64, f64),
    mode: &mut Mode,
) -> Result<(Loss, (f64, f64), Vec<usize>)> {
    // That thread panicked, as this one is about to when it joins it.
    let Some(Loaded { examples, batch }) = next() else {
        return Err(Error::learner("the thread that loads batches ended"));
    };
    let loss = learner.loss(&batch?, mode)?;
    let (value, weight) = measured(&loss, step)?;
    if !value.is_finite() {
        let batch = named(learner, &examples);
        return Err(Error::NonFiniteLoss { step, loss: value, learning_rate, batch });
    }
    Ok((loss, (value, weight), examples))
}

/// The loss as a number and its weight, if they are such as the loop can use.
fn measured(loss: &Loss, step: u64) -> Result<(f64, f64)> {
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
    Ok((value, loss.weight))
}

fn named(learner: &impl Learner, examples: &[usize]) -> Vec<String> {
    examples.iter().map(|&example| learner.name_of(example)).collect()
}
