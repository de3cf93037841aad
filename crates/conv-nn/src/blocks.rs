//! Fixed blocks of a CPU kernel's work, shared out among threads: results do not depend on how many
//! there are.

use crate::real::Real;
use conv_core::cpu::{InstructionSet, Unwritten};
use std::sync::{Mutex, PoisonError};

/// How many elements a thread takes at a time. It depends on nothing, so neither do the results.
pub(crate) const BLOCK: usize = 1 << 14;

/// Runs `f` on each of `blocks`, in as many threads as the pool has where there are several blocks.
/// Marked `#[inline(always)]`, it is compiled for the processor's vectors.
///
/// The caller's thread takes blocks too, from the first moment on: what has so little work as a
/// normalisation would else wait longer for two of the pool's threads to wake than it computes.
fn share<B>(
    blocks: impl DoubleEndedIterator<Item = B> + ExactSizeIterator + Send,
    f: impl Fn(B) + Sync,
) {
    let run = |block| {
        InstructionSet::vectorize(
            #[inline(always)]
            || f(block),
        )
    };
    let threads = rayon::current_num_threads().min(blocks.len());
    if threads <= 1 {
        return blocks.for_each(run);
    }
    let blocks = Mutex::new(blocks);
    let lock = || blocks.lock().unwrap_or_else(PoisonError::into_inner);
    rayon::in_place_scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| {
                // From the other end: an operation and the next then find their halves in the
                // caches of the same core.
                let next = || lock().next_back();
                while let Some(block) = next() {
                    run(block);
                }
            });
        }
        let next = || lock().next();
        while let Some(block) = next() {
            run(block);
        }
    });
}

/// Calls `f` with each of `tasks`, as [`share`] does.
pub(crate) fn each<B: Send>(tasks: Vec<B>, f: impl Fn(B) + Sync) {
    share(tasks.into_iter(), f);
}

/// `f` of each of `0..count`, in order, where each is the work of `cost` elements.
pub(crate) fn collect<R: Copy + Default + Send>(
    count: usize,
    cost: usize,
    f: impl Fn(usize) -> R + Sync,
) -> Vec<R> {
    let mut out = vec![R::default(); count];
    let block = (BLOCK / cost.max(1)).max(1);
    share(
        out.chunks_mut(block).enumerate(),
        #[inline(always)]
        |(number, out)| {
            for (i, out) in out.iter_mut().enumerate() {
                *out = f(number * block + i);
            }
        },
    );
    out
}

/// Changes elements in blocks of `block`, each by `f(its first element's index, its elements)`.
pub(crate) fn update<T: Real>(
    elements: &mut [T],
    block: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) {
    share(
        elements.chunks_mut(block.max(1)).enumerate(),
        #[inline(always)]
        |(number, elements)| f(number * block, elements),
    );
}

/// Makes `len` elements, as [`update`] does from zeros.
pub(crate) fn fill<T: Real>(
    len: usize,
    block: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T> {
    let mut out = Unwritten::new(len);
    share(
        out.blocks(block.max(1)),
        #[inline(always)]
        |(start, out)| f(start, out.zeros()),
    );
    out.finish()
}

/// f of the elements of `a` and `b` in the same place, for each.
pub(crate) fn map<T: Real>(a: &[T], b: &[T], f: impl Fn(T, T) -> T + Sync) -> Vec<T> {
    let mut out = Unwritten::new(a.len());
    share(
        out.blocks(BLOCK),
        #[inline(always)]
        |(start, out)| {
            let pairs = a[start..].iter().zip(&b[start..]);
            out.write(pairs.map(
                #[inline(always)]
                |(&a, &b)| f(a, b),
            ));
        },
    );
    out.finish()
}

/// Makes `len` elements in rows of `width`, each by `f(its number, its elements)`, where a row is
/// the work of `cost` elements.
pub(crate) fn fill_rows<T: Real>(
    len: usize,
    width: usize,
    cost: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T> {
    let block = (BLOCK / cost.max(1)).max(1) * width;
    fill(
        len,
        block,
        #[inline(always)]
        |start, out| {
            for (row, out) in out.chunks_exact_mut(width).enumerate() {
                f(start / width + row, out);
            }
        },
    )
}

/// Makes rows of `width` from those of the arguments in the same place, by
/// `f(the arguments' rows, its elements)`.
pub(crate) fn map_rows<T: Real, const N: usize>(
    arguments: [&[T]; N],
    width: usize,
    f: impl Fn([&[T]; N], &mut [T]) + Sync,
) -> Vec<T> {
    fill_rows(
        arguments[0].len(),
        width,
        width,
        #[inline(always)]
        |row, out| {
            let rows = arguments.map(
                #[inline(always)]
                |argument| &argument[row * width..][..width],
            );
            f(rows, out);
        },
    )
}

/// Sums of `width` over rows, each added by `f(its number, the sums)`: in blocks, whose sums are
/// added in their order.
pub(crate) fn sum_rows<T: Real>(
    rows: usize,
    width: usize,
    cost: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T> {
    let (_, sums) = fill_and_sum_rows(
        rows,
        [0, width],
        cost,
        #[inline(always)]
        |row, _, sums| f(row, sums),
    );
    sums
}

/// Rows of a first width, and sums of a second one over all of them, both by
/// `f(the row's number, its elements, the sums)`.
pub(crate) fn fill_and_sum_rows<T: Real>(
    rows: usize,
    [width, sums_width]: [usize; 2],
    cost: usize,
    f: impl Fn(usize, &mut [T], &mut [T]) + Sync,
) -> (Vec<T>, Vec<T>) {
    let block = (BLOCK / cost.max(1)).max(1);
    let mut out = Unwritten::new(rows * width);
    let mut of_blocks = vec![T::zero(); rows.div_ceil(block) * sums_width];
    let mut rest = out.blocks((block * width).max(1));
    let blocks: Vec<_> = (0..rows)
        .step_by(block)
        .zip(of_blocks.chunks_mut(sums_width.max(1)))
        .map(|(first, sums)| (first..rows.min(first + block), rest.next(), sums))
        .collect();
    drop(rest);
    share(
        blocks.into_iter(),
        #[inline(always)]
        |(rows, out, sums)| {
            let first = rows.start;
            let out = out.map_or(Default::default(), |(_, out)| out.zeros());
            for row in rows {
                f(row, &mut out[(row - first) * width..][..width], sums);
            }
        },
    );
    let mut total = vec![T::zero(); sums_width];
    for sums in of_blocks.chunks(sums_width.max(1)) {
        for (total, sum) in total.iter_mut().zip(sums) {
            *total += *sum;
        }
    }
    (out.finish(), total)
}
