//! Losses of a linear layer's outputs without the outputs: a large vocabulary's logits are made,
//! used and dropped block by block.

use crate::blocks::{self, update};
use crate::cross_entropy::Loss;
use crate::kernel::{
    Argument, LayerKernel, apply_layer, check_real, contiguous, elements, elements_mut,
};
use crate::linear::product_gradients;
use crate::real::Real;
use crate::{CrossEntropyConfig, Error, Linear, Reduction, Result, cross_entropy, r_drop};
use candle_core::{CpuStorage, DType, InplaceOp2, Layout, Module, Shape, Tensor, bail};

/// Logits of a block, which become their gradient: 32 MiB of f32; with R-Drop as much again.
const BLOCK: usize = 1 << 23;

/// [`cross_entropy`] of `layer`'s outputs.
///
/// With targets among V classes, the logits of N samples and their gradient are the largest tensors
/// of a language's network by far. Here they exist for some rows at a time: since the loss is one
/// number, its gradients with respect to `x`, weight and bias are known up to a factor as soon as a
/// block's logits are, and are kept instead.
///
/// # Shapes
/// x `[N, in]` of f32 or f64, targets `[N]` of u32 → a scalar, or `[N]` without reduction (by
/// [`cross_entropy`] itself).
///
/// # Errors
/// As the layer and [`cross_entropy`].
///
/// ```
/// use candle_core::{DType, Device, Module, Tensor};
/// use conv_nn::{CrossEntropyConfig, Linear, cross_entropy, linear_cross_entropy};
/// let layer = Linear::new(Tensor::ones((7, 4), DType::F32, &Device::Cpu)?, None);
/// let (x, targets) = (Tensor::ones((3, 4), DType::F32, &Device::Cpu)?, Tensor::new(&[0u32, 6, 1], &Device::Cpu)?);
/// let loss = linear_cross_entropy(&layer, &x, &targets, &CrossEntropyConfig::default())?;
/// let same = cross_entropy(&layer.forward(&x)?, &targets, &CrossEntropyConfig::default())?;
/// assert!((loss - same)?.abs()?.to_scalar::<f32>()? < 1e-6);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn linear_cross_entropy(
    layer: &Linear,
    x: &Tensor,
    targets: &Tensor,
    config: &CrossEntropyConfig,
) -> Result<Tensor> {
    if !x.device().is_cpu() || config.reduction == Reduction::None || x.rank() != 2 {
        return cross_entropy(&layer.forward(x)?, targets, config);
    }
    by_blocks(layer, x, targets, config, 0.0)
}

/// The loss of samples that the network has seen twice, each time with a dropout of its own: R-Drop
/// (Liang et al. 2021, section 2.1).
///
/// The sum over both passes of the [`cross_entropy`], plus α · ½ (KL(p‖q) + KL(q‖p)) for each
/// sample, where p and q are what the passes say; divided by the number of rows, so that it is half
/// of the paper's loss.
///
/// # Shapes
/// x `[2N, in]` of f32 or f64, of which rows 2i and 2i + 1 are the two passes over a sample,
/// targets `[2N]` of u32 in the same order → a scalar.
///
/// # Errors
/// As [`linear_cross_entropy`]; an odd number of rows; an `alpha` that is negative or not finite.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use conv_nn::{RDropConfig, Linear, linear_r_drop_loss};
/// let layer = Linear::new(Tensor::eye(2, DType::F32, &Device::Cpu)?, None);
/// let targets = Tensor::new(&[1u32, 1], &Device::Cpu)?;
/// let of = |x: &Tensor, alpha| {
///     let config = RDropConfig { label_smoothing: 0.1, alpha };
///     linear_r_drop_loss(&layer, x, &targets, &config)?.to_scalar::<f32>()
/// };
/// let (alike, apart) = (Tensor::new(&[[0f32, 1.], [0., 1.]], &Device::Cpu)?, Tensor::new(&[[0f32, 1.], [1., 0.]], &Device::Cpu)?);
/// assert_eq!(of(&alike, 5.0)?, of(&alike, 0.0)?);
/// assert!(of(&apart, 5.0)? > of(&apart, 0.0)?);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn linear_r_drop_loss(
    layer: &Linear,
    x: &Tensor,
    targets: &Tensor,
    config: &RDropConfig,
) -> Result<Tensor> {
    let operation = "linear_r_drop_loss";
    let RDropConfig { label_smoothing, alpha } = *config;
    let misfit = |argument, found, expected: &str| Error::Shape {
        operation,
        argument,
        found,
        expected: expected.into(),
    };
    check_real(operation, "x", x.dtype())?;
    if x.rank() != 2 || !x.dim(0)?.is_multiple_of(2) {
        return Err(misfit("x", x.dims().to_vec(), "[2N, in]"));
    }
    if !(0.0..f64::INFINITY).contains(&alpha) {
        return Err(Error::RDropAlpha { found: alpha });
    }
    let entropy = CrossEntropyConfig { label_smoothing, ..Default::default() };
    if x.device().is_cpu() {
        by_blocks(layer, x, targets, &entropy, alpha)
    } else {
        composed(layer, x, targets, &entropy, alpha)
    }
}

