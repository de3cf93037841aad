//! The kernels of one plane (one channel of one sample).

use super::columns::Columns;
use super::window::Windows;
use crate::element::Element;
use crate::kernels::acquire;
use crate::memory::AllocResult;

impl Windows {
    /// `y[o] = fold of f over the elements that window o sees`, from `identity` on: over its rows
    /// first, which are whole, then over its columns.
    #[inline(always)]
    pub(super) fn fold<T: Element, const BLOCKS: bool>(
        &self,
        columns: &Columns,
        x: &[T],
        y: &mut [T],
        identity: T,
        f: impl Fn(T, T) -> T + Copy,
    ) -> AllocResult {
        let mut line = acquire::<T>(columns.input)?;
        let outputs = self.cols.output;
        // Whole blocks may reach beyond the end.
        let mut parts = acquire::<T>(columns.split_len().saturating_add(BLOCK))?;
        let mut folded = acquire::<T>(outputs.saturating_add(BLOCK))?;
        for (row, y) in y.chunks_exact_mut(outputs).enumerate() {
            line.fill(identity);
            for i in self.rows.taps(row) {
                let x = &x[self.rows.position(row, i) * columns.input..];
                fold_into::<T, BLOCKS>(&mut line, x, f);
            }
            if let Some(runs) = &columns.runs {
                for (y, run) in y.iter_mut().zip(runs) {
                    *y = fold_run(&line[run.clone()], identity, f);
                }
                continue;
            }
            columns.split(&line, &mut parts[..columns.split_len()]);
            folded.fill(identity);
            for (range, place) in &columns.taps {
                let x = &parts[*place..];
                if columns.step != 1 {
                    for (y, &x) in
                        folded[range.clone()].iter_mut().zip(x.iter().step_by(columns.step))
                    {
                        *y = f(*y, x);
                    }
                } else if range.end == outputs {
                    // What lies behind the last output is not read.
                    let whole = range.len().next_multiple_of(BLOCK);
                    fold_into::<T, BLOCKS>(&mut folded[range.start..][..whole], x, f);
                } else {
                    fold_into::<T, BLOCKS>(&mut folded[range.clone()], x, f);
                }
            }
            y.copy_from_slice(&folded[..outputs]);
        }
        Ok(())
    }

    /// `dx[i] += g[o]` for each element `i` that window `o` sees.
    #[inline(always)]
    pub(super) fn spread<T: Element>(
        &self,
        columns: &Columns,
        g: &[T],
        dx: &mut [T],
    ) -> AllocResult {
        let mut line = acquire::<T>(columns.input)?;
        let mut parts = acquire::<T>(columns.split_len())?;
        for (row, g) in self.rows_of(g).enumerate() {
            if let Some(runs) = &columns.runs {
                line.fill(T::zero());
                for (&g, run) in g.iter().zip(runs) {
                    for dx in &mut line[run.clone()] {
                        *dx += g;
                    }
                }
            } else {
                parts.fill(T::zero());
                for (outputs, place) in &columns.taps {
                    let g = &g[outputs.clone()];
                    let dx = &mut parts[*place..];
                    if columns.step == 1 {
                        for (dx, &g) in dx.iter_mut().zip(g) {
                            *dx += g;
                        }
                    } else {
                        for (dx, &g) in dx.iter_mut().step_by(columns.step).zip(g) {
                            *dx += g;
                        }
                    }
                }
                columns.merge(&parts, &mut line);
            }
            for i in self.rows.taps(row) {
                let dx = &mut dx[self.rows.position(row, i) * columns.input..];
                for (dx, &g) in dx.iter_mut().zip(&*line) {
                    *dx += g;
                }
            }
        }
        Ok(())
    }

    /// `dx[i] += g[o]` for the first element `i` of window `o`, in row-major order, which is its
    /// maximum `y[o]`. There is none where the input was written over since.
    #[inline(always)]
    pub(super) fn send_to_first<T: Element>(
        &self,
        columns: &Columns,
        [x, y, g]: [&[T]; 3],
        dx: &mut [T],
    ) -> AllocResult {
        if let Some(runs) = &columns.runs {
            for (row, (y, g)) in self.rows_of(y).zip(self.rows_of(g)).enumerate() {
                for ((&y, &g), run) in y.iter().zip(g).zip(runs) {
                    let found = self.rows.taps(row).find_map(|i| {
                        let start = self.rows.position(row, i) * columns.input;
                        let seen = &x[start..][run.clone()];
                        Some(start + run.start + seen.iter().position(|&x| is_same(x, y))?)
                    });
                    if let Some(place) = found {
                        dx[place] += g;
                    }
                }
            }
            return Ok(());
        }
        let len = columns.split_len();
        let rows = self.rows.input;
        // Whole blocks may reach beyond the end.
        let room = (rows * len).saturating_add(BLOCK);
        let mut x_parts = acquire::<T>(room)?;
        let mut dx_parts = acquire::<T>(room)?;
        for (x, parts) in x.chunks_exact(columns.input).zip(x_parts.chunks_exact_mut(len)) {
            columns.split(x, parts);
        }
        dx_parts.fill(T::zero());
        // Each window's maximum, and its gradient until the element is found that it goes to;
        // behind the last there is none.
        let outputs = self.cols.output;
        let mut maxima = acquire::<T>(outputs.saturating_add(BLOCK))?;
        let mut left = acquire::<T>(outputs.saturating_add(BLOCK))?;
        for (row, (y, g)) in self.rows_of(y).zip(self.rows_of(g)).enumerate() {
            maxima[..outputs].copy_from_slice(y);
            maxima[outputs..].fill(T::zero());
            left[..outputs].copy_from_slice(g);
            left[outputs..].fill(T::zero());
            for i in self.rows.taps(row) {
                let start = self.rows.position(row, i) * len;
                for (range, place) in &columns.taps {
                    let y = &maxima[range.start..];
                    let left = &mut left[range.start..];
                    let x = &x_parts[start + place..];
                    let dx = &mut dx_parts[start + place..];
                    if columns.step == 1 && range.end == outputs {
                        give_blocks(range.len().div_ceil(BLOCK), y, left, x, dx);
                        continue;
                    }
                    let y = &y[..range.len()];
                    let left = &mut left[..range.len()];
                    match columns.step {
                        1 => give(y, left, x.iter(), dx.iter_mut()),
                        step => give(y, left, x.iter().step_by(step), dx.iter_mut().step_by(step)),
                    }
                }
            }
        }
        let dx_parts = &dx_parts[..rows * len];
        for (dx, parts) in dx.chunks_exact_mut(columns.input).zip(dx_parts.chunks_exact(len)) {
            columns.merge(parts, dx);
        }
        Ok(())
    }

