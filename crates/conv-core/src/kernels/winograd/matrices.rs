//! Products with the three matrices of Lavin and Gray (2016, §4.3) at the points 0, 1, -1, 2, -2
//! and ∞: `G` for the kernel, `Bᵀ` for the window, `Aᵀ` for the products. A register holds the same
//! place of as many kernels or windows.
#![allow(unsafe_code)]

use crate::simd::Lanes;

/// Places of a window along an axis, and outputs of the largest tile.
pub(super) const WINDOW: usize = 6;
pub(super) const TILE: usize = 4;
/// Taps of the largest kernel along an axis.
pub(super) const TAPS: usize = 5;

/// `G` times the taps of a kernel: the kernel, as a polynomial, at the six points, divided by the
/// product of a point's distances to the others.
#[inline(always)]
pub(super) unsafe fn filter_transform<L: Lanes>(
    [a, b, c, d, e]: [L; TAPS],
    taps: usize,
) -> [L; WINDOW] {
    // SAFETY: the set is there by the caller's contract.
    unsafe {
        let sixth = L::constant(1. / 6.);
        let twenty_fourth = L::constant(1. / 24.);
        let even = a.add(c).add(e);
        let odd = b.add(d);
        let even2 = a.mul_add(L::constant(4.), c).mul_add(L::constant(16.), e);
        let odd2 = b.add(b).mul_add(L::constant(8.), d);
        [
            a.mul(L::constant(1. / 4.)),
            even.add(odd).mul(L::constant(-1. / 6.)),
            odd.sub(even).mul(sixth),
            even2.add(odd2).mul(twenty_fourth),
            even2.sub(odd2).mul(twenty_fourth),
            [a, b, c, d, e][taps - 1],
        ]
    }
}

/// `Bᵀ` times six numbers.
#[inline(always)]
pub(super) unsafe fn input_transform<L: Lanes>(d: [L; WINDOW]) -> [L; WINDOW] {
    // SAFETY: the set is there by the caller's contract.
    unsafe {
        let (even, odd) =
            (d[4].mul_add(L::constant(-4.), d[2]), d[3].mul_add(L::constant(-4.), d[1]));
        let even2 = d[4].sub(d[2]);
        let odd2 = d[3].sub(d[1]).mul(L::constant(2.));
        [
            d[4].mul_add(L::constant(-5.), d[2]).mul_add(L::constant(4.), d[0]),
            even.add(odd),
            even.sub(odd),
            even2.add(odd2),
            even2.sub(odd2),
            d[5].mul_add(L::constant(-5.), d[3]).mul_add(L::constant(4.), d[1]),
        ]
    }
}

/// `Aᵀ` times six numbers: the first `tile` of the result.
#[inline(always)]
pub(super) unsafe fn output_transform<L: Lanes>(m: [L; WINDOW], tile: usize) -> [L; TILE] {
    // SAFETY: the set is there by the caller's contract.
    unsafe {
        let sum = m[1].add(m[2]);
        let difference = m[1].sub(m[2]);
        let sum2 = m[3].add(m[4]);
        let difference2 = m[3].sub(m[4]);
        let mut to = [
            m[0].add(sum).add(sum2),
            difference.mul_add(L::constant(2.), difference2),
            sum.mul_add(L::constant(4.), sum2),
            difference.mul_add(L::constant(8.), difference2),
        ];
        match tile {
            4 => to[3] = to[3].add(m[5]),
            3 => to[2] = to[2].add(m[5]),
            _ => to[1] = to[1].add(m[5]),
        }
        to
    }
}

/// `transform` of each row, and then of each column where there is more than one row: calls `take`
/// with the row, the column and the element of what comes out. The second argument of `transform`
/// says whether it is a row.
///
/// # Safety
/// The set of `L`.
#[inline(always)]
pub(super) unsafe fn along_both<L: Lanes, const FROM: usize, const TO: usize>(
    rows: &[[L; FROM]],
    transform: impl Fn([L; FROM], bool) -> [L; TO],
    mut take: impl FnMut(usize, usize, L),
) {
    // SAFETY: by contract.
    let zero = unsafe { L::constant(0.0) };
    let mut transformed = [[zero; TO]; WINDOW];
    for (transformed, row) in transformed.iter_mut().zip(rows) {
        *transformed = transform(*row, true);
    }
    for x in 0..TO {
        if rows.len() == 1 {
            take(0, x, transformed[0][x]);
            continue;
        }
        let mut column = [zero; FROM];
        for (element, row) in column.iter_mut().zip(&transformed[..rows.len()]) {
            *element = row[x];
        }
        for (y, element) in transform(column, false).into_iter().enumerate() {
            take(y, x, element);
        }
    }
}
