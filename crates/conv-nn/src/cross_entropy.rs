//! Cross-entropy of class ids under logits: log-softmax and negative log-likelihood in one
//! operation.

use crate::blocks::{BLOCK, collect, fill_rows, update};
use crate::kernel::{Kernel, apply, check_real, elements_mut, read_ids, with_elements};
use crate::real::{Real, sum};
use crate::softmax::{log_composed, normaliser};
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
/// logits `[N, V]` of f32 or f64, targets `[N]` of u32 → a scalar, or `[N]` without reduction. Also logits
/// `[B, V, …]` with targets `[B, …]`, such as pixels or positions: each place of each sample counts as one.
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
    let rows = logits.flatten_from(2)?.transpose(1, 2)?.contiguous()?.flatten_to(1)?;
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
            // Not by dividing, where a gradient of 0 would become NaN; and by a tensor, since candle stops at the number 0.
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

/// The sum of the losses. On the CPU in f64: in f32 candle adds a million of them one by one, and loses
/// digits.
pub(crate) fn total(losses: &Tensor) -> candle_core::Result<Tensor> {
    match losses.device().is_cpu() {
        true => losses.to_dtype(DType::F64)?.sum_all()?.to_dtype(losses.dtype()),
        false => losses.sum_all(),
    }
}