/// How [`linear_r_drop_loss`] works. The default is the plain mean of both passes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RDropConfig {
    /// As [`CrossEntropyConfig`] has it.
    pub label_smoothing: f64,
    /// The weight of what the passes differ by: 5 in the paper's translation.
    pub alpha: f64,
}

/// The loss with all logits at once, whose gradients are right on every device.
fn composed(
    layer: &Linear,
    x: &Tensor,
    targets: &Tensor,
    config: &CrossEntropyConfig,
    alpha: f64,
) -> Result<Tensor> {
    let logits = layer.forward(x)?;
    let loss = cross_entropy(&logits, targets, config)?;
    if alpha == 0.0 {
        return Ok(loss);
    }
    let share = alpha / x.dim(0)? as f64;
    Ok((loss + (r_drop::composed(&logits)? * share)?)?)
}

/// Both losses on the CPU; without `alpha` samples need not come twice.
fn by_blocks(
    layer: &Linear,
    x: &Tensor,
    targets: &Tensor,
    config: &CrossEntropyConfig,
    alpha: f64,
) -> Result<Tensor> {
    check_real(OutputLoss::NAME, "its input", x.dtype())?;
    let [classes, _] = layer.check(x)?;
    let bias = match layer.bias() {
        Some(bias) => bias.contiguous()?,
        None => Tensor::zeros(classes, x.dtype(), x.device())?,
    };
    let arguments = [&contiguous(OutputLoss::NAME, x)?, &layer.weight().contiguous()?, &bias];
    let rows = (BLOCK / classes.max(1)).max(1);
    let loss = OutputLoss::new(arguments, targets, config, alpha, rows)?;
    Ok(apply_layer(loss, arguments)?)
}

/// The loss, and its gradients with respect to x, weight and bias where they are tracked.
struct OutputLoss {
    loss: f64,
    gradients: [Option<Tensor>; 3],
}

