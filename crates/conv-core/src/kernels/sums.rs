//! Sums in eight partial sums that the processor can take at once, always in the same order.

use crate::element::Element;

const LANES: usize = 8;

/// The sum of `values`.
pub(super) fn sum<T: Element>(values: &[T]) -> T {
    let mut sums = [T::zero(); LANES];
    let chunks = values.chunks_exact(LANES);
    for (sum, &value) in sums.iter_mut().zip(chunks.remainder()) {
        *sum += value;
    }
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(s, &v)| *s += v);
    }
    total(sums)
}

/// The sum of products of `a` with every `stride`th of `b`.
pub(super) fn dot<T: Element>(a: &[T], b: &[T], stride: usize) -> T {
    let mut sums = [T::zero(); LANES];
    if stride == 1 {
        let (a, b) = (a.chunks_exact(LANES), b[..a.len()].chunks_exact(LANES));
        let rest = a.remainder().iter().zip(b.remainder());
        for (sum, (&a, &b)) in sums.iter_mut().zip(rest) {
            *sum += a * b;
        }
        for (a, b) in a.zip(b) {
            for lane in 0..LANES {
                sums[lane] += a[lane] * b[lane];
            }
        }
    } else {
        for (i, (&a, &b)) in a.iter().zip(b.iter().step_by(stride)).enumerate() {
            sums[i % LANES] += a * b;
        }
    }
    total(sums)
}

fn total<T: Element>(sums: [T; LANES]) -> T {
    sums.iter().fold(T::zero(), |sum, &lane| sum + lane)
}
