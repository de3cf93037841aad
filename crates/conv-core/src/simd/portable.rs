//! Registers made of arrays: what every processor can do, and the only form for f64.

use super::Lanes;
use crate::element::Element;

/// Four numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable<T>([T; 4]);

impl<T: Element> Portable<T> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(T, T) -> T) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl<T: Element> Lanes for Portable<T> {
    type Element = T;
    const WIDTH: usize = 4;
    /// In tests of this crate as many as NEON has, whose registers are as wide: its logic then runs
    /// on any processor.
    const ROWS: usize = if cfg!(test) { 8 } else { 4 };

    #[inline(always)]
    unsafe fn splat(x: T) -> Self {
        Self([x; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: readable by the caller's contract.
        Self(unsafe { from.cast::<[T; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: writable by the caller's contract.
        unsafe { to.cast::<[T; 4]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        self.zip(a.zip(b, |a, b| a * b), |sum, product| sum + product)
    }
}