impl OutputLoss {
    /// By blocks of `rows`, or one more where samples come in pairs.
    fn new(
        arguments: [&Tensor; 3],
        targets: &Tensor,
        config: &CrossEntropyConfig,
        alpha: f64,
        rows: usize,
    ) -> Result<Self> {
        let rows = if alpha > 0.0 { rows.next_multiple_of(2) } else { rows };
        let tracked = arguments.map(Tensor::track_op);
        let [x, weight, bias] = arguments.map(Tensor::detach);
        let layer = Linear::new(weight.clone(), Some(bias));
        let samples = x.dim(0)?;
        let (mut loss, mut total) = (0.0, 0.0);
        let mut of_x = Vec::new();
        let mut of_layer: [Option<Tensor>; 2] = [None, None];
        // Once for a batch of none, whose misfits have names too.
        for first in (0..samples.max(1)).step_by(rows) {
            let count = rows.min(samples - first);
            let x = x.narrow(0, first, count)?;
            let logits = layer.forward(&x)?;
            let targets =
                if count == samples { targets.clone() } else { targets.narrow(0, first, count)? };
            let (entropy, weight_of_block) = Loss::prepared(&logits, &targets, config)?;
            total += weight_of_block;
            loss += number(&entropy.losses(&logits)?.to_dtype(DType::F64)?.sum_all()?)?;
            let divergence =
                if alpha > 0.0 { Some(r_drop::with_gradient(&logits, alpha)?) } else { None };
            loss += divergence.as_ref().map_or(0.0, |(value, _)| *value);
            if tracked == [false; 3] {
                continue;
            }
            logits.inplace_op1(&entropy)?;
            let gradient = logits;
            if let Some((_, of_logits)) = divergence {
                gradient.inplace_op2(&of_logits, &Add)?;
            }
            let [x_gradient, of_weight, of_bias] =
                product_gradients([&x, &weight], &gradient, tracked)?;
            of_x.extend(x_gradient);
            for (sum, more) in of_layer.iter_mut().zip([of_weight, of_bias]) {
                match (&sum, more) {
                    (Some(sum), Some(more)) => sum.inplace_op2(&more, &Add)?,
                    (_, more) => *sum = more,
                }
            }
        }
        let factor = config.reduction.share(total);
        // Where nothing counts the mean is NaN, but the gradient 0.
        let is_nothing = config.reduction == Reduction::Mean && total == 0.0;
        let share = if is_nothing { f64::NAN } else { factor };
        let of_x = if of_x.is_empty() { None } else { Some(Tensor::cat(&of_x, 0)?) };
        let [of_weight, of_bias] = of_layer;
        let gradients = times([&of_x, &of_weight, &of_bias], factor)?;
        Ok(Self { loss: loss * share, gradients })
    }
}

impl LayerKernel for OutputLoss {
    const NAME: &'static str = "linear_cross_entropy";

    fn forward<T: Real>(&self, _: [Argument; 3]) -> candle_core::Result<(Vec<T>, Shape)> {
        Ok((vec![T::from_f64(self.loss)], ().into()))
    }

    fn backward<T: Real>(
        &self,
        _: [&Tensor; 3],
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; 3]> {
        times(self.gradients.each_ref(), number(gradient)?)
    }
}

/// Adds to a tensor where it lies: the gradient of a large vocabulary's weight would else be made
/// anew for each block.
struct Add;

impl InplaceOp2 for Add {
    fn name(&self) -> &'static str {
        OutputLoss::NAME
    }

    fn cpu_fwd(
        &self,
        sum: &mut CpuStorage,
        sum_layout: &Layout,
        more: &CpuStorage,
        more_layout: &Layout,
    ) -> candle_core::Result<()> {
        fn add<T: Real>(sum: &mut [T], more: &[T]) {
            assert_eq!(sum.len(), more.len(), "what is added has the sum's shape");
            update(
                sum,
                blocks::BLOCK,
                #[inline(always)]
                |start, sum| {
                    sum.iter_mut().zip(&more[start..]).for_each(
                        #[inline(always)]
                        |(sum, more)| *sum += *more,
                    );
                },
            );
        }
        match (sum, more) {
            (CpuStorage::F32(sum), CpuStorage::F32(more)) => {
                add(elements_mut(sum, sum_layout)?, elements(more, more_layout)?)
            }
            (CpuStorage::F64(sum), CpuStorage::F64(more)) => {
                add(elements_mut(sum, sum_layout)?, elements(more, more_layout)?)
            }
            _ => bail!("{} computes in F32 and F64", OutputLoss::NAME),
        }
        Ok(())
    }
}

