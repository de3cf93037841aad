//! Safetensors: the header is checked against the file's length before anything is allocated for
//! it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Metadata, TensorInfo};

use crate::{Error, Result};

/// The format's own limit for its header, in bytes.
const LONGEST_HEADER: u64 = 100_000_000;

/// How many values are looked at in one piece: a table of word vectors need not be in memory twice.
const VALUES_AT_ONCE: usize = 1 << 20;

/// What can be wrong with a safetensors file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SafetensorsDefect {
    /// The file ends before its header does, or never was a safetensors file.
    #[error(
        "not a whole safetensors file: its header would take {claimed} bytes, and {available} follow"
    )]
    HeaderLength {
        /// The length that the first eight bytes give.
        claimed: u64,
        /// What the file has after them.
        available: u64,
    },
    /// The header is not the JSON that the format asks for, or its tensors overlap or leave gaps.
    #[error("its header is not valid: {reason}")]
    Header {
        /// What the parser found.
        reason: String,
    },
    /// The file is shorter or longer than its header says.
    #[error("its header describes {expected} bytes of tensors, and {found} follow")]
    Length {
        /// Bytes after the header.
        found: u64,
        /// Bytes that the header accounts for.
        expected: u64,
    },
    /// A tensor of a kind that has no counterpart here.
    #[error("tensor `{tensor}` has the unsupported type {dtype}")]
    DType {
        /// The tensor's name.
        tensor: String,
        /// Its type, as the format spells it.
        dtype: String,
    },
    /// A tensor's sizes are beyond what can be addressed.
    #[error("tensor `{tensor}` has the impossible shape {shape:?}")]
    Shape {
        /// The tensor's name.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
    },
}

/// Reads every tensor of a safetensors file, one after the other, onto the CPU.
///
/// `floats` converts the tensors of a floating-point type; those of an integer type stay as they
/// are.
///
/// # Errors
/// [`Error::Safetensors`] names the defect of a truncated, corrupt or mislabelled file. Nothing
/// larger than the file is ever allocated for it.
pub fn read_safetensors(path: &Path, floats: Option<DType>) -> Result<BTreeMap<String, Tensor>> {
    let defective = |defect| Error::Safetensors { path: path.to_path_buf(), defect };
    let file = File::open(path).map_err(Error::io("open", path))?;
    let length = file.metadata().map_err(Error::io("read", path))?.len();
    let mut reader = BufReader::new(file);
    let header = header(&mut reader, length, path)?;
    let mut infos: Vec<(String, &TensorInfo)> = header.tensors().into_iter().collect();
    infos.sort_by_key(|(_, info)| info.data_offsets);

    let mut tensors = BTreeMap::new();
    for (name, info) in infos {
        let dtype = DType::try_from(info.dtype).map_err(|_| {
            defective(SafetensorsDefect::DType {
                tensor: name.clone(),
                dtype: info.dtype.to_string(),
            })
        })?;
        if !addressable(&info.shape) {
            return Err(defective(SafetensorsDefect::Shape {
                tensor: name,
                shape: info.shape.clone(),
            }));
        }
        let mut bytes = vec![0; info.data_offsets.1 - info.data_offsets.0];
        reader.read_exact(&mut bytes).map_err(Error::io("read", path))?;
        let tensor = Tensor::from_raw_buffer(&bytes, dtype, &info.shape, &Device::Cpu)?;
        let tensor = match floats {
            Some(float) if dtype.is_float() => tensor.to_dtype(float)?,
            _ => tensor,
        };
        tensors.insert(name, tensor);
    }
    Ok(tensors)
}

