//! Connectionist temporal classification (Graves et al. 2006): the loss of a sequence of symbols
//! whose places in time are not known.

mod lattice;
#[cfg(test)]
mod tests;

use crate::blocks::each;
use crate::cross_entropy::{Reduction, total};
use crate::kernel::{Kernel, apply, check_real, contiguous, with_elements};
use crate::real::Real;
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use lattice::Lattice;
use serde::{Deserialize, Serialize};

/// How [`ctc_loss`] works.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CtcConfig {
    /// The class that stands for no symbol.
    pub blank: u32,
    /// What becomes of the samples' losses. The mean is that of each loss divided by its target's
    /// length (an empty one's by 1), as in PyTorch.
    pub reduction: Reduction,
}

/// -ln of the probability of each target: the sum over all its alignments, paths of one class a frame that become the
/// target when immediate repeats are merged and then blanks left out (Graves et al. 2006, equations
/// 3 to 8). In log space and in f64 throughout, so that nothing underflows.
///
/// `logits` may be any numbers; their softmax is the probability of a class at a frame, so that
/// log-probabilities are logits too. What stands beyond a sample's length does not matter and has a
/// gradient of exactly 0. A sample's loss and gradient do not depend on the others. Where every
/// alignment has probability 0 the loss is infinite and the gradient 0.
///
/// # Shapes
/// logits `[B, T, V]` of f32 or f64, B lengths of at most T, B targets of class ids → a scalar, or
/// `[B]` without reduction.
///
/// # Errors
/// A target that does not fit into its frames ([`ctc_frames`]); a symbol that is the blank or no
/// class; shapes and lengths that do not fit each other.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use conv_nn::{CtcConfig, ctc_loss};
/// // Two frames, all four classes alike: of 16 paths (0, 1), (1, 0) and (1, 1) become [1].
/// let logits = Tensor::zeros((1, 2, 4), DType::F64, &Device::Cpu)?;
/// let loss = ctc_loss(&logits, &[2], &[[1u32]], &CtcConfig::default())?;
/// assert!((loss.to_scalar::<f64>()? - (16f64 / 3.0).ln()).abs() < 1e-12);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn ctc_loss(
    logits: &Tensor,
    lengths: &[usize],
    targets: &[impl AsRef<[u32]>],
    config: &CtcConfig,
) -> Result<Tensor> {
    check_real(Ctc::NAME, "logits", logits.dtype())?;
    let of_symbols: Vec<f64> = targets.iter().map(|t| t.as_ref().len().max(1) as f64).collect();
    let on_cpu = contiguous(Ctc::NAME, &logits.to_device(&Device::Cpu)?)?;
    let losses = apply(Ctc::prepared(&on_cpu, lengths, targets, config.blank)?, &on_cpu)?;
    let losses = match config.reduction {
        Reduction::None => losses,
        Reduction::Sum => total(&losses)?,
        Reduction::Mean => {
            let lengths = Tensor::new(of_symbols, &Device::Cpu)?.to_dtype(losses.dtype())?;
            (total(&losses.div(&lengths)?)? / targets.len().max(1) as f64)?
        }
    };
    Ok(losses.to_device(logits.device())?)
}

/// The frames that `target` needs at least: one a symbol, and one more for each symbol that repeats
/// the one before, since only a blank keeps two of them apart.
///
/// ```
/// assert_eq!(conv_nn::ctc_frames(&[3, 3, 5, 3]), 5);
/// ```
pub fn ctc_frames(target: &[u32]) -> usize {
    target.len() + repeats(target)
}

fn repeats(target: &[u32]) -> usize {
    target.windows(2).filter(|pair| pair[0] == pair[1]).count()
}

/// The losses of a batch.
struct Ctc {
    lattices: Vec<Lattice>,
    frames: usize,
    classes: usize,
}

impl Ctc {
    fn prepared(
        logits: &Tensor,
        lengths: &[usize],
        targets: &[impl AsRef<[u32]>],
        blank: u32,
    ) -> Result<Self> {
        let misfit = |expected| {
            let (operation, argument) = (Self::NAME, "logits");
            Err(Error::Shape { operation, argument, found: logits.dims().to_vec(), expected })
        };
        let &[batch, frames, classes] = logits.dims() else {
            return misfit("[B, T, V]".into());
        };
        let longest = lengths.iter().copied().max().unwrap_or(0);
        if [lengths.len(), targets.len()] != [batch; 2] || longest > frames {
            let lengths = lengths.len();
            let targets = targets.len();
            return misfit(format!(
                "[B, T, V] with B of {lengths} lengths and {targets} targets, and T of at least {longest}"
            ));
        }
        if blank as usize >= classes {
            return misfit(format!("[B, T, V] with V above the blank's number {blank}"));
        }
        let mut lattices = Vec::new();
        for (sample, (target, &length)) in targets.iter().zip(lengths).enumerate() {
            let target = target.as_ref();
            check(sample, target, length, (blank, classes))?;
            lattices.push(Lattice::new(target, blank, length));
        }
        let mut loss = Self { lattices, frames, classes };
        let is_tracked = logits.track_op();
        match logits.dtype() {
            DType::F64 => {
                with_elements::<f64, _, 1>([logits], |[x]| loss.run_forward(x, is_tracked))?
            }
            _ => with_elements::<f32, _, 1>([logits], |[x]| loss.run_forward(x, is_tracked))?,
        }
        Ok(loss)
    }

    fn run_forward<T: Real>(&mut self, x: &[T], is_tracked: bool) {
        let of_sample = self.frames * self.classes;
        let classes = self.classes;
        let tasks: Vec<_> = self.lattices.iter_mut().zip(x.chunks(of_sample.max(1))).collect();
        each(tasks, |(lattice, x)| lattice.run_forward(x, classes, is_tracked));
    }
}

fn check(
    sample: usize,
    target: &[u32],
    frames: usize,
    (blank, classes): (u32, usize),
) -> Result<()> {
    let is_symbol = |id: u32| id != blank && (id as usize) < classes;
    if let Some(position) = target.iter().position(|&id| !is_symbol(id)) {
        let operation = Ctc::NAME;
        let symbol = target[position];
        return Err(Error::Symbol { operation, sample, position, symbol, classes });
    }
    if ctc_frames(target) > frames {
        let symbols = target.len();
        let repeats = repeats(target);
        return Err(Error::CtcFrames { sample, symbols, repeats, frames });
    }
    Ok(())
}

impl Kernel for Ctc {
    const NAME: &'static str = "ctc_loss";

    fn output(&self, x: &[usize]) -> Vec<usize> {
        vec![x[0]]
    }

    fn forward<T: Real>(&self, _x: &[T]) -> Vec<T> {
        self.lattices.iter().map(|lattice| T::from_f64(lattice.loss)).collect()
    }

    fn backward<T: Real>(&self, x: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
        let of_sample = (self.frames * self.classes).max(1);
        let mut out = vec![T::zero(); x.len()];
        let samples = x.chunks(of_sample).zip(out.chunks_mut(of_sample));
        let tasks: Vec<_> = self.lattices.iter().zip(gradient).zip(samples).collect();
        each(tasks, |((lattice, &gradient), (x, out))| {
            lattice.gradient(x, self.classes, gradient, out);
        });
        out
    }
}
