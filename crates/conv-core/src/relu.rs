//! The gradient of a rectifier.

use candle_core::{Device, Tensor};

use crate::cpu::InstructionSet;
use crate::element::{Element, read};
use crate::kernels::fill_chunks;

/// Elements of a block.
const BLOCK: usize = 1 << 14;

/// `dy` where `y` (a rectifier's argument or its result) is not 0 or less, and 0 where it is, as in
/// PyTorch.
pub(crate) fn gradient<T: Element>(
    op: &'static str,
    y: &Tensor,
    dy: &Tensor,
) -> candle_core::Result<Tensor> {
    let gradient_of = |y: &[T], dy: &[T]| {
        fill_chunks(dy.len(), BLOCK, dy.len(), |number, to| {
            let start = number * BLOCK;
            let y = &y[start..][..to.len()];
            let dy = &dy[start..][..to.len()];
            InstructionSet::vectorize(
                #[inline(always)]
                || {
                    for ((to, &y), &dy) in to.iter_mut().zip(y).zip(dy) {
                        *to = if y <= T::zero() { T::zero() } else { dy };
                    }
                },
            );
            Ok(())
        })
        .map_err(|no_room| no_room.in_operation(op).into())
    };
    let elements = read(dy, |dy: &[T]| read(y, |y| gradient_of(y, dy)))?;
    Tensor::from_vec(elements, dy.shape(), &Device::Cpu)
}
