//! Cross-entropy of class ids under logits: log-softmax and negative log-likelihood in one
//! operation.

use crate::blocks::{BLOCK, collect, fill_rows, update};
use crate::kernel::{Kernel, apply, check_real, contiguous, elements_mut, read_ids, with_elements};
use crate::real::{Real, sum};
use crate::softmax::{log_composed, log_sum_exp};
use crate::{Error, Result};
use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Tensor, bail};
use serde::{Deserialize, Serialize};

/// What becomes of the samples' losses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// Their sum, divided by the sum of the class weights of the targets that are not ignored. NaN
    /// where that is 0, as in PyTorch: a batch with nothing to learn has no mean. The gradient is 0
    /// there.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// One loss a sample; 0 for an ignored one.
    None,
}

/// How [`cross_entropy`] works. The default is the plain mean.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrossEntropyConfig {
    /// The share ε of each target that is spread evenly over all classes, 0 to 1 (Szegedy et al.
    /// 2016, section 7).
    pub label_smoothing: f64,
    /// One weight a class, e.g. its inverse frequency; `None` is 1 for each.
    pub class_weights: Option<Vec<f32>>,
    /// Samples with this target do not count: padding. It need not be a class.
    pub ignore_index: Option<u32>,
    /// What becomes of the samples' losses.
    pub reduction: Reduction,
}

/// -(1-ε) w_y log p_y - ε/V Σᵥ wᵥ log pᵥ for each sample, where p is the softmax of its logits, y its
/// target, w the class weights and ε the smoothing; then the reduction.
/// Defined as PyTorch's `cross_entropy`, weights and smoothing together included.
///
/// # Shapes
/// logits `[N, V]` of f32 or f64, targets `[N]` of u32 → a scalar, or `[N]` without reduction. Also
/// logits `[B, V, …]` with targets `[B, …]`, such as pixels or positions: each place of each sample
/// counts as one.
///
/// # Errors
/// A target that is neither a class nor ignored, a smoothing outside 0 to 1, another number of
/// weights than classes.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use conv_nn::{CrossEntropyConfig, cross_entropy};
/// let logits = Tensor::zeros((3, 4), candle_core::DType::F32, &Device::Cpu)?;
/// let targets = Tensor::new(&[0u32, 3, 1], &Device::Cpu)?;
/// let loss = cross_entropy(&logits, &targets, &CrossEntropyConfig::default())?;
/// assert!((loss.to_scalar::<f32>()? - 4f32.ln()).abs() < 1e-6);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn cross_entropy(
    logits: &Tensor,
    targets: &Tensor,
    config: &CrossEntropyConfig,
) -> Result<Tensor> {
    if logits.rank() > 2 {
        return of_places(logits, targets, config);
    }
    if logits.device().is_cpu() {
        let (loss, total) = Loss::prepared(logits, targets, config)?;
        config.reduction.of(&apply(loss, logits)?, total)
    } else {
        let loss = Loss::new(logits, targets, config)?;
        config.reduction.of(&loss.composed(logits)?, loss.total_weight())
    }
}

/// The same with the classes in front of the places, as rows.
fn of_places(logits: &Tensor, targets: &Tensor, config: &CrossEntropyConfig) -> Result<Tensor> {
    let dims = logits.dims();
    let expected = [&dims[..1], &dims[2..]].concat();
    if targets.dims() != expected {
        return Err(Error::Shape {
            operation: Loss::NAME,
            argument: "targets",
            found: targets.dims().to_vec(),
            expected: format!("{expected:?}"),
        });
    }
    let logits = contiguous(Loss::NAME, logits)?;
    let rows = logits.flatten_from(2)?.transpose(1, 2)?;
    let rows = contiguous(Loss::NAME, &rows)?.flatten_to(1)?;
    let loss = cross_entropy(&rows, &targets.flatten_all()?, config)?;
    match config.reduction {
        Reduction::None => Ok(loss.reshape(expected)?),
        Reduction::Mean | Reduction::Sum => Ok(loss),
    }
}

impl Reduction {
    /// What the gradient of the sum of the losses is multiplied by: 0 where nothing counts.
    pub(crate) fn share(&self, total_weight: f64) -> f64 {
        match self {
            Reduction::Mean if total_weight == 0.0 => 0.0,
            Reduction::Mean => 1.0 / total_weight,
            Reduction::Sum | Reduction::None => 1.0,
        }
    }

    pub(crate) fn of(&self, losses: &Tensor, total_weight: f64) -> Result<Tensor> {
        Ok(match self {
            // Not by dividing, where a gradient of 0 would become NaN; and by a tensor, since
            // candle stops at the number 0.
            Reduction::Mean if total_weight == 0.0 => {
                let sum = total(losses)?;
                ((&sum * sum.zeros_like()?)? + f64::NAN)?
            }
            Reduction::Mean => (total(losses)? / total_weight)?,
            Reduction::Sum => total(losses)?,
            Reduction::None => losses.clone(),
        })
    }
}

