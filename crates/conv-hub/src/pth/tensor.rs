//! Tensors: views of storages, checked against them and gathered into contiguous memory.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::PthDefect;
use super::container::Container;
use crate::weights::addressable;

/// What may be taken in any case, in bytes, however short the file.
const SMALL: u64 = 1 << 20;

/// The type of a tensor's elements.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElementType {
    /// One that has a counterpart. Truth values become `u8`.
    Known(DType),
    /// Any other, by PyTorch's name for its storage.
    Other(Arc<str>),
}

impl ElementType {
    pub(super) fn of_storage(class: &Arc<str>) -> Self {
        Self::Known(match &**class {
            "torch.DoubleStorage" => DType::F64,
            "torch.FloatStorage" => DType::F32,
            "torch.HalfStorage" => DType::F16,
            "torch.BFloat16Storage" => DType::BF16,
            "torch.LongStorage" => DType::I64,
            "torch.IntStorage" => DType::I32,
            "torch.ShortStorage" => DType::I16,
            "torch.ByteStorage" | "torch.BoolStorage" => DType::U8,
            _ => return Self::Other(class.clone()),
        })
    }

    /// How many bytes an element takes.
    pub(super) fn width(&self) -> Option<usize> {
        match self {
            Self::Known(dtype) => Some(dtype.size_in_bytes()),
            Self::Other(class) => match &**class {
                "torch.CharStorage" | "torch.QInt8Storage" | "torch.QUInt8Storage" => Some(1),
                "torch.QInt32Storage" => Some(4),
                "torch.ComplexFloatStorage" => Some(8),
                "torch.ComplexDoubleStorage" => Some(16),
                _ => None,
            },
        }
    }
}

impl std::fmt::Display for ElementType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(dtype) => f.write_str(dtype.as_str()),
            Self::Other(class) => f.write_str(class),
        }
    }
}

/// A stretch of memory that tensors share.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Storage {
    pub(super) key: Arc<str>,
    pub(super) element: ElementType,
    /// Its length in elements.
    pub(super) elements: usize,
}

/// A tensor's place in the file: a storage, and how the tensor lies in it.
#[derive(Debug)]
pub struct View {
    pub(super) storage: Arc<Storage>,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) stride: Vec<usize>,
}

impl View {
    /// The tensor's sizes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The type of its elements.
    pub fn element(&self) -> &ElementType {
        &self.storage.element
    }

    /// The tensor's type and length in elements, once it is known to lie within its storage.
    fn check(&self, tensor: &str) -> Result<(DType, usize), PthDefect> {
        let ElementType::Known(dtype) = self.storage.element else {
            return Err(PthDefect::Element {
                tensor: tensor.to_string(),
                element: self.storage.element.to_string(),
            });
        };
        let refuse = |reason: String| PthDefect::View { tensor: tensor.to_string(), reason };
        if !addressable(&self.shape) {
            return Err(refuse(format!("has the impossible shape {:?}", self.shape)));
        }
        let count: usize = self.shape.iter().product();
        let last = self
            .shape
            .iter()
            .zip(&self.stride)
            .filter(|(size, _)| **size > 1)
            .try_fold(self.offset, |last, (size, stride)| {
                last.checked_add((size - 1).checked_mul(*stride)?)
            });
        if count > 0 && last.is_none_or(|last| last >= self.storage.elements) {
            return Err(refuse(format!(
                "of shape {:?}, strides {:?} and offset {} reaches beyond its storage of {} elements",
                self.shape, self.stride, self.offset, self.storage.elements
            )));
        }
        Ok((dtype, count))
    }

    /// Copies the elements out of the storage's bytes in row-major order. The view has been
    /// checked.
    fn gather(&self, bytes: &[u8], width: usize, count: usize) -> Vec<u8> {
        // The stride of an axis of one element says nothing, and may be any number.
        let mut axes: Vec<(usize, usize)> =
            self.shape.iter().copied().zip(self.stride.iter().copied()).collect();
        axes.retain(|&(size, _)| size > 1);
        let mut gathered = Vec::with_capacity(count * width);
        let mut index = vec![0; axes.len()];
        let mut position = self.offset;
        for _ in 0..count {
            gathered.extend_from_slice(&bytes[position * width..][..width]);
            for (axis, &(size, stride)) in axes.iter().enumerate().rev() {
                index[axis] += 1;
                position += stride;
                if index[axis] < size {
                    break;
                }
                position -= size * stride;
                index[axis] = 0;
            }
        }
        gathered
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.stride).rev().all(|(&size, &stride)| {
            let contiguous = size == 1 || stride == expected;
            expected *= size;
            contiguous
        })
    }
}

/// Reads the views' storages one after the other. Equal views of one storage become one tensor.
pub(super) fn load<R: Read + Seek>(
    container: &mut Container<R>,
    views: Vec<(String, Arc<View>)>,
) -> Result<BTreeMap<String, Tensor>, PthDefect> {
    let mut by_storage: BTreeMap<&str, HashMap<Place, Vec<&str>>> = BTreeMap::new();
    let limit = container.length().saturating_mul(4).max(SMALL);
    let mut total: u64 = 0;
    for (name, view) in &views {
        let (dtype, count) = view.check(name)?;
        let place = Place { dtype, count, view };
        let names = by_storage.entry(&view.storage.key).or_default().entry(place).or_default();
        if names.is_empty() {
            total =
                total.saturating_add((count as u64).saturating_mul(dtype.size_in_bytes() as u64));
        }
        names.push(name);
    }
    if total > limit {
        return Err(PthDefect::Expansion { limit });
    }
    let mut tensors = BTreeMap::new();
    for (key, places) in by_storage {
        let bytes = container.storage(key)?;
        for (place, names) in places {
            let tensor = place.read(&bytes, names[0])?;
            tensors.extend(names.into_iter().map(|name| (name.to_string(), tensor.clone())));
        }
    }
    Ok(tensors)
}

/// A checked view, equal to another if the same elements are meant.
struct Place<'v> {
    dtype: DType,
    count: usize,
    view: &'v View,
}

impl Place<'_> {
    fn key(&self) -> (DType, usize, &[usize], &[usize]) {
        (self.dtype, self.view.offset, &self.view.shape, &self.view.stride)
    }

    fn read(&self, bytes: &[u8], tensor: &str) -> Result<Tensor, PthDefect> {
        let width = self.dtype.size_in_bytes();
        let view = self.view;
        if view.storage.elements.checked_mul(width).is_none_or(|claimed| claimed > bytes.len()) {
            return Err(PthDefect::View {
                tensor: tensor.to_string(),
                reason: format!(
                    "has a storage of {} elements of {width} bytes, and `data/{}` has {} bytes",
                    view.storage.elements,
                    view.storage.key,
                    bytes.len()
                ),
            });
        }
        let gathered;
        let elements = if self.count == 0 {
            &[]
        } else if view.is_contiguous() {
            &bytes[view.offset * width..][..self.count * width]
        } else {
            gathered = view.gather(bytes, width, self.count);
            &gathered
        };
        Ok(Tensor::from_raw_buffer(elements, self.dtype, &view.shape, &Device::Cpu)?)
    }
}

impl PartialEq for Place<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Place<'_> {}

impl std::hash::Hash for Place<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}
