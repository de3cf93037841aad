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

fn total<T: Element>(sums: [T; LANES]) -> T {
    sums.iter().fold(T::zero(), |sum, &lane| sum + lane)
}
