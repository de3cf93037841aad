//! The gated linear unit behind a convolution, as its sums are stored.

use crate::element::Element;

/// `to` = a · σ(b).
#[inline(always)]
pub(super) fn gate<T: Element>(a: &[T], b: &[T], to: &mut [T]) {
    for ((to, &a), &b) in to.iter_mut().zip(a).zip(b) {
        *to = a * b.sigmoid();
    }
}
