//! Vector registers, and code that is written once for all of them.
//!
//! A kernel is a [`Work`]: its `run` is generic over [`Lanes`], a register of some instruction set. [`Element::vectorize`] picks
//! the best set that the processor has, once, and runs the work compiled for it. Whatever `run` calls must be inlined into it
//! (`#[inline(always)]`), since only there the compiler may use the set's instructions; plain loops inside profit as well. Closures
//! given to functions of the standard library (such as `array::from_fn`) may stay outside: loops do not.
//!
//! [`Element::vectorize`]: crate::element::Element::vectorize
#![allow(unsafe_code)]

mod isa;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::element::Element;

pub use isa::InstructionSet;
use portable::Portable;

/// A register of [`Lanes::WIDTH`] numbers.
///
/// # Safety
/// Everything here may only be called where the instruction set is there, which [`Work::run`]'s caller sees to. Pointers must be
/// valid for the numbers that are read or written; they need no alignment.
pub(crate) trait Lanes: Copy {
    /// The type of a number.
    type Element: Element;
    /// Numbers in a register.
    const WIDTH: usize;
    /// Rows of the register tile: with three registers a row, what the set's registers hold (see `kernels::tile`).
    const ROWS: usize;

    /// `work`, compiled for this instruction set.
    unsafe fn vectorize<W: Work<Self::Element>>(work: W) -> W::Output;
    unsafe fn splat(x: Self::Element) -> Self;
    /// A constant.
    unsafe fn constant(x: f64) -> Self;
    unsafe fn load(from: *const Self::Element) -> Self;
    /// The first `count`, at most [`Lanes::WIDTH`], and zeros.
    unsafe fn load_first(from: *const Self::Element, count: usize) -> Self;
    unsafe fn store(self, to: *mut Self::Element);
    /// The first `count`, at most [`Lanes::WIDTH`].
    unsafe fn store_first(self, to: *mut Self::Element, count: usize);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// `self + a · b`, rounded once where the set can.
    unsafe fn mul_add(self, a: Self, b: Self) -> Self;
    /// The larger; where one is not a number, `self`.
    unsafe fn max(self, other: Self) -> Self;

    /// Asks for the cache line of `at`, which is to be written soon.
    #[inline(always)]
    fn prefetch(_at: *mut Self::Element) {}
    /// The first number of each register side by side, then the second of each, and so on: four registers at `to`.
    unsafe fn interleave(registers: [Self; 4], to: *mut Self::Element);
    /// The square matrix of [`Lanes::WIDTH`] rows at `from`, turned into the one at `to`; rows lie a stride apart.
    unsafe fn transpose(
        from: *const Self::Element,
        from_stride: usize,
        to: *mut Self::Element,
        to_stride: usize,
    );
}

/// What is computed in vector registers.
pub(crate) trait Work<T> {
    type Output;

    /// # Safety
    /// The processor must have `L`'s instruction set.
    unsafe fn run<L: Lanes<Element = T>>(self) -> Self::Output;
}

/// `work` by the registers of `set`, or by portable ones where that is not compiled for this architecture.
pub(crate) fn vectorize_f32<W: Work<f32>>(set: InstructionSet, work: W) -> W::Output {
    // SAFETY: a set in use, or listed as available, has been found on this processor.
    unsafe {
        match set {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => x86::Avx512::vectorize(work),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => x86::Avx2::vectorize(work),
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Neon => neon::Neon::vectorize(work),
            _ => Portable::<f32>::vectorize(work),
        }
    }
}

/// `work` without registers of its own, compiled for `set`.
#[inline]
fn vectorize_plain<R>(set: InstructionSet, work: impl FnOnce() -> R) -> R {
    match set {
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => unsafe { x86::avx512(work) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => unsafe { x86::avx2(work) },
        // All aarch64 processors have NEON, and the compiler uses it.
        _ => work(),
    }
}

/// `work` by portable registers.
pub(crate) fn vectorize_f64<W: Work<f64>>(_: InstructionSet, work: W) -> W::Output {
    // SAFETY: portable registers need no instruction set.
    unsafe { Portable::<f64>::vectorize(work) }
}