/// The sum of the losses. On the CPU in f64: in f32 candle adds a million of them one by one, and
/// loses digits.
pub(crate) fn total(losses: &Tensor) -> candle_core::Result<Tensor> {
    if losses.device().is_cpu() {
        losses.to_dtype(DType::F64)?.sum_all()?.to_dtype(losses.dtype())
    } else {
        losses.sum_all()
    }
}

pub(crate) struct Loss {
    /// `None` is ignored.
    targets: Vec<Option<u32>>,
    classes: usize,
    smoothing: f64,
    weights: Option<Vec<f32>>,
    /// Of each row the maximum, ln Σ exp(x - maximum), so that the backward pass need not find them
    /// again, and -Σᵥ wᵥ log pᵥ where there is smoothing.
    log_sum_exps: Vec<[f64; 3]>,
}

impl Loss {
    pub(crate) fn new(
        logits: &Tensor,
        targets: &Tensor,
        config: &CrossEntropyConfig,
    ) -> Result<Self> {
        let operation = Self::NAME;
        let misfit = |argument, found: &[usize], expected| Error::Shape {
            operation,
            argument,
            found: found.to_vec(),
            expected,
        };
        check_real(operation, "logits", logits.dtype())?;
        let &[samples, classes] = logits.dims() else {
            return Err(misfit("logits", logits.dims(), "[N, V]".into()));
        };
        if targets.dims() != [samples] {
            return Err(misfit("targets", targets.dims(), format!("[{samples}]")));
        }
        let smoothing = config.label_smoothing;
        if !(0.0..=1.0).contains(&smoothing) {
            let argument = "label_smoothing";
            return Err(Error::Fraction { operation, argument, found: smoothing });
        }
        let weights = config.class_weights.clone();
        if let Some(weights) = weights.as_ref().filter(|weights| weights.len() != classes) {
            return Err(misfit("class_weights", &[weights.len()], format!("[{classes}]")));
        }
        let targets: Vec<Option<u32>> = read_ids(operation, "targets", targets)?
            .into_iter()
            .map(|target| (Some(target) != config.ignore_index).then_some(target))
            .collect();
        for (sample, target) in targets.iter().enumerate() {
            if let Some(target) = target.filter(|target| *target as usize >= classes) {
                return Err(Error::TargetOutOfRange { target, sample, classes });
            }
        }
        Ok(Self { targets, classes, smoothing, weights, log_sum_exps: Vec::new() })
    }

    /// Ready to run on `logits`, and the sum of the targets' weights.
    pub(crate) fn prepared(
        logits: &Tensor,
        targets: &Tensor,
        config: &CrossEntropyConfig,
    ) -> Result<(Self, f64)> {
        let loss = Self::new(logits, targets, config)?;
        let log_sum_exps = match logits.dtype() {
            DType::F64 => with_elements::<f64, _, 1>([logits], |[x]| loss.log_sum_exps(x))?,
            _ => with_elements::<f32, _, 1>([logits], |[x]| loss.log_sum_exps(x))?,
        };
        let total = loss.total_weight();
        Ok((Self { log_sum_exps, ..loss }, total))
    }

    /// One loss a sample, outside of any graph.
    pub(crate) fn losses(&self, logits: &Tensor) -> Result<Tensor> {
        let samples = self.targets.len();
        Ok(match logits.dtype() {
            DType::F64 => {
                let losses = with_elements::<f64, _, 1>([logits], |[x]| self.forward(x))?;
                Tensor::from_vec(losses, samples, logits.device())?
            }
            _ => {
                let losses = with_elements::<f32, _, 1>([logits], |[x]| self.forward(x))?;
                Tensor::from_vec(losses, samples, logits.device())?
            }
        })
    }

