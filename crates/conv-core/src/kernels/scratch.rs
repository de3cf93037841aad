//! Buffers that a thread keeps between blocks and calls: fresh ones would cost more in page faults than filling them. They stay as
//! large as the largest block that the thread has worked on.

use std::cell::Cell;

use crate::element::Element;

/// Up to three buffers a block of work needs. What they hold at first is left over from another use.
#[derive(Default)]
pub(crate) struct Scratch<T> {
    /// The unrolled input.
    pub columns: Vec<T>,
    /// Columns of the output's gradient, side by side.
    pub gathered: Vec<T>,
    /// A product before it is spread.
    pub product: Vec<T>,
}

/// Element types with buffers of their own on each thread.
pub(crate) trait HasScratch: Sized + 'static {
    /// Calls `work` with this thread's buffers.
    fn with_scratch<R>(work: impl FnOnce(&mut Scratch<Self>) -> R) -> R;
}

macro_rules! has_scratch {
    ($($element:ty),*) => {$(
        impl HasScratch for $element {
            fn with_scratch<R>(work: impl FnOnce(&mut Scratch<Self>) -> R) -> R {
                thread_local! {
                    static BUFFERS: Cell<Scratch<$element>> = Cell::default();
                }
                BUFFERS.with(|kept| {
                    let mut buffers = kept.take();
                    let result = work(&mut buffers);
                    kept.set(buffers);
                    result
                })
            }
        }
    )*};
}

has_scratch!(f32, f64);

/// The first `len` elements of `buffer`, grown where it is shorter.
pub(super) fn sized<T: Element>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    if buffer.len() < len {
        buffer.resize(len, T::zero());
    }
    &mut buffer[..len]
}
