//! The register tile: a few rows times three registers of columns, summed over the depth without
//! touching memory but to read.
//!
//! With AVX-512 it has 8 rows: 24 sums, 3 registers of the right side and one number of the left in
//! 32 registers, and 24 multiply-adds for 11 loads. With AVX2 there is room for 4 rows.
#![allow(unsafe_code)]

use crate::simd::Lanes;

/// Rows of a packed panel of the left side, in which each step of the depth lies side by side.
/// Tiles of fewer rows take a panel in several passes.
pub(super) const PANEL: usize = 8;
/// Rows of a tile where registers are few, or rows.
const HALF: usize = PANEL / 2;
/// Registers of a tile's row.
pub(super) const REGISTERS: usize = 3;

/// Columns of a tile.
pub(super) const fn width<L: Lanes>() -> usize {
    REGISTERS * L::WIDTH
}

/// `to[i][·] = Σ_k left(k, i) · right(k)[·]`, plus what is there if it is to `add`, for the first
/// `rows` of a panel and as many whole registers as have `columns`; rows of `to` lie a stride
/// apart.
///
/// # Safety
/// The set of `L`; `left` of a panel, pointers of `right` good for that many registers, and `to`
/// writable for a panel of them.
#[inline(always)]
pub(super) unsafe fn microkernel<L: Lanes>(
    depth: usize,
    left: impl Fn(usize, usize) -> L::Element + Copy,
    right: impl Fn(usize) -> *const L::Element + Copy,
    add: bool,
    to: (*mut L::Element, usize),
    (rows, columns): (usize, usize),
) {
    // SAFETY: by contract.
    unsafe {
        match (L::ROWS == PANEL && rows > HALF, columns.div_ceil(L::WIDTH)) {
            (true, 1) => tiles::<L, PANEL, 1>(depth, left, right, add, to, rows),
            (true, 2) => tiles::<L, PANEL, 2>(depth, left, right, add, to, rows),
            (true, _) => tiles::<L, PANEL, 3>(depth, left, right, add, to, rows),
            (false, 1) => tiles::<L, HALF, 1>(depth, left, right, add, to, rows),
            (false, 2) => tiles::<L, HALF, 2>(depth, left, right, add, to, rows),
            (false, _) => tiles::<L, HALF, 3>(depth, left, right, add, to, rows),
        }
    }
}

/// [`microkernel`] in tiles of `R` rows by `V` registers.
#[inline(always)]
unsafe fn tiles<L: Lanes, const R: usize, const V: usize>(
    depth: usize,
    left: impl Fn(usize, usize) -> L::Element,
    right: impl Fn(usize) -> *const L::Element,
    add: bool,
    (to, stride): (*mut L::Element, usize),
    rows: usize,
) {
    for first in (0..rows).step_by(R) {
        // SAFETY: by contract; a panel has whole tiles.
        unsafe {
            let mut sums = [[L::constant(0.0); V]; R];
            for k in 0..depth {
                let from = right(k);
                let mut registers = [L::constant(0.0); V];
                for (v, register) in registers.iter_mut().enumerate() {
                    *register = L::load(from.add(v * L::WIDTH));
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let number = L::splat(left(k, first + i));
                    for (sum, &register) in sums.iter_mut().zip(&registers) {
                        *sum = sum.mul_add(number, register);
                    }
                }
            }
            for (i, sums) in sums.into_iter().enumerate() {
                for (v, sum) in sums.into_iter().enumerate() {
                    let to = to.add((first + i) * stride + v * L::WIDTH);
                    if add { L::load(to).add(sum) } else { sum }.store(to);
                }
            }
        }
    }
}
