//! Gated linear units behind convolutions that are trained.

use candle_core::{Device, Tensor};

use crate::cpu::InstructionSet;
use crate::element::{Element, read};
use crate::kernels::fill_chunks;
use crate::memory::AllocError;

/// a · σ(b), with a and b the halves of a sample's `sums`, each of `of_sample` elements.
pub(crate) fn glu<T: Element>(sums: &[T], of_sample: usize) -> Result<Vec<T>, AllocError> {
    fill_chunks(sums.len() / 2, of_sample, sums.len(), |sample, y| {
        let (a, b) = sums[2 * sample * of_sample..][..2 * of_sample].split_at(of_sample);
        InstructionSet::vectorize(
            #[inline(always)]
            || {
                for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
                    *y = a.glu(b);
                }
            },
        );
        Ok(())
    })
}

/// The gradient of `sums` in [`glu`], whose result's is `dy`.
pub(crate) fn gradient<T: Element>(
    op: &'static str,
    sums: &Tensor,
    dy: &Tensor,
) -> candle_core::Result<Tensor> {
    let of_sample = dy.dims()[1..].iter().product::<usize>();
    let of_sums = |sums: &[T], dy: &[T]| {
        fill_chunks(sums.len(), 2 * of_sample, sums.len(), |sample, to| {
            let (a, b) = sums[2 * sample * of_sample..][..2 * of_sample].split_at(of_sample);
            let (da, db) = to.split_at_mut(of_sample);
            let dy = &dy[sample * of_sample..][..of_sample];
            InstructionSet::vectorize(
                #[inline(always)]
                || {
                    let gradients = da.iter_mut().zip(db);
                    for (((da, db), (&a, &b)), &dy) in gradients.zip(a.iter().zip(b)).zip(dy) {
                        [*da, *db] = a.glu_gradients(b, dy);
                    }
                },
            );
            Ok(())
        })
        .map_err(|no_room| no_room.in_operation(op).into())
    };
    let elements = read(dy, |dy: &[T]| read(sums, |sums| of_sums(sums, dy)))?;
    Tensor::from_vec(elements, sums.shape(), &Device::Cpu)
}
