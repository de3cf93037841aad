//! What becomes of the memory that tensors give back, and results that are not zeroed as a whole.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Error;
use crate::element::Element;

/// A vector in the making, whose blocks are zeroed by the threads that fill them.
///
/// Zeroing it as a whole would be a walk through memory of its own, on one thread: the larger part
/// of an elementwise operation's time. The zeros of a block are still in the nearest cache when
/// they are written over.
///
/// ```
/// let mut squares = conv_core::cpu::Unwritten::new(5);
/// for (start, block) in squares.blocks(2) {
///     for (i, element) in (start..).zip(block.zeros()) {
///         *element = (i * i) as f32;
///     }
/// }
/// assert_eq!(squares.finish(), [0.0, 1.0, 4.0, 9.0, 16.0]);
/// ```
#[derive(Debug)]
pub struct Unwritten<T> {
    elements: Vec<T>,
    len: usize,
    written: AtomicUsize,
}

/// A block of an [`Unwritten`] vector.
#[derive(Debug)]
pub struct Block<'a, T> {
    elements: &'a mut [MaybeUninit<T>],
    written: &'a AtomicUsize,
}

impl<T: Copy + Default> Unwritten<T> {
    /// Of `len` elements.
    pub fn new(len: usize) -> Self {
        Self { elements: Vec::with_capacity(len), len, written: AtomicUsize::new(0) }
    }

    /// All blocks of `size` elements, of which the last may have fewer, each with its first
    /// element's index. `size` is at least 1.
    pub fn blocks(
        &mut self,
        size: usize,
    ) -> impl DoubleEndedIterator<Item = (usize, Block<'_, T>)> + ExactSizeIterator + Send
    where
        T: Send,
    {
        let written = &self.written;
        written.store(0, Ordering::Relaxed);
        self.elements.spare_capacity_mut()[..self.len]
            .chunks_mut(size)
            .enumerate()
            .map(move |(number, elements)| (number * size, Block { elements, written }))
    }

    /// The vector.
    ///
    /// # Panics
    /// Where a block was not written, or not whole.
    pub fn finish(mut self) -> Vec<T> {
        assert_eq!(self.written.into_inner(), self.len, "a block was left out");
        // SAFETY: blocks are disjoint and each is written once at most, so that as many writes as
        // elements were to all of them: `blocks` counts from 0.
        unsafe { self.elements.set_len(self.len) };
        self.elements
    }
}

impl<'a, T: Copy + Default> Block<'a, T> {
    /// Writes the first elements of `values`, one each.
    #[inline(always)]
    pub fn write(self, values: impl Iterator<Item = T>) {
        let mut written = 0;
        for (element, value) in self.elements.iter_mut().zip(values) {
            element.write(value);
            written += 1;
        }
        self.written.fetch_add(written, Ordering::Relaxed);
    }

    /// Its elements, to be written in any order.
    pub fn zeros(self) -> &'a mut [T] {
        self.elements.fill(MaybeUninit::new(T::default()));
        // Not before: a default value may panic.
        self.written.fetch_add(self.elements.len(), Ordering::Relaxed);
        let elements: *mut [MaybeUninit<T>] = self.elements;
        // SAFETY: all of them have just been written; nothing else has them.
        unsafe { &mut *(elements as *mut [T]) }
    }
}

/// Memory for so many elements is not to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AllocError {
    pub elements: usize,
}

/// A kernel's outcome: an allocation that failed stops it.
pub(crate) type AllocResult = Result<(), AllocError>;

impl AllocError {
    pub fn in_operation(self, op: &'static str) -> Error {
        Error::OutOfMemory { op, elements: self.elements }
    }
}

/// A result of `len` elements, all of which `write` writes. They are not zeros at first: that would
/// be another walk through memory, which costs up to an eighth of a kernel's time.
///
/// # Safety
/// Where `write` succeeds it has written every element; it reads none that it has not written.
pub(crate) unsafe fn written<T: Element>(
    len: usize,
    write: impl FnOnce(&mut [T]) -> AllocResult,
) -> Result<Vec<T>, AllocError> {
    let mut result = Vec::new();
    result.try_reserve_exact(len).map_err(|_| AllocError { elements: len })?;
    if cfg!(debug_assertions) {
        // What a kernel has left out then shows in every test.
        result.resize(len, T::from_f64(f64::NAN));
    } else {
        freeze(&mut result.spare_capacity_mut()[..len]);
    }
    // SAFETY: the vector has room for `len` floats, of any value.
    let elements = unsafe { std::slice::from_raw_parts_mut(result.as_mut_ptr(), len) };
    write(elements)?;
    // SAFETY: by the caller's contract `write` has written all of them.
    unsafe { result.set_len(len) };
    Ok(result)
}

/// Freezes uninitialised memory: its contents become arbitrary but fixed.
fn freeze<T: Element>(memory: &mut [MaybeUninit<T>]) {
    #[cfg(all(not(miri), any(target_arch = "x86_64", target_arch = "aarch64")))]
    // SAFETY: it does nothing. To the compiler it may have written all that the pointer reaches,
    // which is the memory of floats alone: from then on they are numbers.
    unsafe {
        std::arch::asm!("/* {0} */", in(reg) memory.as_mut_ptr(), options(nostack, preserves_flags));
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    memory.fill(MaybeUninit::new(T::zero()));
}

/// Makes the C library's allocator keep large blocks for the next tensor instead of returning them
/// to the system.
///
/// A tensor's memory is given back when it is dropped, and asked for anew by the next operation.
/// glibc returns large blocks to the system at once, which then has to clear every page again: a
/// tenth to a half of the time of an elementwise operation. Programs call this at their start; what
/// a program holds is then its peak. Nothing happens where the C library is not glibc.
pub fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;

        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        // From glibc's malloc.h: how much free memory at the heap's end is returned, and how many
        // blocks may be outside of it.
        const TRIM_THRESHOLD: c_int = -1;
        const MMAP_MAX: c_int = -4;
        // SAFETY: both parameters take any number, may be set at any time and by any thread.
        unsafe {
            mallopt(TRIM_THRESHOLD, c_int::MAX);
            mallopt(MMAP_MAX, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Unwritten;

    #[test]
    fn blocks_cover_a_vector_once() {
        for (len, size) in [(0, 1), (1, 3), (7, 3), (9, 3)] {
            let mut counted = Unwritten::<f64>::new(len);
            for (start, block) in counted.blocks(size).rev() {
                block.zeros().iter_mut().enumerate().for_each(|(i, x)| *x += (start + i) as f64);
            }
            assert_eq!(counted.finish(), (0..len).map(|i| i as f64).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "a block was left out")]
    fn a_block_that_is_not_whole_is_noticed() {
        let mut vector = Unwritten::<f32>::new(10);
        vector.blocks(5).for_each(|(_, block)| block.write([1.0; 5].into_iter()));
        vector.blocks(5).for_each(|(_, block)| block.write([1.0; 4].into_iter()));
        vector.finish();
    }

    #[test]
    fn blocks_of_any_size_can_still_be_had() {
        super::keep_memory();
        for len in [1usize, 1 << 12, 1 << 20, 1 << 28] {
            let block = vec![1u8; len];
            assert_eq!(block.iter().map(|&byte| usize::from(byte)).sum::<usize>(), len);
        }
        let threads: Vec<_> =
            (0..4).map(|_| std::thread::spawn(|| vec![1u8; 1 << 27].len())).collect();
        assert!(threads.into_iter().all(|thread| thread.join().is_ok_and(|len| len == 1 << 27)));
    }
}
