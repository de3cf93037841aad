//! A result that several threads write, each its own parts, where those parts interleave.
#![allow(unsafe_code)]

use std::marker::PhantomData;

/// An exclusively borrowed slice from which tasks take parts that do not overlap.
pub(super) struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: what a thread can do with it is take a part, and the contract of `part` makes that
// exclusive.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// The `len` elements from `start`.
    ///
    /// # Safety
    /// While the part lives, no other that overlaps it may be taken.
    ///
    /// # Panics
    /// Where the part leaves the slice.
    #[expect(clippy::mut_from_ref, reason = "parts are disjoint by contract")]
    pub unsafe fn part(&self, start: usize, len: usize) -> &mut [T] {
        assert!(start <= self.len && len <= self.len - start);
        // SAFETY: inside the slice (checked above), which is borrowed exclusively for 'a; no other
        // part overlaps (contract).
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }
}
