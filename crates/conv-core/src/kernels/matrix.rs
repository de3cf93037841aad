//! Matrices as views over slices, and their product by the `gemm` crate on the calling thread.
#![allow(unsafe_code)]

use gemm::Parallelism;

use crate::element::Element;

/// A matrix inside a slice.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a, T> {
    data: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// `rows` rows of `columns` neighbouring elements, a row starting `row_stride` after the one before.
    pub fn new(data: &'a [T], rows: usize, columns: usize, row_stride: usize) -> Self {
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    /// The same elements with rows and columns swapped.
    pub fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    fn fits(&self) -> bool {
        self.rows == 0
            || self.columns == 0
            || (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride
                < self.data.len()
    }
}

/// `into` = `left` · `right`, or `into` += `left` · `right` where `add`; `into` is row-major without gaps.
///
/// # Panics
/// Where the inner sizes differ or a matrix does not fit its slice.
pub(super) fn multiply<T: Element>(
    into: &mut [T],
    add: bool,
    left: Matrix<'_, T>,
    right: Matrix<'_, T>,
) {
    let (m, n, k) = (left.rows, right.columns, left.columns);
    assert_eq!(k, right.rows, "inner sizes of a matrix product");
    assert!(left.fits() && right.fits() && into.len() >= m * n);
    // SAFETY: the three matrices lie inside their slices (checked above), `into` is borrowed exclusively and so overlaps neither
    // operand, and its elements, where `read_dst` lets them be read, are initialised.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            into.as_mut_ptr(),
            1,
            n as isize,
            add,
            left.data.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.data.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            T::one(),
            T::one(),
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_reads_strides_and_adds_where_asked() {
        // [[1, 2], [3, 4]] inside a wider slice.
        let wide = [1., 2., 9., 3., 4.];
        let a = Matrix::new(&wide, 2, 2, 3);
        let b = [1., 10.];
        let mut c = [f64::NAN; 2];
        multiply(&mut c, false, a, Matrix::new(&b, 2, 1, 1));
        assert_eq!(c, [21., 43.]);
        multiply(&mut c, true, a.transposed(), Matrix::new(&b, 2, 1, 1));
        assert_eq!(c, [21. + 31., 43. + 42.]);
    }

    #[test]
    #[should_panic(expected = "assertion failed")]
    fn a_matrix_that_leaves_its_slice_is_refused() {
        let a = [1f32; 5];
        let mut c = [0f32; 4];
        multiply(&mut c, false, Matrix::new(&a, 2, 3, 3), Matrix::new(&a, 3, 2, 2));
    }
}
