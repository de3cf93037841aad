//! PyTorch's form before 1.6: five pickles one after the other (a magic number, the form's version,
//! the machine that wrote it, what was saved, the storages' keys), then each storage as its number
//! of elements and their bytes.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use super::pickle::{LONGEST_PICKLE, Pickled, interpret};
use super::tensor::Storage;
use super::{PthDefect, Value};

/// The first pickle: the number 0x1950a86a20f9469cfc6c.
pub(super) const MAGIC: [u8; 15] = *b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// The only version there ever was.
const VERSION: i64 = 1001;

#[derive(Debug)]
pub(super) struct Legacy<R> {
    reader: R,
    length: u64,
    /// Where each storage's elements begin, and how many bytes they take.
    places: BTreeMap<String, (u64, u64)>,
}

impl<R: Read + Seek> Legacy<R> {
    /// Reads the pickles of a file of `length` bytes and finds its storages, which must fill the
    /// rest of it.
    pub(super) fn open(mut reader: R, length: u64) -> Result<(Self, Value), PthDefect> {
        let mut start = Vec::new();
        reader.by_ref().take(LONGEST_PICKLE).read_to_end(&mut start).map_err(PthDefect::Io)?;
        let mut at = MAGIC.len();
        let mut next = || -> Result<Pickled, PthDefect> {
            let pickled = interpret(&start, at).map_err(|defect| match defect {
                PthDefect::Truncated { .. } if length > LONGEST_PICKLE => {
                    PthDefect::Limit { what: "bytes", limit: LONGEST_PICKLE as usize }
                }
                defect => defect,
            })?;
            at = pickled.end;
            Ok(pickled)
        };
        let version = next()?.value.as_i64();
        if version != Some(VERSION) {
            return Err(refuse(format!("names the version {version:?}, expected {VERSION}")));
        }
        if next()?.value.get("little_endian").and_then(Value::as_bool) == Some(false) {
            return Err(PthDefect::BigEndian);
        }
        let saved = next()?;
        let keys = next()?.value;
        let mut legacy = Self { reader, length, places: BTreeMap::new() };
        legacy.find(&keys, &saved.storages, at as u64)?;
        Ok((legacy, saved.value))
    }

    /// Steps through the storages, the first of which begins at byte `at`.
    fn find(&mut self, keys: &Value, named: &[Arc<Storage>], mut at: u64) -> Result<(), PthDefect> {
        let named = by_key(named)?;
        for key in keys.as_list().ok_or_else(|| refuse("has no list of storages".to_string()))? {
            let key = key.as_str().unwrap_or_default();
            let storage = named
                .get(key)
                .ok_or_else(|| refuse(format!("lists storage `{key:.40}`, which no tensor has")))?;
            let mut size = [0; 8];
            self.reader.seek(SeekFrom::Start(at)).map_err(PthDefect::Io)?;
            self.reader.read_exact(&mut size).map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => refuse(format!("ends before storage `{key}`")),
                _ => PthDefect::Io(error),
            })?;
            let elements = u64::from_le_bytes(size);
            if elements != storage.elements as u64 {
                return Err(refuse(format!(
                    "storage `{key}` has {elements} elements, expected {}",
                    storage.elements
                )));
            }
            let width = storage.element.width().ok_or_else(|| {
                refuse(format!("storage `{key}` has the unknown type {}", storage.element))
            })?;
            at += size.len() as u64;
            let bytes = elements.saturating_mul(width as u64);
            if bytes > self.length.saturating_sub(at) {
                return Err(refuse(format!(
                    "storage `{key}` would take {bytes} bytes, and {} follow",
                    self.length.saturating_sub(at)
                )));
            }
            if self.places.insert(key.to_string(), (at, bytes)).is_some() {
                return Err(refuse(format!("lists storage `{key}` twice")));
            }
            at += bytes;
        }
        if let Some(key) = named.keys().find(|&&key| !self.places.contains_key(key)) {
            return Err(refuse(format!("does not list storage `{key}`, which a tensor has")));
        }
        if at != self.length {
            return Err(refuse(format!("goes on after its last storage, at byte {at}")));
        }
        Ok(())
    }

    /// The file's length, against which all sizes are checked.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The bytes of a storage, which were found to lie within the file.
    pub(super) fn read(&mut self, key: &str) -> Result<Vec<u8>, PthDefect> {
        let &(at, length) =
            self.places.get(key).ok_or_else(|| refuse(format!("has no storage `{key}`")))?;
        self.reader.seek(SeekFrom::Start(at)).map_err(PthDefect::Io)?;
        let mut bytes = vec![0; length as usize];
        self.reader.read_exact(&mut bytes).map_err(PthDefect::Io)?;
        Ok(bytes)
    }
}

/// The storages by their keys; those of one key must agree.
fn by_key(named: &[Arc<Storage>]) -> Result<HashMap<&str, &Storage>, PthDefect> {
    let mut by_key: HashMap<&str, &Storage> = HashMap::new();
    for storage in named {
        if *by_key.entry(&storage.key).or_insert(storage) != &**storage {
            return Err(refuse(format!(
                "storage `{}` is named with two types or lengths",
                storage.key
            )));
        }
    }
    Ok(by_key)
}

fn refuse(reason: String) -> PthDefect {
    PthDefect::Legacy { reason }
}