pub(crate) struct Loss {
    /// `None` is ignored.
    targets: Vec<Option<u32>>,
    classes: usize,
    smoothing: f64,
    weights: Option<Vec<f32>>,
    /// Of each row the maximum, ln Σ exp(x - maximum), so that the backward pass need not find them again, and -Σᵥ wᵥ log pᵥ where
    /// there is smoothing.
    normalisers: Vec<[f64; 3]>,
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
        Ok(Self { targets, classes, smoothing, weights, normalisers: Vec::new() })
    }

    /// Ready to run on `logits`, and the sum of the targets' weights.
    pub(crate) fn prepared(
        logits: &Tensor,
        targets: &Tensor,
        config: &CrossEntropyConfig,
    ) -> Result<(Self, f64)> {
        let loss = Self::new(logits, targets, config)?;
        let normalisers = match logits.dtype() {
            DType::F64 => with_elements::<f64, _, 1>([logits], |[x]| loss.normalisers(x))?,
            _ => with_elements::<f32, _, 1>([logits], |[x]| loss.normalisers(x))?,
        };
        let total = loss.total_weight();
        Ok((Self { normalisers, ..loss }, total))
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
    fn normalisers<T: Real>(&self, x: &[T]) -> Vec<[f64; 3]> {
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
                let (shift, log) = normaliser(x);
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
        let (samples, device, dtype) = (self.targets.len(), logits.device(), logits.dtype());
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
                let [shift, log, all] = self.normalisers[row].map(T::from_f64);
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
        let [shift, log, _] = self.normalisers[row].map(T::from_f64);
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

/// Makes the logits that a loss was [prepared](Loss::prepared) with their gradients in the sum of the losses.
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
mod tests {
    use super::*;
    use candle_core::{Device, Module, Var};
    use gradcheck::values;
    use proptest::prelude::*;

    const IGNORED: u32 = 99;

    fn targets(list: &[u32]) -> candle_core::Result<Tensor> {
        Tensor::from_slice(list, list.len(), &Device::Cpu)
    }

    #[test]
    fn each_place_counts_as_a_sample() -> candle_core::Result<()> {
        let logits = values((2, 4, 3, 2), 1);
        let list = [0, 3, IGNORED, 1, 2, 2, 1, 0, 3, 3, 0, 1];
        let ids = Tensor::from_slice(&list, (2, 3, 2), &Device::Cpu)?;
        let config = CrossEntropyConfig {
            ignore_index: Some(IGNORED),
            reduction: Reduction::None,
            ..CrossEntropyConfig::default()
        };
        let found = cross_entropy(&logits, &ids, &config)?.to_vec3::<f64>()?;
        for (place, id) in list.into_iter().enumerate() {
            let (b, y, x) = (place / 6, place / 2 % 3, place % 2);
            let row = logits.narrow(0, b, 1)?.narrow(2, y, 1)?.narrow(3, x, 1)?;
            let alone = cross_entropy(&row.reshape((1, 4))?, &targets(&[id])?, &config)?;
            assert_eq!(alone.to_vec1::<f64>()?, [found[b][y][x]], "place {place}");
        }
        let mean = CrossEntropyConfig { reduction: Reduction::Mean, ..config };
        gradcheck::check("cross_entropy of places", std::slice::from_ref(&logits), |t| {
            Ok(cross_entropy(&t[0], &ids, &mean)?)
        });
        let text = cross_entropy(&logits, &ids.t()?, &mean).err().map(|e| e.to_string());
        assert!(
            text.unwrap_or_default().contains("targets has shape [2, 2, 3], expected [2, 3, 2]")
        );
        Ok(())
    }

    fn config() -> impl Strategy<Value = CrossEntropyConfig> {
        let smoothing = prop_oneof![Just(0.0), 0.0..=1.0];
        let weights = prop::option::of(prop::collection::vec(0.1f32..3.0, 4));
        let reduction =
            prop_oneof![Just(Reduction::Mean), Just(Reduction::Sum), Just(Reduction::None)];
        (smoothing, weights, reduction).prop_map(|(label_smoothing, class_weights, reduction)| {
            let ignore_index = Some(IGNORED);
            CrossEntropyConfig { label_smoothing, class_weights, ignore_index, reduction }
        })
    }

    fn some_targets() -> impl Strategy<Value = Vec<u32>> {
        // One that counts at least: the mean over none is NaN.
        prop::collection::vec(prop_oneof![4 => 0u32..4, 1 => Just(IGNORED)], 0..6).prop_map(
            |mut list| {
                list.push(2);
                list
            },
        )
    }

    /// A million like numbers, added one by one in f32, are rounded alike too.
    #[test]
    fn the_mean_of_many_losses_is_right() -> candle_core::Result<()> {
        let samples = 3_000_000;
        let logits = Tensor::zeros((samples, 2), DType::F32, &Device::Cpu)?;
        let list = Tensor::zeros(samples, DType::U32, &Device::Cpu)?;
        let layer = crate::Linear::new(Tensor::eye(2, DType::F32, &Device::Cpu)?, None);
        let config = CrossEntropyConfig::default();
        for loss in [
            cross_entropy(&logits, &list, &config)?,
            crate::linear_cross_entropy(&layer, &logits, &list, &config)?,
        ] {
            let loss = loss.to_scalar::<f32>()?;
            assert!((loss - std::f32::consts::LN_2).abs() < 1e-6, "{loss}");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn the_gradient_is_right(list in some_targets(), config in config(), seed: u64) {
            let logits = (values((4, list.len()), seed) * 3.0)?;
            let list = targets(&list)?;
            gradcheck::check("cross_entropy", &[logits], |t| {
                Ok(cross_entropy(&t[0].t()?, &list, &config)?)
            });
        }

        #[test]
        fn the_composition_agrees(list in some_targets(), config in config(), seed: u64) {
            let logits = [values((list.len(), 4), seed)];
            let list = targets(&list)?;
            let config = CrossEntropyConfig { reduction: Reduction::None, ..config };
            gradcheck::check_same(
                "cross_entropy",
                &logits,
                |t| Ok(cross_entropy(&t[0], &list, &config)?),
                |t| Loss::new(&t[0], &list, &config)?.composed(&t[0]),
            );
        }
    }

    /// Of ignored samples, and of classes that weigh nothing, alone or with smoothing.
    #[test]
    fn a_batch_that_counts_for_nothing_has_no_mean_and_no_gradient() -> candle_core::Result<()> {
        let weigh = |weights: [f32; 4], label_smoothing| CrossEntropyConfig {
            class_weights: Some(weights.to_vec()),
            label_smoothing,
            ..Default::default()
        };
        let ignored = CrossEntropyConfig { ignore_index: Some(1), ..Default::default() };
        for config in [ignored, weigh([0.0; 4], 0.1), weigh([1.0, 0.0, 1.0, 1.0], 0.1)] {
            let (x, targets) = (Var::from_tensor(&values((2, 3), 1))?, targets(&[1, 1])?);
            let layer = crate::Linear::new(values((4, 3), 2), None);
            let whole = cross_entropy(&layer.forward(&x)?, &targets, &config)?;
            let blocks = crate::linear_cross_entropy(&layer, &x, &targets, &config)?;
            for loss in [whole, blocks] {
                assert!(loss.to_scalar::<f64>()?.is_nan(), "{loss} {config:?}");
                let gradient = loss.backward()?.get(&x).map(|g| g.to_vec2::<f64>()).transpose()?;
                assert_eq!(gradient, Some(vec![vec![0.0; 3]; 2]), "{config:?}");
            }
            let logits = layer.forward(&x)?;
            let (_, gradient) = crate::gradients::cross_entropy(&logits, &targets, &config)?;
            assert_eq!(gradient.to_vec2::<f64>()?, [[0.0; 4]; 2]);
        }
        Ok(())
    }

    #[test]
    fn large_logits_lose_nothing() -> candle_core::Result<()> {
        let logits = Tensor::new(&[[10_000f32, 10_001.0, -1e30]], &Device::Cpu)?;
        let loss = cross_entropy(&logits, &targets(&[1])?, &Default::default())?;
        let expected = (1.0 + (-1f32).exp()).ln();
        assert!((loss.to_scalar::<f32>()? - expected).abs() < 1e-6);
        Ok(())
    }

    #[test]
    fn misfits_are_named() -> candle_core::Result<()> {
        let logits = values((2, 4), 1);
        let message = |list: &[u32], config: CrossEntropyConfig| -> candle_core::Result<String> {
            let error = cross_entropy(&logits, &targets(list)?, &config).err();
            Ok(error.map(|e| e.to_string()).unwrap_or_default())
        };
        let plain = CrossEntropyConfig::default();
        let smooth = CrossEntropyConfig { label_smoothing: 1.5, ..plain.clone() };
        let short = CrossEntropyConfig { class_weights: Some(vec![1.0; 3]), ..plain.clone() };
        for (list, config, expected) in [
            (
                [3, 4].as_slice(),
                &plain,
                "cross_entropy: target 4 of sample 1 is none of the 4 classes",
            ),
            (&[3], &plain, "cross_entropy: targets has shape [1], expected [2]"),
            (&[3, 3], &smooth, "cross_entropy: label_smoothing is 1.5, expected 0 to 1"),
            (&[3, 3], &short, "cross_entropy: class_weights has shape [3], expected [4]"),
        ] {
            assert_eq!(message(list, config.clone())?, expected);
        }
        Ok(())
    }
}
