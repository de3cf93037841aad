//! Work on the planes of `[B, C, H, W]`, one channel of one sample each, that do not depend on each other.

use rayon::prelude::*;

use crate::Result;
use crate::element::{Element, zeros};
use crate::kernels::{Done, NoRoom, is_shared};

/// Elements one block of planes reads or writes at least: enough to make handing it to a thread worth while.
const BLOCK: usize = 1 << 15;

/// Zeros, and `work(plane, its part of them)` for each plane: in parallel over blocks whose size depends on nothing but
/// `cost`, the elements that one plane reads or writes.
///
/// # Errors
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
pub(crate) fn fill_planes<T: Element>(
    op: &'static str,
    planes: usize,
    plane_len: usize,
    cost: usize,
    work: impl Fn(usize, &mut [T]) -> Done + Sync,
) -> Result<Vec<T>> {
    let mut out = zeros(op, planes * plane_len)?;
    let per_block = BLOCK.div_ceil(cost.max(1));
    let block = |(index, block): (usize, &mut [T])| {
        for (plane, out) in block.chunks_exact_mut(plane_len).enumerate() {
            work(index * per_block + plane, out)?;
        }
        Ok(())
    };
    let done = if planes <= per_block || !is_shared() {
        out.chunks_mut(per_block * plane_len).enumerate().try_for_each(block)
    } else {
        out.par_chunks_mut(per_block * plane_len).enumerate().try_for_each(block)
    };
    done.map_err(|no_room: NoRoom| no_room.in_operation(op))?;
    Ok(out)
}
