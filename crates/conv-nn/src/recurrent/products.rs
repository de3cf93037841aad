//! Products of whole matrices that the gradients of all steps end with, in blocks of fixed size.

use super::forward::multiply;
use crate::blocks::fill;
use crate::real::Real;
use conv_core::cpu::Panels;
use std::ops::Range;

/// Rows whose products are summed before they are added to those before.
const DEPTH: usize = 256;
/// Columns, or rows, that a panel is multiplied with before the next panel.
const BLOCK: usize = 64;

/// Σ of `a[row][column] · b[row][·]` over all rows, for each of some columns of `a`: `[columns][b's
/// width]`.
pub(super) fn of_columns<T: Real>(
    (a, a_width): (&[T], usize),
    columns: Range<usize>,
    (b, b_width): (&[T], usize),
) -> conv_core::Result<Vec<T>> {
    let slices = b
        .chunks(DEPTH * b_width)
        .map(|slice| Panels::new(slice, [b_width, slice.len() / b_width], [1, b_width]));
    let slices = slices.collect::<conv_core::Result<Vec<_>>>()?;
    Ok(fill(
        columns.len() * b_width,
        BLOCK * b_width,
        #[inline(always)]
        |start, out| {
            let first = columns.start + start / b_width;
            let count = out.len() / b_width;
            let mut turned = vec![T::zero(); count * DEPTH];
            let room = slices.first().map_or(0, |panels| panels.room(count));
            let mut sums = vec![T::zero(); room];
            for (panels, a) in slices.iter().zip(a.chunks(DEPTH * a_width)) {
                let depth = a.len() / a_width;
                for (row, a) in a.chunks_exact(a_width).enumerate() {
                    for (turned, &a) in turned.chunks_exact_mut(DEPTH).zip(&a[first..][..count]) {
                        turned[row] = a;
                    }
                }
                let rows: Vec<_> = turned.chunks_exact(DEPTH).map(|row| &row[..depth]).collect();
                multiply(panels, &rows, &mut sums, out, |out, sum| *out += sum);
            }
        },
    ))
}

/// Products of the first numbers of each row of `a` with a matrix: `[rows][outputs]`.
pub(super) fn of_rows<T: Real>(
    (a, a_width): (&[T], usize),
    inputs: usize,
    matrix: &Panels<T>,
) -> Vec<T> {
    let outputs = matrix.outputs();
    fill(
        a.len() / a_width * outputs,
        BLOCK * outputs,
        #[inline(always)]
        |start, out| {
            let rows = a[start / outputs * a_width..].chunks_exact(a_width);
            let rows: Vec<_> = rows.take(out.len() / outputs).map(|row| &row[..inputs]).collect();
            let mut sums = vec![T::zero(); matrix.room(rows.len())];
            multiply(matrix, &rows, &mut sums, out, |out, sum| *out = sum);
        },
    )
}
