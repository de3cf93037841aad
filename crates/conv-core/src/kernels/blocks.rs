//! How work is cut: into blocks whose sizes follow from the geometry alone, never from the number
//! of threads.
#![allow(unsafe_code)]

use std::ops::Range;

use rayon::prelude::*;

use crate::element::Element;
use crate::memory::{AllocError, AllocResult, written};

/// Tasks aimed at where a dimension is cut for the sake of threads only.
const TASKS: usize = 16;
/// Multiplications below which handing work to other threads costs more than it saves.
const SMALL: usize = 1 << 15;

/// `0..total` in the fewest near-equal parts of at most `size` (and at least 1).
pub(super) fn split(
    total: usize,
    size: usize,
) -> impl ExactSizeIterator<Item = Range<usize>> + Clone {
    let count = total.div_ceil(size.max(1));
    (0..count).map(move |number| part(total, count, number))
}

/// Of `count` near-equal parts of `0..total` one.
pub(super) fn part(total: usize, count: usize, number: usize) -> Range<usize> {
    number * total / count..(number + 1) * total / count
}

/// `range`, cut at the multiples of `size`.
pub(super) fn cut(range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let pieces = range.start / size..range.end.div_ceil(size);
    pieces.map(move |i| range.start.max(i * size)..range.end.min((i + 1) * size))
}

/// How many parts another dimension is worth being cut into where there are `tasks` already.
pub(super) fn partitions(tasks: usize, most: usize) -> usize {
    TASKS.div_ceil(tasks.max(1)).clamp(1, most.max(1))
}

/// Whether so many tasks, of so much `work` together (in multiplications), are worth being handed
/// to several threads. A pool of a single one is another thread than the caller's: handing it
/// everything would cost two switches.
fn is_shared(tasks: usize, work: usize) -> bool {
    work >= SMALL && tasks > 1 && rayon::current_num_threads() > 1
}

/// Calls `task` with each of `0..count`, on several threads where the whole `work` is worth it,
/// until one fails.
pub(super) fn each<E: Send>(
    count: usize,
    work: usize,
    task: impl Fn(usize) -> Result<(), E> + Sync + Send,
) -> Result<(), E> {
    if is_shared(count, work) {
        (0..count).into_par_iter().try_for_each(task)
    } else {
        (0..count).try_for_each(task)
    }
}

/// Calls `task` with each chunk of `slice` and its number, on several threads where the whole
/// `work` is worth it.
pub(crate) fn each_chunk<T: Send>(
    slice: &mut [T],
    size: usize,
    work: usize,
    task: impl Fn(usize, &mut [T]) -> AllocResult + Sync + Send,
) -> AllocResult {
    let size = size.max(1);
    if is_shared(slice.len().div_ceil(size), work) {
        slice.par_chunks_mut(size).enumerate().try_for_each(|(i, chunk)| task(i, chunk))
    } else {
        slice.chunks_mut(size).enumerate().try_for_each(|(i, chunk)| task(i, chunk))
    }
}

/// `len` elements, zeros of which `task` fills each chunk, as [`each_chunk`] calls it: they are
/// zeroed where they are filled, and not in a walk of its own.
pub(crate) fn fill_chunks<T: Element>(
    len: usize,
    size: usize,
    work: usize,
    task: impl Fn(usize, &mut [T]) -> AllocResult + Sync + Send,
) -> Result<Vec<T>, AllocError> {
    let fill = |out: &mut [T]| {
        each_chunk(out, size, work, |i, chunk| {
            chunk.fill(T::zero());
            task(i, chunk)
        })
    };
    // SAFETY: chunks cover everything, and each is written before `task` sees it.
    unsafe { written(len, fill) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_cover_everything_once_in_order() {
        for total in [0, 1, 5, 256, 257, 1000] {
            for size in [1, 3, 256] {
                let all: Vec<usize> = split(total, size).flatten().collect();
                assert_eq!(all, (0..total).collect::<Vec<_>>());
                assert!(split(total, size).all(|r| !r.is_empty() && r.len() <= size));
            }
        }
    }
}
