//! The registers of aarch64.

use std::arch::aarch64::*;

use super::{Lanes, Work};

/// Four f32 of NEON.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neon(float32x4_t);

// SAFETY, for all of it: every aarch64 processor that Rust's targets allow for has NEON, and the contract of `Lanes` asks the caller
// for valid pointers.
impl Lanes for Neon {
    type Element = f32;
    const WIDTH: usize = 4;
    const ROWS: usize = 8;

    #[inline(always)]
    unsafe fn vectorize<W: Work<f32>>(work: W) -> W::Output {
        unsafe { work.run::<Self>() }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self(unsafe { vdupq_n_f32(x) })
    }

    #[inline(always)]
    unsafe fn constant(x: f64) -> Self {
        // SAFETY: as this one.
        unsafe { Self::splat(x as f32) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { vld1q_f32(from) })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        let mut lanes = [0f32; 4];
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count);
            Self::load(lanes.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { vst1q_f32(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        let mut lanes = [0f32; 4];
        unsafe {
            self.store(lanes.as_mut_ptr());
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count);
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { vaddq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(unsafe { vsubq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(unsafe { vmulq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        Self(unsafe { vfmaq_f32(self.0, a.0, b.0) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // By comparison, since the instruction for it prefers what is not a number.
        Self(unsafe { vbslq_f32(vcgtq_f32(other.0, self.0), other.0, self.0) })
    }

    #[inline(always)]
    unsafe fn interleave([a, b, c, d]: [Self; 4], to: *mut f32) {
        unsafe { vst4q_f32(to, float32x4x4_t(a.0, b.0, c.0, d.0)) }
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        unsafe {
            for i in 0..4 {
                for j in 0..4 {
                    *to.add(j * to_stride + i) = *from.add(i * from_stride + j);
                }
            }
        }
    }
}
