//! Vector registers, and code that is written once for all of them.
//!
//! A kernel is a [`Work`]: its `run` is generic over [`Lanes`], a register of some instruction set.
//! [`Element::vectorize`] picks the best set that the processor has, once, and runs the work
//! compiled for it. Whatever `run` calls must be inlined into it (`#[inline(always)]`), since only
//! there the compiler may use the set's instructions; plain loops inside profit as well. Closures
//! given to functions of the standard library (such as `array::from_fn`) may stay outside: loops do
//! not.
//!
//! [`Element::vectorize`]: crate::element::Element::vectorize
#![allow(unsafe_code)]

/// The operations that are an instruction each, for a register around one of the architecture's.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! instructions {
    (splat: $splat:ident, load: $load:ident, store: $store:ident, $($name:ident: $of_two:ident),*) => {
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: the set is there by the contract of `Lanes`.
            Self(unsafe { $splat(x) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above, and readable by the caller's contract.
            Self(unsafe { $load(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above, and writable by the caller's contract.
            unsafe { $store(to, self.0) }
        }
        $(#[inline(always)]
        unsafe fn $name(self, other: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { $of_two(self.0, other.0) })
        })*
    };
}

mod isa;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use candle_core::WithDType;

use crate::element::Element;

pub use isa::InstructionSet;
use portable::Portable;

/// Numbers of the widest register.
pub(crate) const WIDEST: usize = 16;

/// A register of [`Lanes::WIDTH`] numbers, at most [`WIDEST`].
///
/// # Safety
/// Everything here may only be called where the instruction set is there, which [`Work::run`]'s
/// caller sees to. Pointers must be valid for the numbers that are read or written; they need no
/// alignment.
pub(crate) trait Lanes: Copy {
    /// The type of a number.
    type Element: Element;
    /// Numbers in a register.
    const WIDTH: usize;
    /// Rows of the register tile: with three registers a row, what the set's registers hold (see
    /// `kernels::tile`).
    const ROWS: usize;

    unsafe fn splat(x: Self::Element) -> Self;
    unsafe fn load(from: *const Self::Element) -> Self;
    unsafe fn store(self, to: *mut Self::Element);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// `self + a · b`, rounded once where the set can.
    unsafe fn mul_add(self, a: Self, b: Self) -> Self;

    /// Asks for the cache line of what will be loaded soon. `from` need not be valid.
    #[inline(always)]
    unsafe fn prefetch(_from: *const Self::Element) {}

    /// A constant.
    #[inline(always)]
    unsafe fn constant(x: f64) -> Self {
        // SAFETY: as this one.
        unsafe { Self::splat(Self::Element::from_f64(x)) }
    }

    /// The first `count`, at most [`Lanes::WIDTH`], and zeros.
    #[inline(always)]
    unsafe fn load_first(from: *const Self::Element, count: usize) -> Self {
        // SAFETY: as this one.
        unsafe {
            if count == Self::WIDTH { Self::load(from) } else { Self::load_part(from, count) }
        }
    }

    /// The first `count`, at most [`Lanes::WIDTH`].
    #[inline(always)]
    unsafe fn store_first(self, to: *mut Self::Element, count: usize) {
        // SAFETY: as this one.
        unsafe { if count == Self::WIDTH { self.store(to) } else { self.store_part(to, count) } }
    }

    /// [`Lanes::load_first`] of fewer than all.
    #[inline(always)]
    unsafe fn load_part(from: *const Self::Element, count: usize) -> Self {
        let mut lanes = [Self::Element::from_f64(0.0); WIDEST];
        // SAFETY: the first `count` are readable by the caller's contract.
        unsafe {
            from.copy_to_nonoverlapping(lanes.as_mut_ptr(), count);
            Self::load(lanes.as_ptr())
        }
    }

    /// [`Lanes::store_first`] of fewer than all.
    #[inline(always)]
    unsafe fn store_part(self, to: *mut Self::Element, count: usize) {
        // SAFETY: the first `count` are writable by the caller's contract.
        unsafe {
            let lanes = self.lanes();
            lanes.as_ptr().copy_to_nonoverlapping(to, count);
        }
    }

    /// The numbers, and zeros.
    #[inline(always)]
    unsafe fn lanes(self) -> [Self::Element; WIDEST] {
        let mut lanes = [Self::Element::from_f64(0.0); WIDEST];
        // SAFETY: as this one; there is room for the widest.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes
    }

    /// The sum of the numbers, the halves' sums first.
    #[inline(always)]
    unsafe fn sum(self) -> Self::Element {
        // SAFETY: as this one.
        let mut lanes = unsafe { self.lanes() };
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                lanes[i] += lanes[half + i];
            }
        }
        lanes[0]
    }

    /// [`Lanes::sum`] of each of four registers.
    #[inline(always)]
    unsafe fn sums([a, b, c, d]: [Self; 4]) -> [Self::Element; 4] {
        // SAFETY: as this one.
        unsafe { [a.sum(), b.sum(), c.sum(), d.sum()] }
    }

    /// The first number of each of four registers side by side at `to`, the second of each `stride`
    /// behind it, and so on.
    #[inline(always)]
    unsafe fn transpose(registers: [Self; 4], to: *mut Self::Element, stride: usize) {
        for (i, register) in registers.into_iter().enumerate() {
            // SAFETY: as this one, and writable by the caller's contract.
            let lanes = unsafe { register.lanes() };
            for (number, &lane) in lanes[..Self::WIDTH].iter().enumerate() {
                // SAFETY: as above.
                unsafe { *to.add(number * stride + i) = lane }
            }
        }
    }
}

/// What is computed in vector registers, with `R` as its result.
pub(crate) trait Work<T, R = ()> {
    /// # Safety
    /// The processor must have `L`'s instruction set.
    unsafe fn run<L: Lanes<Element = T>>(self) -> R;
}

/// `work` by the registers of `set`.
///
/// # Panics
/// Where the processor does not have `set`.
pub(crate) fn vectorize_f32<R>(set: InstructionSet, work: impl Work<f32, R>) -> R {
    assert!(set.is_available(), "{set} on a processor without it");
    // SAFETY: the set has just been found on this processor.
    unsafe {
        match set {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => x86::avx512(work),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => x86::avx2(work),
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Neon => work.run::<neon::Neon>(),
            _ => work.run::<Portable<f32>>(),
        }
    }
}

/// `work` by portable registers.
pub(crate) fn vectorize_f64<R>(work: impl Work<f64, R>) -> R {
    // SAFETY: portable registers need no instruction set.
    unsafe { work.run::<Portable<f64>>() }
}

/// Loops that the compiler turns into vectors by itself.
struct Plain<F>(F);

impl<R, F: FnOnce() -> R> Work<f32, R> for Plain<F> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = f32>>(self) -> R {
        (self.0)()
    }
}