    fn rows_of<'a, T>(&self, outputs: &'a [T]) -> std::slice::ChunksExact<'a, T> {
        outputs.chunks_exact(self.cols.output)
    }
}

/// `y[i] = f(y[i], x[i])` for all of `y`. The compiler turns a loop of sums into vectors by itself;
/// one of comparisons only in blocks of fixed length.
#[inline(always)]
fn fold_into<T: Element, const BLOCKS: bool>(y: &mut [T], x: &[T], f: impl Fn(T, T) -> T + Copy) {
    let whole = if BLOCKS { y.len() / BLOCK * BLOCK } else { 0 };
    let (blocks, rest) = y.split_at_mut(whole);
    for (y, x) in blocks.as_chunks_mut::<BLOCK>().0.iter_mut().zip(x.as_chunks::<BLOCK>().0) {
        for i in 0..BLOCK {
            y[i] = f(y[i], x[i]);
        }
    }
    for (y, &x) in rest.iter_mut().zip(&x[whole..]) {
        *y = f(*y, x);
    }
}

/// Outputs that are looked at together, in a register of the widest instruction set or several
/// narrower ones.
const BLOCK: usize = 16;

/// [`give`] for so many whole blocks, the last of which may reach behind the last window, where
/// nothing is left to give.
#[inline(always)]
fn give_blocks<T: Element>(blocks: usize, y: &[T], left: &mut [T], x: &[T], dx: &mut [T]) {
    let outputs = y.as_chunks::<BLOCK>().0.iter().zip(left.as_chunks_mut::<BLOCK>().0).take(blocks);
    let elements = x.as_chunks::<BLOCK>().0.iter().zip(dx.as_chunks_mut::<BLOCK>().0);
    for ((y, left), (x, dx)) in outputs.zip(elements) {
        for i in 0..BLOCK {
            let is_maximum = is_same(x[i], y[i]);
            dx[i] += if is_maximum { left[i] } else { T::zero() };
            left[i] = if is_maximum { T::zero() } else { left[i] };
        }
    }
}

/// Adds what is left of each window's gradient to its element if that is its maximum, and then
/// leaves nothing.
#[inline(always)]
fn give<'a, T: Element>(
    y: &[T],
    left: &mut [T],
    x: impl Iterator<Item = &'a T>,
    dx: impl Iterator<Item = &'a mut T>,
) {
    for (((&y, left), &x), dx) in y.iter().zip(left).zip(x).zip(dx) {
        let is_maximum = is_same(x, y);
        *dx += if is_maximum { *left } else { T::zero() };
        *left = if is_maximum { T::zero() } else { *left };
    }
}

/// A fold over blocks, lest a long mean loses what its last elements add.
#[inline(always)]
fn fold_run<T: Element>(run: &[T], identity: T, f: impl Fn(T, T) -> T + Copy) -> T {
    run.chunks(1 << 12).map(|block| fold_block(block, identity, f)).fold(identity, f)
}

/// A fold over eight interleaved parts, so that the processor's vector units can do them side by
/// side.
#[inline(always)]
fn fold_block<T: Element>(run: &[T], identity: T, f: impl Fn(T, T) -> T + Copy) -> T {
    let mut lanes = [identity; 8];
    let chunks = run.chunks_exact(lanes.len());
    let rest = chunks.remainder().iter().fold(identity, |a, &x| f(a, x));
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = f(*lane, x);
        }
    }
    lanes.into_iter().fold(rest, f)
}

/// Whether both are the same number, or both none.
#[inline(always)]
fn is_same<T: Element>(a: T, b: T) -> bool {
    (a == b) | (is_nan(a) & is_nan(b))
}

/// Whether `x` is not a number.
#[inline(always)]
#[expect(clippy::eq_op, reason = "a comparison that vectors have")]
pub(super) fn is_nan<T: Element>(x: T) -> bool {
    x != x
}
