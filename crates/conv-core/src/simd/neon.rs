//! The registers of aarch64.

use std::arch::aarch64::*;

use super::Lanes;

/// Four f32 of NEON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neon(float32x4_t);

impl Lanes for Neon {
    type Element = f32;
    const WIDTH: usize = 4;
    const ROWS: usize = 8;

    instructions! {
        splat: vdupq_n_f32, load: vld1q_f32, store: vst1q_f32,
        add: vaddq_f32, sub: vsubq_f32, mul: vmulq_f32
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        // SAFETY: every aarch64 processor that Rust's targets allow for has NEON.
        Self(unsafe { vfmaq_f32(self.0, a.0, b.0) })
    }
}
