//! Buffers that a thread keeps for the next call, since fresh ones would cost more in page faults
//! than filling them.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

use super::packed::Entry;
use crate::element::{Element, try_zeros};
use crate::memory::AllocError;

/// Buffers that a thread keeps at most, and elements that it keeps in all of them: more is given
/// back to the system.
const KEPT: usize = 8;
const KEPT_ELEMENTS: usize = 1 << 26;
/// Bytes at a multiple of which a buffer starts: a cache line, which no load of a register then
/// crosses.
const ALIGNMENT: usize = 64;

/// A buffer of some length. What it holds at first is left over from another use. Dropped, it is
/// there for the next call.
pub(crate) struct Buffer<T: Element> {
    elements: Vec<T>,
    start: usize,
    len: usize,
}

/// Element types with buffers of their own on each thread, and packed weights.
pub(crate) trait HasScratch: Sized + 'static {
    /// Calls `work` with this thread's buffers.
    fn with_kept<R>(work: impl FnOnce(&mut Vec<Vec<Self>>) -> R) -> R;

    /// The packed weights that all threads keep.
    fn packed() -> &'static Mutex<Vec<Arc<Entry<Self>>>>;
}

macro_rules! has_scratch {
    ($($element:ty),*) => {$(
        impl HasScratch for $element {
            fn with_kept<R>(work: impl FnOnce(&mut Vec<Vec<Self>>) -> R) -> R {
                thread_local! {
                    static KEPT: RefCell<Vec<Vec<$element>>> = const { RefCell::new(Vec::new()) };
                }
                KEPT.with_borrow_mut(work)
            }

            fn packed() -> &'static Mutex<Vec<Arc<Entry<$element>>>> {
                static PACKED: Mutex<Vec<Arc<Entry<$element>>>> = Mutex::new(Vec::new());
                &PACKED
            }
        }
    )*};
}

has_scratch!(f32, f64);

/// A buffer of `len` elements: the smallest kept one that is large enough, or a new one in the
/// place of the largest.
pub(crate) fn acquire<T: Element>(len: usize) -> Result<Buffer<T>, AllocError> {
    let room = len.saturating_add(ALIGNMENT / size_of::<T>());
    let mut elements = T::with_kept(|kept| {
        let fits = kept.iter().position(|buffer| buffer.len() >= room);
        let last = kept.len().checked_sub(1);
        fits.or(last).map(|place| kept.remove(place)).unwrap_or_default()
    });
    if elements.len() < room {
        // Given back first, so that memory does not hold both; growing would copy what nobody
        // needs.
        drop(std::mem::take(&mut elements));
        elements = try_zeros(room).ok_or(AllocError { elements: len })?;
    }
    let start = elements.as_ptr().align_offset(ALIGNMENT).min(room - len);
    Ok(Buffer { elements, start, len })
}

impl<T: Element> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.elements[self.start..][..self.len]
    }
}

impl<T: Element> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.elements[self.start..][..self.len]
    }
}

impl<T: Element> Drop for Buffer<T> {
    fn drop(&mut self) {
        let elements = std::mem::take(&mut self.elements);
        T::with_kept(|kept| {
            let place = kept.partition_point(|buffer| buffer.len() < elements.len());
            kept.insert(place, elements);
            while kept.len() > KEPT || kept.iter().map(Vec::len).sum::<usize>() > KEPT_ELEMENTS {
                // The smallest first: it is the cheapest to get again.
                kept.remove(0);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_aligned_and_used_again() -> Result<(), AllocError> {
        let first = acquire::<f32>(1000)?;
        let address = first.as_ptr();
        assert_eq!((address as usize % ALIGNMENT, first.len()), (0, 1000));
        let second = acquire::<f32>(10)?;
        assert_ne!(second.as_ptr(), address);
        drop((first, second));
        assert_eq!(acquire::<f32>(900)?.as_ptr(), address);
        assert_eq!(acquire::<f32>(0)?.len(), 0);
        Ok(())
    }

    #[test]
    fn what_is_kept_is_bounded() {
        drop((0..20).map(|_| acquire::<f64>(10)).collect::<Vec<_>>());
        drop(acquire::<f64>(KEPT_ELEMENTS + 1));
        for elements in [usize::MAX, isize::MAX as usize / 8, isize::MAX as usize / 2] {
            assert_eq!(acquire::<f64>(elements).err(), Some(AllocError { elements }));
        }
        f64::with_kept(|kept| {
            assert!(kept.len() <= KEPT);
            assert!(kept.iter().map(Vec::len).sum::<usize>() <= KEPT_ELEMENTS);
        });
    }
}
