//! A layer step by step, of operations whose gradients are right in candle: for devices that have
//! no kernel, and for tests.

use super::LayerWeights;
use super::cell::Cell;
use super::operation::Outputs;
use super::sequences::Sequences;
use crate::Result;
use candle_core::{D, Tensor};

fn sigmoid(x: &Tensor) -> candle_core::Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

/// As [`super::operation::apply`].
pub(super) fn apply<C: Cell>(
    sequences: &Sequences,
    x: &Tensor,
    weights: &LayerWeights,
    state: &Tensor,
) -> Result<Outputs> {
    let units = weights.sizes()?.units;
    let output = weights.sizes()?.output;
    if sequences.batch() == 0 {
        // candle's operations cannot take parts of nothing.
        let zeros = |shape: &[usize]| Tensor::zeros(shape, x.dtype(), x.device());
        let carried = C::CARRIES.then(|| zeros(&[0, units])).transpose()?;
        return Ok((zeros(&[0, sequences.steps, output])?, zeros(&[0, output])?, carried));
    }
    let bias = |y: Tensor, bias: Option<&Tensor>| match bias {
        None => Ok(y),
        Some(bias) => y.broadcast_add(bias),
    };
    let (b_ih, b_hh) = weights.bias.as_ref().map(|(a, b)| (a, b)).unzip();
    let mut h = state.narrow(1, 0, output)?;
    let mut c = C::CARRIES.then(|| state.narrow(1, output, units)).transpose()?;
    let mut outputs = vec![None; sequences.steps];
    for step in 0..sequences.steps {
        // From the batch's end where sequences are read from theirs: their steps begin when time
        // has come to it.
        let time = if sequences.is_reversed { sequences.steps - 1 - step } else { step };
        let active = (0..sequences.batch()).map(|one| f32::from(time < sequences.length(one)));
        let active = Tensor::from_iter(active, x.device())?.to_dtype(x.dtype())?.unsqueeze(1)?;
        let x = x.narrow(1, time, 1)?.squeeze(1)?.contiguous()?;
        let of_x = bias(x.matmul(&weights.weight_ih.t()?)?, b_ih)?;
        let of_h = bias(h.contiguous()?.matmul(&weights.weight_hh.t()?)?, b_hh)?;
        let gate = |of: &Tensor, gate: usize| of.narrow(D::Minus1, gate * units, units);
        let mut new = match &c {
            Some(before) => {
                let sums = (of_x + of_h)?;
                let [i, f, o] = [0, 1, 3].map(|number| sigmoid(&gate(&sums, number)?));
                let kept = (f? * before)?;
                let new = (kept + (i? * gate(&sums, 2)?.tanh()?)?)?;
                let output = (o? * new.tanh()?)?;
                c = Some((before + active.broadcast_mul(&(new - before)?)?)?);
                output
            }
            None => {
                let [r, z] = [0, 1].map(|number| -> candle_core::Result<_> {
                    sigmoid(&(gate(&of_x, number)? + gate(&of_h, number)?)?)
                });
                let new = (gate(&of_x, 2)? + (r? * gate(&of_h, 2)?)?)?.tanh()?;
                (&new + (z? * (&h - &new)?)?)?
            }
        };
        if let Some(projection) = &weights.weight_hr {
            new = new.matmul(&projection.t()?)?;
        }
        h = (&h + active.broadcast_mul(&(new - &h)?)?)?;
        outputs[time] = Some(active.broadcast_mul(&h)?);
    }
    let outputs: Vec<_> = outputs.into_iter().flatten().collect();
    let outputs = if outputs.is_empty() {
        Tensor::zeros((sequences.batch(), 0, output), x.dtype(), x.device())?
    } else {
        Tensor::stack(&outputs, 1)?
    };
    Ok((outputs, h, c))
}
