//! The types the CPU kernels compute in, and how they get at a tensor's elements.

use std::borrow::Cow;

use candle_core::{CpuStorage, DType, Layout, WithDType};

use crate::{Error, Result};

/// A type the CPU kernels compute in: f32 or f64.
pub(crate) trait Element: WithDType {}

impl Element for f32 {}
impl Element for f64 {}

/// The type `op` computes in for tensors of type `dtype`: itself for f32 and f64, f32 for f16 and bf16.
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

/// The elements behind `layout` in row-major order: borrowed where they lie so already, gathered where they do not
/// (transposed, narrowed or expanded tensors).
pub(crate) fn row_major<'a, T: Element>(
    storage: &'a CpuStorage,
    layout: &Layout,
) -> candle_core::Result<Cow<'a, [T]>> {
    let elements = T::cpu_storage_as_slice(storage)?;
    if let Some((start, end)) = layout.contiguous_offsets() {
        return Ok(Cow::Borrowed(&elements[start..end]));
    }
    let mut gathered = Vec::with_capacity(layout.shape().elem_count());
    gather(
        &elements[layout.start_offset()..],
        layout.dims(),
        layout.stride(),
        &mut gathered,
    );
    Ok(Cow::Owned(gathered))
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
    use candle_core::{Device, Storage, Tensor};

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
            t.get(0)?.get(1)?.get(2)?,
        ];
        for view in views {
            let (storage, layout) = view.storage_and_layout();
            let Storage::Cpu(storage) = &*storage else {
                unreachable!("made on the CPU")
            };
            let expected = view.flatten_all()?.to_vec1::<f32>()?;
            assert_eq!(row_major::<f32>(storage, layout)?.as_ref(), expected);
        }
        Ok(())
    }
}
