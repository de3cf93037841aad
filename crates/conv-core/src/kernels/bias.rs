//! The bias: one number a channel, laid over the channel's elements, and its gradient summed over them.

use super::blocks::each_chunk;
use super::scratch::Done;
use super::sums::sum;
use crate::element::Element;

/// Sums into `dbias` the gradients of its channel's elements: the batch's samples in order, each in eight partial sums.
pub(crate) fn bias_gradient<T: Element>(pixels: usize, dy: &[T], dbias: &mut [T]) -> Done {
    let channels = dbias.len();
    each_chunk(dbias, 1, dy.len(), |channel, dbias| {
        dbias[0] = T::zero();
        for sample in dy.chunks_exact(channels * pixels) {
            dbias[0] += sum(&sample[channel * pixels..][..pixels]);
        }
        Ok(())
    })
}