fn times(
    [x, weight, bias]: [&Option<Tensor>; 3],
    factor: f64,
) -> candle_core::Result<[Option<Tensor>; 3]> {
    let times = |gradient: &Option<Tensor>| -> candle_core::Result<_> {
        match gradient {
            Some(gradient) if factor != 1.0 => Ok(Some((gradient * factor)?)),
            gradient => Ok(gradient.clone()),
        }
    };
    Ok([times(x)?, times(weight)?, times(bias)?])
}

fn number(scalar: &Tensor) -> candle_core::Result<f64> {
    scalar.to_dtype(DType::F64)?.to_scalar()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};
    use gradcheck::values;
    use proptest::prelude::*;

    const IGNORED: u32 = 99;

    fn of_blocks(
        [x, weight, bias]: [&Tensor; 3],
        targets: &Tensor,
        config: &CrossEntropyConfig,
        alpha: f64,
        rows: usize,
    ) -> candle_core::Result<Tensor> {
        let arguments = [x, weight, bias];
        apply_layer(OutputLoss::new(arguments, targets, config, alpha, rows)?, arguments)
    }

    proptest! {
        #[test]
        fn the_gradients_are_right_for_blocks_of_any_size(
            list in prop::collection::vec(prop_oneof![4 => 0u32..5, 1 => Just(IGNORED)], 1..9),
            rows in 1usize..10,
            smoothing in prop_oneof![Just(0.0), 0.0..=1.0],
            weights in prop::option::of(prop::collection::vec(0.1f32..3.0, 5)),
            reduction in prop_oneof![Just(Reduction::Mean), Just(Reduction::Sum)],
            seed: u64,
        ) {
            // One that counts at least: the mean over none is NaN.
            let list = [&list[..], &[2]].concat();
            let config = CrossEntropyConfig {
                label_smoothing: smoothing,
                class_weights: weights,
                ignore_index: Some(IGNORED),
                reduction,
            };
            let inputs = [values((list.len(), 3), seed), values((5, 3), seed ^ 1), values(5, seed ^ 2)];
            let targets = Tensor::from_slice(&list, list.len(), &Device::Cpu)?;
            gradcheck::check("linear_cross_entropy", &inputs, |t| {
                of_blocks([&t[0], &t[1], &t[2]], &targets, &config, 0.0, rows)
            });
            let [x, weight, bias] = &inputs;
            let found = of_blocks([x, weight, bias], &targets, &config, 0.0, rows)?.to_scalar::<f64>()?;
            let layer = Linear::new(weight.clone(), Some(bias.clone()));
            let expected = cross_entropy(&layer.forward(x)?, &targets, &config)?.to_scalar::<f64>()?;
            prop_assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{} {}", found, expected);
        }
    }

    proptest! {
        #[test]
        fn with_r_drop_too(
            list in prop::collection::vec(0u32..5, 1..5),
            rows in 1usize..10,
            smoothing in 0.0..1.0,
            seed: u64,
        ) {
            let count = 2 * list.len();
            let inputs = [values((count, 3), seed), values((5, 3), seed ^ 1), values(5, seed ^ 2)];
            let list: Vec<u32> = list.iter().flat_map(|target| [*target; 2]).collect();
            let targets = Tensor::from_vec(list, count, &Device::Cpu)?;
            let config = CrossEntropyConfig { label_smoothing: smoothing, ..Default::default() };
            gradcheck::check("linear_r_drop_loss", &inputs, |t| {
                of_blocks([&t[0], &t[1], &t[2]], &targets, &config, 1.5, rows)
            });
            let [x, weight, bias] = &inputs;
            let found = of_blocks([x, weight, bias], &targets, &config, 1.5, rows)?;
            let layer = Linear::new(weight.clone(), Some(bias.clone()));
            let expected = composed(&layer, x, &targets, &config, 1.5)?;
            let error = (found - &expected)?.abs()?.to_scalar::<f64>()?;
            prop_assert!(error < 1e-12, "{} from {}", error, expected);
        }
    }

    #[test]
    fn what_is_not_tracked_has_no_gradient() -> candle_core::Result<()> {
        let plain = [values((4, 3), 1), values((5, 3), 2), values(5, 3)];
        let targets = Tensor::new(&[0u32, 4, 2, 2], &Device::Cpu)?;
        for tracked in 0..3 {
            let vars: Vec<Var> =
                plain.iter().map(Var::from_tensor).collect::<candle_core::Result<_>>()?;
            let mut inputs = plain.clone();
            inputs[tracked] = vars[tracked].as_tensor().clone();
            let [x, weight, bias] = inputs.each_ref();
            let layer = Linear::new(weight.clone(), Some(bias.clone()));
            let of = |loss: Tensor| {
                loss.backward()?
                    .get(&vars[tracked])
                    .map(|g| g.flatten_all()?.to_vec1::<f64>())
                    .transpose()
            };
            let found = of(linear_cross_entropy(&layer, x, &targets, &Default::default())?)?;
            let expected = of(cross_entropy(&layer.forward(x)?, &targets, &Default::default())?)?;
            let pairs = found.iter().flatten().zip(expected.iter().flatten());
            assert!(
                found.is_some() && pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-12),
                "{tracked}"
            );
        }
        Ok(())
    }

    #[test]
    fn nothing_that_counts_is_no_mean_and_no_gradient() -> candle_core::Result<()> {
        let x = Var::from_tensor(&values((2, 3), 1))?;
        let config = CrossEntropyConfig { ignore_index: Some(1), ..Default::default() };
        let targets = Tensor::new(&[1u32, 1], &Device::Cpu)?;
        let layer = Linear::new(values((4, 3), 2), None);
        let loss = linear_cross_entropy(&layer, &x, &targets, &config)?;
        assert!(loss.to_scalar::<f64>()?.is_nan());
        let gradient = loss.backward()?.get(&x).map(|g| g.to_vec2::<f64>()).transpose()?;
        assert_eq!(gradient, Some(vec![vec![0.0; 3]; 2]));
        Ok(())
    }

    #[test]
    fn misfits_are_named() -> candle_core::Result<()> {
        let layer = Linear::new(values((4, 3), 1), None);
        let message = |x: Tensor, targets: &[u32]| -> candle_core::Result<String> {
            let targets = Tensor::from_slice(targets, targets.len(), &Device::Cpu)?;
            let error = linear_cross_entropy(&layer, &x, &targets, &Default::default()).err();
            Ok(error.map(|error| error.to_string()).unwrap_or_default())
        };
        for (x, targets, expected) in [
            (values((2, 5), 1), &[1, 2][..], "linear: its input has shape [2, 5]"),
            (values((2, 3), 1), &[1, 4], "target 4 of sample 1 is none of the 4 classes"),
            (values((2, 3), 1), &[1], "targets has shape [1], expected [2]"),
            (values((0, 3), 1), &[1], "targets has shape [1], expected [0]"),
        ] {
            let found = message(x, targets)?;
            assert!(found.contains(expected), "{found}");
        }
        let of_passes = |x: Tensor, alpha| -> candle_core::Result<String> {
            let targets = Tensor::zeros(x.dim(0)?, DType::U32, &Device::Cpu)?;
            let config = RDropConfig { alpha, ..Default::default() };
            let error = linear_r_drop_loss(&layer, &x, &targets, &config).err();
            Ok(error.map(|error| error.to_string()).unwrap_or_default())
        };
        let odd = of_passes(values((3, 3), 1), 1.0)?;
        assert!(odd.contains("x has shape [3, 3], expected [2N, in]"), "{odd}");
        for alpha in [-1.0, f64::NAN, f64::INFINITY] {
            let found = of_passes(values((2, 3), 1), alpha)?;
            assert!(found.contains("alpha is") && found.contains("at least 0"), "{found}");
        }
        Ok(())
    }
}