    fn weight(&self, class: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| f64::from(weights[class]))
    }

    pub(crate) fn total_weight(&self) -> f64 {
        self.targets.iter().flatten().map(|target| self.weight(*target as usize)).sum()
    }

    /// The factors of -log p_y and, for each class, of -wᵥ log pᵥ.
    fn factors(&self, target: usize) -> (f64, f64) {
        let own = (1.0 - self.smoothing) * self.weight(target);
        (own, self.smoothing / self.classes as f64)
    }

    /// The class weights; none where all are 1.
    fn class_weights<T: Real>(&self) -> Vec<T> {
        self.weights.iter().flatten().map(|&weight| T::from_f64(f64::from(weight))).collect()
    }

    /// All that is to be known of the logits, in one visit while a row is in the cache.
    fn log_sum_exps<T: Real>(&self, x: &[T]) -> Vec<[f64; 3]> {
        let weights = self.class_weights::<T>();
        collect(
            self.targets.len(),
            self.classes,
            #[inline(always)]
            |row| {
                if self.targets[row].is_none() {
                    return [0.0; 3];
                }
                let x = &x[row * self.classes..][..self.classes];
                let (shift, log) = log_sum_exp(x);
                let all = if self.smoothing == 0.0 {
                    T::zero()
                } else if weights.is_empty() {
                    sum([x], |[x]| log - (x - shift))
                } else {
                    sum([x, &weights], |[x, weight]| weight * (log - (x - shift)))
                };
                [shift, log, all].map(|value| value.to_f64())
            },
        )
    }

    /// Of operations whose gradients are right in candle.
    fn composed(&self, logits: &Tensor) -> candle_core::Result<Tensor> {
        let samples = self.targets.len();
        let device = logits.device();
        let dtype = logits.dtype();
        let column = |f: &dyn Fn(usize) -> f64| -> candle_core::Result<Tensor> {
            let of = |target: &Option<u32>| target.map_or(0.0, |target| f(target as usize));
            let values: Vec<f64> = self.targets.iter().map(of).collect();
            Tensor::from_vec(values, samples, device)?.to_dtype(dtype)
        };
        let index: Vec<u32> = self.targets.iter().map(|target| target.unwrap_or(0)).collect();
        let log = log_composed(logits)?;
        let own = log.gather(&Tensor::from_vec(index, (samples, 1), device)?, 1)?.squeeze(1)?;
        let mut losses = (own * column(&|target| -self.factors(target).0)?)?;
        if self.smoothing > 0.0 {
            let weights: Vec<f64> = (0..self.classes).map(|class| self.weight(class)).collect();
            let weights = Tensor::from_vec(weights, self.classes, device)?.to_dtype(dtype)?;
            let all = log.broadcast_mul(&weights)?.sum(1)?;
            losses = (losses + all * column(&|target| -self.factors(target).1)?)?;
        }
        column(&|_| 1.0)?.ne(0f64)?.where_cond(&losses, &losses.zeros_like()?)
    }
}

impl Kernel for Loss {
    const NAME: &'static str = "cross_entropy";

    fn output(&self, _logits: &[usize]) -> Vec<usize> {
        vec![self.targets.len()]
    }

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        fill_rows(
            self.targets.len(),
            1,
            1,
            #[inline(always)]
            |row, loss| {
                let Some(target) = self.targets[row] else {
                    return;
                };
                let [shift, log, all] = self.log_sum_exps[row].map(T::from_f64);
                let (own, each) = self.factors(target as usize);
                let of_target = log - (x[row * self.classes + target as usize] - shift);
                loss[0] = T::from_f64(own) * of_target + T::from_f64(each) * all;
            },
        )
    }

    fn backward<T: Real>(&self, x: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
        let weights = Weights::of(self);
        fill_rows(
            x.len(),
            self.classes,
            self.classes,
            #[inline(always)]
            |row, out| {
                out.copy_from_slice(&x[row * self.classes..][..self.classes]);
                self.differentiate(row, &weights, gradient[row], out);
            },
        )
    }
}

/// The class weights, none where all are 1, and their sum.
struct Weights<T> {
    of_classes: Vec<T>,
    sum: f64,
}

impl<T: Real> Weights<T> {
    fn of(loss: &Loss) -> Self {
        let sum = (0..loss.classes).map(|class| loss.weight(class)).sum();
        Self { of_classes: loss.class_weights(), sum }
    }
}

impl Loss {
    /// Makes a row's logits their gradients, where the loss has this one.
    #[inline(always)]
    fn differentiate<T: Real>(&self, row: usize, weights: &Weights<T>, gradient: T, x: &mut [T]) {
        let Some(target) = self.targets[row] else {
            return x.fill(T::zero());
        };
        let [shift, log, _] = self.log_sum_exps[row].map(T::from_f64);
        let (own, each) = self.factors(target as usize);
        let scale = gradient * T::from_f64(own + each * weights.sum);
        let each = gradient * T::from_f64(each);
        // Without class weights every class has the same share of the smoothing.
        let shared = if weights.of_classes.is_empty() { each } else { T::zero() };
        for x in x.iter_mut() {
            *x = scale * ((*x - shift) - log).exponential_of_shifted() - shared;
        }
        for (x, &weight) in x.iter_mut().zip(&weights.of_classes) {
            *x -= each * weight;
        }
        x[target as usize] -= gradient * T::from_f64(own);
    }

    fn differentiate_all<T: Real>(&self, logits: &mut [T]) {
        let weights = Weights::of(self);
        let rows = (BLOCK / self.classes).max(1);
        update(
            logits,
            rows * self.classes,
            #[inline(always)]
            |start, logits| {
                for (row, x) in logits.chunks_exact_mut(self.classes).enumerate() {
                    self.differentiate(start / self.classes + row, &weights, T::one(), x);
                }
            },
        );
    }
}

/// Makes the logits that a loss was [prepared](Loss::prepared) with their gradients in the sum of
/// the losses.
impl InplaceOp1 for Loss {
    fn name(&self) -> &'static str {
        <Self as Kernel>::NAME
    }

    fn cpu_fwd(&self, logits: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        match logits {
            CpuStorage::F32(logits) => self.differentiate_all(elements_mut(logits, layout)?),
            CpuStorage::F64(logits) => self.differentiate_all(elements_mut(logits, layout)?),
            _ => bail!("{} computes in F32 and F64", <Self as Kernel>::NAME),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
