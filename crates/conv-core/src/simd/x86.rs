//! The registers of x86-64.

use std::arch::x86_64::*;

use super::{Lanes, Work};

/// Sixteen f32 of AVX-512.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512(__m512);

/// Eight f32 of AVX2, with FMA.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2(__m256);

/// `work`, compiled for AVX-512.
#[target_feature(enable = "avx2,fma,avx512f")]
pub(super) unsafe fn avx512<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// `work`, compiled for AVX2.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// The first `count` of sixteen lanes.
#[inline(always)]
fn first16(count: usize) -> __mmask16 {
    debug_assert!(count <= 16);
    ((1u32 << count) - 1) as __mmask16
}

// SAFETY, for both impls: intrinsics need their instruction set, and loads and stores valid pointers; the contract of `Lanes` asks
// the caller for both. Masked loads and stores touch the lanes of their mask only.
impl Lanes for Avx512 {
    type Element = f32;
    const WIDTH: usize = 16;
    const ROWS: usize = 8;

    #[inline(always)]
    unsafe fn vectorize<W: Work<f32>>(work: W) -> W::Output {
        #[target_feature(enable = "avx2,fma,avx512f")]
        unsafe fn compiled<W: Work<f32>>(work: W) -> W::Output {
            unsafe { work.run::<Avx512>() }
        }
        unsafe { compiled(work) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self(unsafe { _mm512_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn constant(x: f64) -> Self {
        // SAFETY: as this one.
        unsafe { Self::splat(x as f32) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        Self(unsafe { _mm512_maskz_loadu_ps(first16(count), from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        unsafe { _mm512_mask_storeu_ps(to, first16(count), self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        Self(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // The instruction returns its second operand where one is not a number.
        Self(unsafe { _mm512_max_ps(other.0, self.0) })
    }

    #[inline(always)]
    fn prefetch(at: *mut f32) {
        // SAFETY: a hint, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    unsafe fn interleave([a, b, c, d]: [Self; 4], to: *mut f32) {
        unsafe {
            let quarters = quarters512([a.0, b.0, c.0, d.0]);
            for (i, register) in by_quarter(quarters).into_iter().enumerate() {
                _mm512_storeu_ps(to.add(16 * i), register);
            }
        }
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        unsafe {
            // Of four rows each: quarters of registers are columns of a block of 4×4.
            let mut blocks = [[_mm512_setzero_ps(); 4]; 4];
            for (i, block) in blocks.iter_mut().enumerate() {
                for (j, row) in block.iter_mut().enumerate() {
                    *row = _mm512_loadu_ps(from.add((4 * i + j) * from_stride));
                }
                *block = quarters512(*block);
            }
            let [a, b, c, d] = &blocks;
            for column in 0..4 {
                let of_column = [a[column], b[column], c[column], d[column]];
                for (quarter, row) in by_quarter(of_column).into_iter().enumerate() {
                    _mm512_storeu_ps(to.add((4 * quarter + column) * to_stride), row);
                }
            }
        }
    }
}

/// Four registers' 4×4 blocks, each turned: quarter `q` of result `i` has number `4 q + i` of each register.
#[inline(always)]
unsafe fn quarters512([a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
    // SAFETY: the set is there by the caller's contract.
    unsafe {
        let pair = |a, b| (_mm512_castps_pd(a), _mm512_castps_pd(b));
        let (even, odd) = (
            pair(_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d)),
            pair(_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d)),
        );
        [
            _mm512_castpd_ps(_mm512_unpacklo_pd(even.0, even.1)),
            _mm512_castpd_ps(_mm512_unpackhi_pd(even.0, even.1)),
            _mm512_castpd_ps(_mm512_unpacklo_pd(odd.0, odd.1)),
            _mm512_castpd_ps(_mm512_unpackhi_pd(odd.0, odd.1)),
        ]
    }
}

/// The first quarter of each register, the second of each, and so on.
#[inline(always)]
unsafe fn by_quarter([a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
    // SAFETY: the set is there by the caller's contract.
    unsafe {
        let even = |a, b| _mm512_shuffle_f32x4::<0x88>(a, b);
        let odd = |a, b| _mm512_shuffle_f32x4::<0xdd>(a, b);
        let (ab, cd) = ((even(a, b), odd(a, b)), (even(c, d), odd(c, d)));
        [even(ab.0, cd.0), even(ab.1, cd.1), odd(ab.0, cd.0), odd(ab.1, cd.1)]
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

impl Lanes for Avx2 {
    type Element = f32;
    const WIDTH: usize = 8;
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn vectorize<W: Work<f32>>(work: W) -> W::Output {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn compiled<W: Work<f32>>(work: W) -> W::Output {
            unsafe { work.run::<Avx2>() }
        }
        unsafe { compiled(work) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self(unsafe { _mm256_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn constant(x: f64) -> Self {
        // SAFETY: as this one.
        unsafe { Self::splat(x as f32) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        Self(unsafe { _mm256_maskload_ps(from, first8(count)) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        unsafe { _mm256_maskstore_ps(to, first8(count), self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm256_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        Self(unsafe { _mm256_fmadd_ps(a.0, b.0, self.0) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // As for AVX-512.
        Self(unsafe { _mm256_max_ps(other.0, self.0) })
    }

    #[inline(always)]
    fn prefetch(at: *mut f32) {
        // SAFETY: a hint, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    unsafe fn interleave([a, b, c, d]: [Self; 4], to: *mut f32) {
        unsafe {
            let [a, b, c, d] = halves256([a.0, b.0, c.0, d.0]);
            for (i, register) in [
                _mm256_permute2f128_ps::<0x20>(a, b),
                _mm256_permute2f128_ps::<0x20>(c, d),
                _mm256_permute2f128_ps::<0x31>(a, b),
                _mm256_permute2f128_ps::<0x31>(c, d),
            ]
            .into_iter()
            .enumerate()
            {
                _mm256_storeu_ps(to.add(8 * i), register);
            }
        }
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        unsafe {
            let mut blocks = [[_mm256_setzero_ps(); 4]; 2];
            for (i, block) in blocks.iter_mut().enumerate() {
                for (j, row) in block.iter_mut().enumerate() {
                    *row = _mm256_loadu_ps(from.add((4 * i + j) * from_stride));
                }
                *block = halves256(*block);
            }
            let [upper, lower] = &blocks;
            for column in 0..4 {
                let (a, b) = (upper[column], lower[column]);
                let (first, second) =
                    (_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b));
                _mm256_storeu_ps(to.add(column * to_stride), first);
                _mm256_storeu_ps(to.add((4 + column) * to_stride), second);
            }
        }
    }
}

/// Four registers' 4×4 blocks, each turned: half `h` of result `i` has number `4 h + i` of each register.
#[inline(always)]
unsafe fn halves256([a, b, c, d]: [__m256; 4]) -> [__m256; 4] {
    // SAFETY: the set is there by the caller's contract.
    unsafe {
        let pair = |a, b| (_mm256_castps_pd(a), _mm256_castps_pd(b));
        let (even, odd) = (
            pair(_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d)),
            pair(_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d)),
        );
        [
            _mm256_castpd_ps(_mm256_unpacklo_pd(even.0, even.1)),
            _mm256_castpd_ps(_mm256_unpackhi_pd(even.0, even.1)),
            _mm256_castpd_ps(_mm256_unpacklo_pd(odd.0, odd.1)),
            _mm256_castpd_ps(_mm256_unpackhi_pd(odd.0, odd.1)),
        ]
    }
}
