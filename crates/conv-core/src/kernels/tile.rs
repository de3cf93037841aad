//! The register tile: a few rows times three registers of columns, summed over the depth without touching memory but to read.
//!
//! With AVX-512 it has 8 rows: 24 sums, 3 registers of the right side and one number of the left in 32 registers, and 24
//! multiply-adds for 11 loads. With AVX2 there is room for 4 rows.
#![allow(unsafe_code)]

use super::Weight;
use super::plan::Plan;
use crate::element::Element;
use crate::simd::Lanes;

/// Rows of a packed panel of the left side, in which each step of the depth lies side by side. Tiles of fewer rows take a panel in
/// several passes.
pub(super) const PANEL: usize = 8;
/// Steps of the depth that are packed row by row.
const STEPS: usize = 64;
/// Registers of a tile's row.
pub(super) const REGISTERS: usize = 3;

/// Columns of a tile.
pub(super) const fn width<L: Lanes>() -> usize {
    REGISTERS * L::WIDTH
}

/// What is done to sums when they are stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Store<T> {
    /// Add what is there.
    pub add: bool,
    /// Then add this to each element of the row.
    pub bias: Option<*const T>,
    /// Then make negative ones 0.
    pub rectify: bool,
}

/// `acc[i][·] += Σ_k left(k, i) · right(k)[·]`.
///
/// # Safety
/// The set of `L`, and pointers of `right` good for `V` registers.
#[inline(always)]
pub(super) unsafe fn multiply<L: Lanes, const R: usize, const V: usize>(
    depth: usize,
    left: impl Fn(usize, usize) -> L::Element,
    right: impl Fn(usize) -> *const L::Element,
    acc: &mut [[L; V]; R],
) {
    for k in 0..depth {
        let right = right(k);
        // SAFETY: by contract.
        unsafe {
            let mut b = [L::constant(0.0); V];
            for (v, b) in b.iter_mut().enumerate() {
                *b = L::load(right.add(v * L::WIDTH));
            }
            for (i, acc) in acc.iter_mut().enumerate() {
                let a = L::splat(left(k, i));
                for v in 0..V {
                    acc[v] = acc[v].mul_add(a, b[v]);
                }
            }
        }
    }
}

/// Writes the first `rows` rows and `columns` columns of a tile to `to`, a row `stride` after the other.
///
/// # Safety
/// The set of `L`; that part of `to` is writable, and `store.bias` readable for `rows`.
#[inline(always)]
pub(super) unsafe fn write<L: Lanes, const R: usize, const V: usize>(
    acc: &[[L; V]; R],
    store: Store<L::Element>,
    to: *mut L::Element,
    stride: usize,
    rows: usize,
    columns: usize,
) {
    for (i, acc) in acc.iter().enumerate().take(rows) {
        // SAFETY: by contract.
        unsafe {
            let bias = store.bias.map(|bias| L::splat(*bias.add(i)));
            for (v, &sum) in acc.iter().enumerate() {
                let count = columns.saturating_sub(v * L::WIDTH).min(L::WIDTH);
                let to = to.add(i * stride + v * L::WIDTH);
                let mut sum = sum;
                if store.add {
                    sum = L::load_first(to, count).add(sum);
                }
                if let Some(bias) = bias {
                    sum = sum.add(bias);
                }
                if store.rectify {
                    sum = sum.max(L::constant(0.0));
                }
                match count == L::WIDTH {
                    true => sum.store(to),
                    false => sum.store_first(to, count),
                }
            }
        }
    }
}

/// A panel of the left side times one of the right: [`multiply`] and [`write`] for up to [`PANEL`] rows and [`width`] columns.
///
/// `left[k · PANEL + i]` is the left side; `right(k)` points to the right side's row `k`.
///
/// # Safety
/// As for both; `right` is read in whole registers, as many as `columns` need.
#[inline(always)]
pub(super) unsafe fn panel<L: Lanes>(
    depth: usize,
    left: *const L::Element,
    right: impl Fn(usize) -> *const L::Element + Copy,
    store: Store<L::Element>,
    to: *mut L::Element,
    stride: usize,
    (rows, columns): (usize, usize),
) {
    // SAFETY: by contract.
    unsafe {
        match columns.div_ceil(L::WIDTH) {
            1 => rows_of::<L, 1>(depth, left, right, store, to, stride, (rows, columns)),
            2 => rows_of::<L, 2>(depth, left, right, store, to, stride, (rows, columns)),
            _ => rows_of::<L, 3>(depth, left, right, store, to, stride, (rows, columns)),
        }
    }
}

#[inline(always)]
unsafe fn rows_of<L: Lanes, const V: usize>(
    depth: usize,
    left: *const L::Element,
    right: impl Fn(usize) -> *const L::Element + Copy,
    store: Store<L::Element>,
    to: *mut L::Element,
    stride: usize,
    (rows, columns): (usize, usize),
) {
    // SAFETY: by contract; a panel holds PANEL rows however many of them count.
    unsafe {
        if L::ROWS == PANEL && rows > PANEL / 2 {
            for i in 0..rows {
                for v in 0..V {
                    L::prefetch(to.wrapping_add(i * stride + v * L::WIDTH));
                }
            }
            let mut acc = [[L::constant(0.0); V]; PANEL];
            multiply(depth, |k, i| *left.add(k * PANEL + i), right, &mut acc);
            write(&acc, store, to, stride, rows, columns);
        } else {
            for first in (0..rows).step_by(PANEL / 2) {
                let mut acc = [[L::constant(0.0); V]; PANEL / 2];
                multiply(depth, |k, i| *left.add(k * PANEL + first + i), right, &mut acc);
                let bias = store.bias.map(|bias| bias.add(first));
                let (to, rows) = (to.add(first * stride), (rows - first).min(PANEL / 2));
                write(&acc, Store { bias, ..store }, to, stride, rows, columns);
            }
        }
    }
}

/// A panel of a weight: `[channels · taps][PANEL]`, with zeros for rows from `rows` on. Row `i` starts at `kernels[i]`.
pub(super) fn pack<T: Element>(
    plan: &Plan,
    weight: Weight<'_, T>,
    kernels: [usize; PANEL],
    rows: usize,
    panel: &mut [T],
) {
    if rows < PANEL {
        panel.fill(T::zero());
    }
    if weight.is_in_order(plan) {
        // Some steps of a row before the next row: both sides then stay in the nearest cache.
        for (number, steps) in panel.chunks_mut(STEPS * PANEL).enumerate() {
            for (i, start) in kernels.into_iter().enumerate().take(rows) {
                let from = &weight.elements[start + number * STEPS..];
                for (step, &element) in steps.chunks_exact_mut(PANEL).zip(from) {
                    step[i] = element;
                }
            }
        }
        return;
    }
    let mut steps = panel.chunks_exact_mut(PANEL);
    for c in 0..plan.channels_in {
        for y in 0..plan.h.taps as isize {
            for (x, step) in (0..plan.w.taps as isize).zip(&mut steps) {
                let tap =
                    (c * weight.input).wrapping_add_signed(y * weight.row + x * weight.column);
                for (element, start) in step.iter_mut().zip(kernels).take(rows) {
                    *element = weight.elements[start.wrapping_add(tap)];
                }
            }
        }
    }
}
