//! Matrices transposed, a register of columns by four rows at a time.
#![allow(unsafe_code)]

use crate::element::Element;
use crate::simd::{Lanes, Work};

/// A matrix of rows and columns, transposed; rows lie a stride apart on both sides.
pub(super) struct Transpose<'a, T> {
    pub from: &'a [T],
    pub from_stride: usize,
    pub size: (usize, usize),
    pub to: &'a mut [T],
    pub to_stride: usize,
}

impl<T: Element> Work<T> for Transpose<'_, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let Self { from, from_stride, size: (rows, columns), to, to_stride } = self;
        assert!(rows > 0 && columns > 0);
        assert!((rows - 1) * from_stride + columns <= from.len());
        assert!((columns - 1) * to_stride + rows <= to.len());
        for j in (0..columns).step_by(L::WIDTH) {
            for i in (0..rows).step_by(4) {
                if i + 4 <= rows && j + L::WIDTH <= columns {
                    // SAFETY: inside both, by the assertions.
                    unsafe {
                        let row =
                            |row: usize| L::load(from.as_ptr().add((i + row) * from_stride + j));
                        let to = to.as_mut_ptr().add(j * to_stride + i);
                        L::transpose([row(0), row(1), row(2), row(3)], to, to_stride);
                    }
                    continue;
                }
                for i in i..rows.min(i + 4) {
                    for j in j..columns.min(j + L::WIDTH) {
                        to[j * to_stride + i] = from[i * from_stride + j];
                    }
                }
            }
        }
    }
}
