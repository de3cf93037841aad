//! Work on the planes of `[B, C, H, W]`, one channel of one sample each, that do not depend on each
//! other.

use crate::Result;
use crate::element::Element;
use crate::kernels::fill_chunks;
use crate::memory::AllocResult;

/// Elements one block of planes reads or writes at least: enough to make handing it to a thread
/// worth while.
const BLOCK: usize = 1 << 15;

/// Zeros, and `work(plane, its part of them)` for each plane: in parallel over blocks whose size
/// depends on nothing but `cost`, the elements that one plane reads or writes.
///
/// # Errors
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
pub(crate) fn fill_planes<T: Element>(
    op: &'static str,
    planes: usize,
    plane_len: usize,
    cost: usize,
    work: impl Fn(usize, &mut [T]) -> AllocResult + Sync,
) -> Result<Vec<T>> {
    let per_block = BLOCK.div_ceil(cost.max(1));
    let len = planes * plane_len;
    let size = per_block * plane_len;
    fill_chunks(len, size, planes.saturating_mul(cost), |index, block| {
        for (plane, out) in block.chunks_exact_mut(plane_len.max(1)).enumerate() {
            work(index * per_block + plane, out)?;
        }
        Ok(())
    })
    .map_err(|no_room| no_room.in_operation(op))
}
