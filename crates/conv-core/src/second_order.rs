//! Second derivatives, which no operation here has.

use candle_core::Tensor;

use crate::{Error, Result};

/// Refuses to go on from the gradient of an output where a second derivative is asked for: what a
/// backward pass of `op` makes of it would be a constant to that, in silence.
///
/// It is asked for where the gradient is itself part of a graph, and where
/// `CANDLE_GRAD_DO_NOT_DETACH` has candle keep the graph of the backward pass.
pub fn check_first_order(op: &'static str, gradient: &Tensor) -> Result<()> {
    let kept = std::env::var("CANDLE_GRAD_DO_NOT_DETACH");
    if gradient.track_op() || kept.is_ok_and(|value| !value.is_empty() && value != "0") {
        return Err(Error::SecondOrder { op });
    }
    Ok(())
}
