//! The gradient of a rectifier that was applied as a convolution's result was stored.
#![allow(unsafe_code)]

use super::blocks::each_chunk;
use super::scratch::Done;
use crate::element::Element;
use crate::simd::{Lanes, Work};

/// Elements of a block, and of a part of it whose length the compiler knows, so that it selects in registers.
const BLOCK: usize = 1 << 14;
const PART: usize = 16;

/// `to` = `dy` where the result `y` is not 0, and 0 where it is, as in PyTorch.
pub(crate) fn rectify_gradient<T: Element>(y: &[T], dy: &[T], to: &mut [T]) -> Done {
    each_chunk(to, BLOCK, dy.len(), |number, to| {
        let start = number * BLOCK;
        let (y, dy) = (&y[start..][..to.len()], &dy[start..][..to.len()]);
        T::vectorize(Rectify { y, dy, to });
        Ok(())
    })
}

struct Rectify<'a, T> {
    y: &'a [T],
    dy: &'a [T],
    to: &'a mut [T],
}

impl<T: Element> Work<T> for Rectify<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let select = |y: T, dy: T| if y <= T::zero() { T::zero() } else { dy };
        let (ys, y) = self.y.as_chunks::<PART>();
        let (dys, dy) = self.dy.as_chunks::<PART>();
        let (tos, to) = self.to.as_chunks_mut::<PART>();
        for ((to, y), dy) in tos.iter_mut().zip(ys).zip(dys) {
            for i in 0..PART {
                to[i] = select(y[i], dy[i]);
            }
        }
        for ((to, &y), &dy) in to.iter_mut().zip(y).zip(dy) {
            *to = select(y, dy);
        }
    }
}