/// The header, once its own length and the tensors' have been found to add up to the file's.
fn header(reader: &mut impl Read, length: u64, path: &Path) -> Result<Metadata> {
    let defective = |defect| Error::Safetensors { path: path.to_path_buf(), defect };
    let mut size = [0; 8];
    if length < 8 {
        return Err(defective(SafetensorsDefect::HeaderLength { claimed: 8, available: length }));
    }
    reader.read_exact(&mut size).map_err(Error::io("read", path))?;
    let claimed = u64::from_le_bytes(size);
    let available = length - 8;
    if claimed > available || claimed > LONGEST_HEADER {
        return Err(defective(SafetensorsDefect::HeaderLength { claimed, available }));
    }
    let mut json = vec![0; claimed as usize];
    reader.read_exact(&mut json).map_err(Error::io("read", path))?;
    let header: Metadata = serde_json::from_slice(&json)
        .map_err(|error| defective(SafetensorsDefect::Header { reason: error.to_string() }))?;
    let found = available - claimed;
    let expected = header.data_len() as u64;
    if found == expected {
        Ok(header)
    } else {
        Err(defective(SafetensorsDefect::Length { found, expected }))
    }
}

/// The first value of a tensor of a floating-point type that is infinite or no number.
pub(crate) fn not_finite(tensor: &Tensor) -> Result<Option<f64>> {
    if !matches!(tensor.dtype(), DType::F16 | DType::BF16 | DType::F32 | DType::F64) {
        return Ok(None);
    }
    let values = tensor.flatten_all()?;
    let count = values.elem_count();
    for start in (0..count).step_by(VALUES_AT_ONCE) {
        let part = values.narrow(0, start, VALUES_AT_ONCE.min(count - start))?;
        let part: Vec<f64> = part.to_dtype(DType::F64)?.to_vec1()?;
        if let Some(value) = part.into_iter().find(|value| !value.is_finite()) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// Whether strides over `shape` can be computed: a dimension of zero hides an overflow in the
/// others.
pub(crate) fn addressable(shape: &[usize]) -> bool {
    shape
        .iter()
        .try_fold(1usize, |product, &size| product.checked_mul(size.max(1)))
        .is_some_and(|product| product <= isize::MAX as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(tensors: &BTreeMap<String, Tensor>) -> Vec<u8> {
        safetensors::serialize(tensors, None).unwrap()
    }

    fn read(bytes: &[u8], floats: Option<DType>) -> Result<BTreeMap<String, Tensor>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read_safetensors(file.path(), floats)
    }

    fn with_header(json: &str, data: &[u8]) -> Vec<u8> {
        [&(json.len() as u64).to_le_bytes(), json.as_bytes(), data].concat()
    }

    #[test]
    fn floats_are_converted_and_integers_are_not() {
        let tensors = BTreeMap::from([
            ("weight".to_string(), Tensor::new(&[0.5f64, -2.0], &Device::Cpu).unwrap()),
            ("count".to_string(), Tensor::new(7i64, &Device::Cpu).unwrap()),
        ]);
        let read = read(&written(&tensors), Some(DType::F32)).unwrap();
        assert_eq!(read["weight"].to_vec1::<f32>().unwrap(), [0.5, -2.0]);
        assert_eq!(read["count"].to_scalar::<i64>().unwrap(), 7);
    }

    #[test]
    fn each_defect_is_named() {
        let cases: [(&[u8], &str); 6] = [
            (b"{}", "its header would take 8 bytes, and 2 follow"),
            (
                b"\xff\xff\xff\xff\xff\xff\xff\x7f{}",
                "would take 9223372036854775807 bytes, and 2 follow",
            ),
            (&with_header("[1]", b""), "its header is not valid"),
            (
                &with_header(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, &[0; 7]),
                "describes 8 bytes of tensors, and 7 follow",
            ),
            (
                &with_header(r#"{"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}"#, &[0; 2]),
                "tensor `a` has the unsupported type BOOL",
            ),
            (
                &with_header(
                    r#"{"a":{"dtype":"F32","shape":[0,9223372036854775808,4],"data_offsets":[0,0]}}"#,
                    b"",
                ),
                "tensor `a` has the impossible shape",
            ),
        ];
        for (bytes, expected) in cases {
            let error = read(bytes, None).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}\nexpected: {expected}");
        }
    }
}
