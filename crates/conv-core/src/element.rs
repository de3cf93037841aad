//! The types the CPU kernels compute in, and how they get at a tensor's elements.

use std::borrow::Cow;

use candle_core::{CpuStorage, DType, Layout, Storage, Tensor, WithDType};

use crate::exponential::Exponential;
use crate::kernels::HasScratch;
use crate::simd::{self, InstructionSet, Work};
use crate::{Error, Result};

/// A type the CPU kernels compute in: f32 or f64.
pub(crate) trait Element: WithDType + HasScratch + Exponential {
    /// Runs `work` compiled for an instruction set, which the processor must have.
    fn vectorize_with<R>(set: InstructionSet, work: impl Work<Self, R>) -> R;

    /// Runs `work` compiled for the [instruction set in use](InstructionSet::in_use).
    fn vectorize<R>(work: impl Work<Self, R>) -> R {
        Self::vectorize_with(InstructionSet::in_use(), work)
    }
}

impl Element for f32 {
    fn vectorize_with<R>(set: InstructionSet, work: impl Work<Self, R>) -> R {
        simd::vectorize_f32(set, work)
    }
}

/// Portable code alone: f64 is there for checking gradients.
impl Element for f64 {
    fn vectorize_with<R>(_: InstructionSet, work: impl Work<Self, R>) -> R {
        simd::vectorize_f64(work)
    }
}

/// The type `op` computes in for tensors of type `dtype`: itself for f32 and f64, f32 for f16 and
/// bf16.
///
/// # Errors
/// [`Error::DType`] for anything else.
pub(crate) fn compute_dtype(op: &'static str, dtype: DType) -> Result<DType> {
    match dtype {
        DType::F32 | DType::F64 => Ok(dtype),
        DType::F16 | DType::BF16 => Ok(DType::F32),
        found => Err(Error::DType { op, found }),
    }
}

/// The elements behind `layout` in row-major order: borrowed where they lie so already, gathered
/// where they do not (transposed, narrowed or expanded tensors).
pub(crate) fn row_major<'a, T: Element>(
    storage: &'a CpuStorage,
    layout: &Layout,
) -> candle_core::Result<Cow<'a, [T]>> {
    let elements = T::cpu_storage_as_slice(storage)?;
    // An empty view may start behind the end.
    if layout.shape().elem_count() == 0 {
        return Ok(Cow::Borrowed(&[]));
    }
    if let Some((start, end)) = layout.contiguous_offsets() {
        return Ok(Cow::Borrowed(&elements[start..end]));
    }
    // An expanded tensor can claim more elements than there is memory.
    let mut gathered = Vec::new();
    gathered.try_reserve_exact(layout.shape().elem_count()).map_err(candle_core::Error::wrap)?;
    gather(&elements[layout.start_offset()..], layout.dims(), layout.stride(), &mut gathered);
    Ok(Cow::Owned(gathered))
}

/// Calls `with` with the elements of a tensor on the CPU in row-major order.
pub(crate) fn read<T: Element, R>(
    tensor: &Tensor,
    with: impl FnOnce(&[T]) -> candle_core::Result<R>,
) -> candle_core::Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => with(&row_major(storage, layout)?),
        _ => candle_core::bail!("a CPU kernel was given a tensor on {:?}", tensor.device()),
    }
}

/// `len` zeros, or nothing where so large a buffer cannot be had.
pub(crate) fn try_zeros<T: Element>(len: usize) -> Option<Vec<T>> {
    /// Elements above which the allocator is asked first, at the price of a second call.
    const LARGE: usize = 1 << 26;
    if len > LARGE {
        Vec::<T>::new().try_reserve_exact(len).ok()?;
    }
    Some(vec![T::zero(); len])
}

/// An empty vector with room for `len` elements.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub(crate) fn room<T>(op: &'static str, len: usize) -> Result<Vec<T>> {
    let mut room = Vec::new();
    match room.try_reserve_exact(len) {
        Ok(()) => Ok(room),
        Err(_) => Err(Error::OutOfMemory { op, elements: len }),
    }
}

fn gather<T: Element>(source: &[T], dims: &[usize], strides: &[usize], into: &mut Vec<T>) {
    match (dims, strides) {
        ([count], [1]) => into.extend_from_slice(&source[..*count]),
        ([count], [stride]) => into.extend((0..*count).map(|i| source[i * stride])),
        ([count, dims @ ..], [stride, strides @ ..]) => {
            for i in 0..*count {
                gather(&source[i * stride..], dims, strides, into);
            }
        }
        _ => into.push(source[0]),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn any_layout_is_read_in_row_major_order() -> Result<()> {
        let t = Tensor::arange(0f32, 60., &Device::Cpu)?.reshape((3, 4, 5))?;
        let views = [
            t.clone(),
            t.transpose(1, 2)?,
            t.transpose(0, 2)?,
            t.narrow(1, 1, 2)?.narrow(2, 2, 3)?,
            t.narrow(0, 1, 1)?.broadcast_as((2, 4, 5))?,
            t.narrow(1, 0, 0)?,
            t.narrow(0, 3, 0)?.narrow(1, 1, 2)?,
            Tensor::zeros((0, 2, 9), DType::F32, &Device::Cpu)?.narrow(2, 1, 8)?,
            Tensor::zeros((2, 0, 3), DType::F32, &Device::Cpu)?.transpose(1, 2)?,
            t.get(0)?.get(1)?.get(2)?,
        ];
        for view in views {
            // candle's own reading ends in a panic where nothing is behind the end.
            let expected = match view.elem_count() {
                0 => Vec::new(),
                _ => view.flatten_all()?.to_vec1::<f32>()?,
            };
            let found = read(&view, |elements: &[f32]| Ok(elements.to_vec()))?;
            assert_eq!(found, expected);
        }
        Ok(())
    }

    #[test]
    fn zeros_larger_than_memory_are_not_to_be_had() {
        assert!(try_zeros::<f64>(isize::MAX as usize / 8).is_none());
    }
}
