//! Registers made of arrays: what every processor can do, and the only form for f64.

use super::{Lanes, Work};
use crate::element::Element;

/// Four numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable<T>([T; 4]);

impl<T: Element> Portable<T> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(T, T) -> T) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl<T: Element> Lanes for Portable<T> {
    type Element = T;
    const WIDTH: usize = 4;
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn vectorize<W: Work<T>>(work: W) -> W::Output {
        // SAFETY: arrays need no instruction set.
        unsafe { work.run::<Self>() }
    }

    #[inline(always)]
    unsafe fn splat(x: T) -> Self {
        Self([x; 4])
    }

    #[inline(always)]
    unsafe fn constant(x: f64) -> Self {
        // SAFETY: as this one.
        unsafe { Self::splat(T::from_f64(x)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: readable by the caller's contract.
        Self(unsafe { from.cast::<[T; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const T, count: usize) -> Self {
        let mut lanes = [T::zero(); 4];
        for (i, lane) in lanes.iter_mut().enumerate().take(count) {
            // SAFETY: the first `count` are readable by the caller's contract.
            *lane = unsafe { *from.add(i) };
        }
        Self(lanes)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: writable by the caller's contract.
        unsafe { to.cast::<[T; 4]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut T, count: usize) {
        for (i, &lane) in self.0.iter().enumerate().take(count) {
            // SAFETY: the first `count` are writable by the caller's contract.
            unsafe { *to.add(i) = lane }
        }
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

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if b > a { b } else { a })
    }

    #[inline(always)]
    unsafe fn interleave(registers: [Self; 4], to: *mut T) {
        for (i, register) in registers.into_iter().enumerate() {
            for (j, lane) in register.0.into_iter().enumerate() {
                // SAFETY: four registers are writable by the caller's contract.
                unsafe { *to.add(4 * j + i) = lane }
            }
        }
    }

    #[inline(always)]
    unsafe fn transpose(from: *const T, from_stride: usize, to: *mut T, to_stride: usize) {
        for i in 0..4 {
            for j in 0..4 {
                // SAFETY: inside both matrices by the caller's contract.
                unsafe { *to.add(j * to_stride + i) = *from.add(i * from_stride + j) }
            }
        }
    }
}
