//! The kernels of one plane (one channel of one sample): rows first, then columns; and the
//! transpose of that.

use super::source::Source;
use crate::Result;
use crate::element::{Element, room};

/// One axis's sources, their weights in the element's type.
type Taps<T> = [(usize, usize, T)];

/// The weights of [`Source`] in the element's type.
pub(crate) fn taps<T: Element>(
    op: &'static str,
    sources: &[Source],
) -> Result<Vec<(usize, usize, T)>> {
    let mut taps = room(op, sources.len())?;
    taps.extend(sources.iter().map(|s| (s.low, s.high, T::from_f64(s.weight))));
    Ok(taps)
}

/// `y = rows · x · colsᵀ`; `width` is that of `x`.
pub(crate) fn interpolate<T: Element>(
    rows: &Taps<T>,
    cols: &Taps<T>,
    width: usize,
    x: &[T],
    y: &mut [T],
) {
    let one = T::from_f64(1.0);
    let mut mixed = vec![T::zero(); width];
    for (y, &(low, high, weight)) in y.chunks_exact_mut(cols.len()).zip(rows) {
        let low = &x[low * width..][..width];
        let row = if weight == T::zero() {
            low
        } else {
            let high = &x[high * width..][..width];
            for ((mixed, &a), &b) in mixed.iter_mut().zip(low).zip(high) {
                *mixed = (one - weight) * a + weight * b;
            }
            &mixed
        };
        for (y, &(low, high, weight)) in y.iter_mut().zip(cols) {
            // Not 0 · x[high]: that would be NaN for an infinite element that has no part in this
            // one.
            *y = if weight == T::zero() {
                row[low]
            } else {
                (one - weight) * row[low] + weight * row[high]
            };
        }
    }
}

/// `dx += rowsᵀ · g · cols`.
pub(crate) fn interpolate_back<T: Element>(
    rows: &Taps<T>,
    cols: &Taps<T>,
    width: usize,
    g: &[T],
    dx: &mut [T],
) {
    let one = T::from_f64(1.0);
    let mut row = vec![T::zero(); width];
    for (g, &(low, high, weight)) in g.chunks_exact(cols.len()).zip(rows) {
        row.fill(T::zero());
        for (&g, &(low, high, weight)) in g.iter().zip(cols) {
            row[low] += (one - weight) * g;
            if weight != T::zero() {
                row[high] += weight * g;
            }
        }
        add_scaled(&mut dx[low * width..][..width], one - weight, &row);
        if weight != T::zero() {
            add_scaled(&mut dx[high * width..][..width], weight, &row);
        }
    }
}

fn add_scaled<T: Element>(sum: &mut [T], scale: T, row: &[T]) {
    for (sum, &value) in sum.iter_mut().zip(row) {
        *sum += scale * value;
    }
}
