//! The registers of x86-64.

use std::arch::x86_64::*;

use super::{Lanes, Work};

/// Sixteen f32 of AVX-512.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512(__m512);

/// Eight f32 of AVX2, with FMA.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(__m256);

/// `work`, compiled for AVX-512.
#[target_feature(enable = "avx2,fma,avx512f")]
pub(super) unsafe fn avx512<R>(work: impl Work<f32, R>) -> R {
    // SAFETY: the set is there by the caller's contract.
    unsafe { work.run::<Avx512>() }
}

/// `work`, compiled for AVX2.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn avx2<R>(work: impl Work<f32, R>) -> R {
    // SAFETY: the set is there by the caller's contract.
    unsafe { work.run::<Avx2>() }
}

impl Lanes for Avx512 {
    type Element = f32;
    const WIDTH: usize = 16;
    const ROWS: usize = 8;

    instructions! {
        splat: _mm512_set1_ps, load: _mm512_loadu_ps, store: _mm512_storeu_ps,
        add: _mm512_add_ps, sub: _mm512_sub_ps, mul: _mm512_mul_ps
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        // SAFETY: the set is there by the contract of `Lanes`.
        Self(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const f32) {
        // SAFETY: as above; a prefetch may be of any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        // SAFETY: as above; lanes outside of the mask are not read.
        Self(unsafe { _mm512_maskz_loadu_ps(first16(count), from) })
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: as above; lanes outside of the mask are not written.
        unsafe { _mm512_mask_storeu_ps(to, first16(count), self.0) }
    }

    #[inline(always)]
    unsafe fn sums([a, b, c, d]: [Self; 4]) -> [f32; 4] {
        // SAFETY: as above; four numbers are stored to an array of four.
        unsafe {
            // The halves of two registers added: one has both sums.
            let halves = |a: Self, b: Self| {
                let low = _mm512_shuffle_f32x4::<0b01_00_01_00>(a.0, b.0);
                _mm512_add_ps(low, _mm512_shuffle_f32x4::<0b11_10_11_10>(a.0, b.0))
            };
            // Quarters alike, and then each has a quarter of one register.
            let ab = halves(a, b);
            let cd = halves(c, d);
            let even = _mm512_shuffle_f32x4::<0b10_00_10_00>(ab, cd);
            let sums = _mm512_add_ps(even, _mm512_shuffle_f32x4::<0b11_01_11_01>(ab, cd));
            let sums = _mm512_add_ps(sums, _mm512_permute_ps::<0b01_00_11_10>(sums));
            let sums = _mm512_add_ps(sums, _mm512_permute_ps::<0b10_11_00_01>(sums));
            let first = _mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
            let mut numbers = [0.0; 4];
            let sums = _mm512_castps512_ps128(_mm512_permutexvar_ps(first, sums));
            _mm_storeu_ps(numbers.as_mut_ptr(), sums);
            numbers
        }
    }

    #[inline(always)]
    unsafe fn transpose([a, b, c, d]: [Self; 4], to: *mut f32, stride: usize) {
        // SAFETY: as above; `to` is writable at each stride by the caller's contract.
        unsafe {
            let low = |x: Self| Avx2(_mm512_castps512_ps256(x.0));
            let high = |x: Self| {
                let half = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(x.0));
                Avx2(_mm256_castpd_ps(half))
            };
            Avx2::transpose([low(a), low(b), low(c), low(d)], to, stride);
            Avx2::transpose([high(a), high(b), high(c), high(d)], to.add(8 * stride), stride);
        }
    }
}

/// The first `count` of sixteen lanes.
#[inline(always)]
fn first16(count: usize) -> __mmask16 {
    debug_assert!(count <= 16);
    ((1u32 << count) - 1) as __mmask16
}

impl Lanes for Avx2 {
    type Element = f32;
    const WIDTH: usize = 8;
    const ROWS: usize = 4;

    instructions! {
        splat: _mm256_set1_ps, load: _mm256_loadu_ps, store: _mm256_storeu_ps,
        add: _mm256_add_ps, sub: _mm256_sub_ps, mul: _mm256_mul_ps
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        // SAFETY: the set is there by the contract of `Lanes`.
        Self(unsafe { _mm256_fmadd_ps(a.0, b.0, self.0) })
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const f32) {
        // SAFETY: as above; a prefetch may be of any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        // SAFETY: as above; lanes outside of the mask are not read.
        Self(unsafe { _mm256_maskload_ps(from, first8(count)) })
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: as above; lanes outside of the mask are not written.
        unsafe { _mm256_maskstore_ps(to, first8(count), self.0) }
    }

    #[inline(always)]
    unsafe fn sums([a, b, c, d]: [Self; 4]) -> [f32; 4] {
        // SAFETY: as above; four numbers are stored to an array of four.
        unsafe {
            // The halves of two registers added: one has both sums.
            let halves = |a: Self, b: Self| {
                let low = _mm256_permute2f128_ps::<0x20>(a.0, b.0);
                _mm256_add_ps(low, _mm256_permute2f128_ps::<0x31>(a.0, b.0))
            };
            // Quarters alike: numbers of a, b | c, d.
            let ac = halves(a, c);
            let bd = halves(b, d);
            let low = _mm256_shuffle_ps::<0b01_00_01_00>(ac, bd);
            let sums = _mm256_add_ps(low, _mm256_shuffle_ps::<0b11_10_11_10>(ac, bd));
            let sums = _mm256_add_ps(sums, _mm256_permute_ps::<0b10_11_00_01>(sums));
            let ab = _mm256_castps256_ps128(sums);
            let cd = _mm256_extractf128_ps::<1>(sums);
            let mut numbers = [0.0; 4];
            _mm_storeu_ps(numbers.as_mut_ptr(), _mm_shuffle_ps::<0b10_00_10_00>(ab, cd));
            numbers
        }
    }

    #[inline(always)]
    unsafe fn transpose([a, b, c, d]: [Self; 4], to: *mut f32, stride: usize) {
        // SAFETY: as above; `to` is writable at each stride by the caller's contract.
        unsafe {
            let pair = |a, b| (_mm256_castps_pd(a), _mm256_castps_pd(b));
            let (ab, cd) = pair(_mm256_unpacklo_ps(a.0, b.0), _mm256_unpacklo_ps(c.0, d.0));
            let (ab_high, cd_high) =
                pair(_mm256_unpackhi_ps(a.0, b.0), _mm256_unpackhi_ps(c.0, d.0));
            // Half h of register i has number 4 h + i of each.
            let transposed = [
                _mm256_unpacklo_pd(ab, cd),
                _mm256_unpackhi_pd(ab, cd),
                _mm256_unpacklo_pd(ab_high, cd_high),
                _mm256_unpackhi_pd(ab_high, cd_high),
            ];
            for (i, register) in transposed.into_iter().enumerate() {
                let register = _mm256_castpd_ps(register);
                let to = to.add(i * stride);
                _mm_storeu_ps(to, _mm256_castps256_ps128(register));
                _mm_storeu_ps(to.add(4 * stride), _mm256_extractf128_ps::<1>(register));
            }
        }
    }
}

/// All bits set in the first `count` of eight lanes.
#[inline(always)]
unsafe fn first8(count: usize) -> __m256i {
    debug_assert!(count <= 8);
    const BITS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: eight of the sixteen, from 8 - count on.
    unsafe { _mm256_loadu_si256(BITS.as_ptr().add(8 - count).cast()) }
}
