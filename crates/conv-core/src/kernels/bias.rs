//! The gradient of a bias: one number a channel, summed over the channel's elements.

use super::blocks::fill_chunks;
use crate::element::Element;
use crate::memory::AllocError;

/// Partial sums that the processor can take at once, always in the same order.
const LANES: usize = 8;

/// The sums of the gradients of each channel's elements: the batch's samples in order, each in
/// partial sums.
pub(crate) fn bias_gradient<T: Element>(
    [channels, pixels]: [usize; 2],
    dy: &[T],
) -> Result<Vec<T>, AllocError> {
    fill_chunks(channels, 1, dy.len(), |channel, dbias| {
        for sample in dy.chunks_exact(channels * pixels) {
            let mut sums = [T::zero(); LANES];
            let chunks = sample[channel * pixels..][..pixels].chunks_exact(LANES);
            sums.iter_mut().zip(chunks.remainder()).for_each(|(sum, &dy)| *sum += dy);
            for chunk in chunks {
                sums.iter_mut().zip(chunk).for_each(|(sum, &dy)| *sum += dy);
            }
            dbias[0] += sums.into_iter().fold(T::zero(), |sum, lane| sum + lane);
        }
        Ok(())
    })
}
