//! The recurrent neural network transducer (Graves 2012): the loss of a sequence of symbols whose
//! places in time are not known, each predicted from what is heard and from the symbols before it.

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

/// How [`rnnt_loss`] works.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RnntConfig {
    /// The class that stands for no symbol: it takes an alignment to the next frame.
    pub blank: u32,
    /// What becomes of the samples' losses.
    pub reduction: Reduction,
}

/// -ln of the probability of each target: the sum over all its alignments, which go from the first frame to the last by a blank each and
/// write a symbol at any frame as often as they like (Graves 2012, "Sequence Transduction with
/// Recurrent Neural Networks", equations 16 to 21). In log space and in f64 throughout, so that
/// nothing underflows.
///
/// `logits[b, t, u]` are any numbers; their softmax is the probability of each class at frame t
/// behind u symbols. What stands beyond a sample's frames, or behind all its symbols and their last
/// place, does not matter and has a gradient of exactly 0. A sample's loss and gradient do not
/// depend on the others. Where every alignment has probability 0 the loss is infinite and the
/// gradient 0.
///
/// # Shapes
/// logits `[B, T, U + 1, V]` of f32 or f64, B lengths of 1 to T, B targets of at most U class ids →
/// a scalar, or `[B]` without reduction.
///
/// # Errors
/// A symbol that is the blank or no class; shapes and lengths that do not fit each other.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use conv_nn::{RnntConfig, rnnt_loss};
/// // Two frames and one symbol, all four classes alike: it stands at either frame, and 3 choices of 4 make each alignment.
/// let logits = Tensor::zeros((1, 2, 2, 4), DType::F64, &Device::Cpu)?;
/// let loss = rnnt_loss(&logits, &[2], &[[1u32]], &RnntConfig::default())?;
/// assert!((loss.to_scalar::<f64>()? - (64f64 / 2.0).ln()).abs() < 1e-12);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn rnnt_loss(
    logits: &Tensor,
    lengths: &[usize],
    targets: &[impl AsRef<[u32]>],
    config: &RnntConfig,
) -> Result<Tensor> {
    check_real(Rnnt::NAME, "logits", logits.dtype())?;
    let on_cpu = contiguous(Rnnt::NAME, &logits.to_device(&Device::Cpu)?)?;
    let losses = apply(Rnnt::prepared(&on_cpu, lengths, targets, config.blank)?, &on_cpu)?;
    let losses = match config.reduction {
        Reduction::None => losses,
        Reduction::Sum => total(&losses)?,
        Reduction::Mean => (total(&losses)? / targets.len().max(1) as f64)?,
    };
    Ok(losses.to_device(logits.device())?)
}

/// The losses of a batch.
struct Rnnt {
    lattices: Vec<Lattice>,
    /// Numbers of a sample.
    of_sample: usize,
}

impl Rnnt {
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
        let &[batch, frames, places, classes] = logits.dims() else {
            return misfit("[B, T, U + 1, V]".into());
        };
        let longest = targets.iter().map(|target| target.as_ref().len()).max().unwrap_or(0);
        if [lengths.len(), targets.len()] != [batch; 2] || longest + 1 > places {
            let lengths = lengths.len();
            let targets = targets.len();
            return misfit(format!(
                "[B, T, U + 1, V] with B of {lengths} lengths and {targets} targets, and U of at least {longest}"
            ));
        }
        if let Some(length) = lengths.iter().find(|&&length| length == 0 || length > frames) {
            return misfit(format!(
                "[B, T, U + 1, V] with lengths of 1 to T, of which {length} is none"
            ));
        }
        if blank as usize >= classes {
            return misfit(format!("[B, T, U + 1, V] with V above the blank's number {blank}"));
        }
        let mut lattices = Vec::new();
        for (sample, (target, &length)) in targets.iter().zip(lengths).enumerate() {
            let target = target.as_ref();
            let is_symbol = |id: u32| id != blank && (id as usize) < classes;
            if let Some(position) = target.iter().position(|&id| !is_symbol(id)) {
                let operation = Self::NAME;
                let symbol = target[position];
                return Err(Error::Symbol { operation, sample, position, symbol, classes });
            }
            lattices.push(Lattice::new(target, blank, [length, places, classes]));
        }
        let mut loss = Self { lattices, of_sample: (frames * places * classes).max(1) };
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
        let tasks: Vec<_> = self.lattices.iter_mut().zip(x.chunks(self.of_sample)).collect();
        each(tasks, |(lattice, x)| lattice.run_forward(x, is_tracked));
    }
}

impl Kernel for Rnnt {
    const NAME: &'static str = "rnnt_loss";

    fn output(&self, x: &[usize]) -> Vec<usize> {
        vec![x[0]]
    }

    fn forward<T: Real>(&self, _x: &[T]) -> Vec<T> {
        self.lattices.iter().map(|lattice| T::from_f64(lattice.loss)).collect()
    }

    fn backward<T: Real>(&self, x: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
        let mut out = vec![T::zero(); x.len()];
        let samples = x.chunks(self.of_sample).zip(out.chunks_mut(self.of_sample));
        let tasks: Vec<_> = self.lattices.iter().zip(gradient).zip(samples).collect();
        each(tasks, |((lattice, &gradient), (x, out))| lattice.gradient(x, gradient, out));
        out
    }
}
