//! Encoded pairs in a file, read where they are wanted.
//!
//! The file: `convpair`, then, in little endian, version, bytes a number (2 or 4), the two
//! vocabularies' sizes (u32 each), pairs and fingerprint (u64 each), the numbers of each pair's
//! source and target, and at the end each pair's two lengths (u32). What cannot be known before the
//! last pair comes last or is written last: a file that was not finished has no `convpair`.

mod header;
mod writer;

use conv_nn::rng::Fingerprint;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use header::{Header, LENGTH};
pub use writer::StoreWriter;

use crate::error::{Error, Result};

/// Pairs from one remembered place in the file to the next: between them, lengths are added up.
const STRIDE: usize = 64;

/// A sentence and its translation as numbers of tokens, without `</s>`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pair {
    /// The sentence.
    pub source: Vec<u32>,
    /// Its translation.
    pub target: Vec<u32>,
}

/// Encoded pairs on disk. In memory are 8 bytes a pair, its two lengths, and 8 bytes for every 64
/// pairs.
///
/// ```
/// use conv_translate::data::{Pair, Store, StoreWriter};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("train.pairs");
/// let mut writer = StoreWriter::create(&path, [100, 100])?;
/// writer.push(1, &[4, 5, 6], &[7])?;
/// let store = writer.finish()?;
/// assert_eq!(store.read(0)?, Pair { source: vec![4, 5, 6], target: vec![7] });
/// assert_eq!(store.lengths(), [4]);
/// assert_eq!(Store::open(&path)?.fingerprint(), store.fingerprint());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    header: Header,
    file: Mutex<File>,
    lengths: Vec<[u32; 2]>,
    /// How many numbers lie before pairs 0, 64, 128, …
    places: Vec<u64>,
}

impl Store {
    /// Opens a file that a [`StoreWriter`] finished, and reads all of it once, in constant memory,
    /// to see that it is whole.
    ///
    /// # Errors
    /// [`Error::Store`] for another file, an unfinished or a damaged one; [`Error::Hub`] for one
    /// that cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::read(path, source);
        let damaged = |reason: String| Error::Store { path: path.to_path_buf(), reason };
        let mut file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        if size < LENGTH {
            return Err(damaged(format!("{size} bytes, expected at least {LENGTH}")));
        }
        let mut bytes = [0; LENGTH as usize];
        file.read_exact(&mut bytes).map_err(failed)?;
        let header = Header::parse(&bytes).map_err(damaged)?;
        let numbers = header.numbers(size).map_err(damaged)?;

        file.seek(SeekFrom::Start(LENGTH + numbers * header.width)).map_err(failed)?;
        let mut reader = BufReader::new(file);
        // The header's number of pairs was held against the file's size.
        let mut lengths = Vec::with_capacity(header.pairs as usize);
        for _ in 0..header.pairs {
            let mut bytes = [0; 8];
            reader.read_exact(&mut bytes).map_err(failed)?;
            let [a, b, c, d, e, f, g, h] = bytes;
            lengths.push([u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]);
        }
        let sum: u64 = lengths.iter().flatten().map(|&length| u64::from(length)).sum();
        if sum != numbers {
            return Err(damaged(format!("lengths that add up to {sum}, expected {numbers}")));
        }
        let mut file = reader.into_inner();
        file.seek(SeekFrom::Start(LENGTH)).map_err(failed)?;
        let mut reader = BufReader::with_capacity(1 << 16, &mut file);
        let mut hash = Fingerprint::default();
        let mut bytes = Vec::new();
        for (pair, &[source, target]) in lengths.iter().enumerate() {
            for (length, size) in
                [(source, header.vocabularies[0]), (target, header.vocabularies[1])]
            {
                // In pieces: one length may be that of the whole file.
                let mut left = u64::from(length) * header.width;
                while left > 0 {
                    bytes.resize(left.min(1 << 16) as usize, 0);
                    reader.read_exact(&mut bytes).map_err(failed)?;
                    hash.bytes(&bytes);
                    header.ids(&bytes, size).map_err(|id| damaged(out_of_range(pair, id, size)))?;
                    left -= bytes.len() as u64;
                }
            }
        }
        let fingerprint = header.fingerprint(hash, &lengths);
        if fingerprint != header.fingerprint {
            return Err(damaged(
                "numbers that do not fit its fingerprint, expected those written".into(),
            ));
        }
        Ok(Self::of(path, header, file, lengths))
    }

    fn of(path: &Path, header: Header, file: File, lengths: Vec<[u32; 2]>) -> Self {
        let mut places = Vec::with_capacity(lengths.len().div_ceil(STRIDE));
        let mut before = 0;
        for block in lengths.chunks(STRIDE) {
            places.push(before);
            before += numbers_of(block);
        }
        Self { path: path.to_path_buf(), header, file: Mutex::new(file), lengths, places }
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// What the pairs are, in 64 bits: two stores with the same pairs in the same order have the
    /// same.
    pub fn fingerprint(&self) -> u64 {
        self.header.fingerprint
    }

    /// The sizes of the two vocabularies, source first: all numbers of a side lie below.
    pub fn vocabularies(&self) -> [usize; 2] {
        self.header.vocabularies.map(|size| size as usize)
    }

    /// The length of each pair, for batches of so many tokens: that of the longer side and its
    /// `</s>`, as fairseq counts.
    pub fn lengths(&self) -> Vec<usize> {
        self.lengths.iter().map(|&[source, target]| source.max(target) as usize + 1).collect()
    }

    /// Tokens of all sources and of all targets, `</s>` not counted.
    pub fn tokens(&self) -> [u64; 2] {
        [0, 1].map(|side| self.lengths.iter().map(|lengths| u64::from(lengths[side])).sum())
    }

    /// The corpus's line of a pair, from 1, as far as that is known: a store by itself does not
    /// say.
    pub fn line(&self, pair: usize) -> Option<u64> {
        let mut file = File::open(lines_of(&self.path)).ok()?;
        file.seek(SeekFrom::Start(8 * pair as u64)).ok()?;
        let mut line = [0; 8];
        file.read_exact(&mut line).ok()?;
        Some(u64::from_le_bytes(line))
    }

    /// A pair.
    ///
    /// # Errors
    /// [`Error::Store`] for a pair that is not there, or numbers that changed after the file was
    /// opened; [`Error::Hub`] where it can no longer be read.
    pub fn read(&self, pair: usize) -> Result<Pair> {
        let damaged = |reason| Error::Store { path: self.path.clone(), reason };
        let Some(&[source, target]) = self.lengths.get(pair) else {
            return Err(damaged(format!("no pair {pair}, expected one below {}", self.len())));
        };
        let block = pair / STRIDE;
        let place = self.places[block] + numbers_of(&self.lengths[block * STRIDE..pair]);
        let width = self.header.width;
        let mut bytes = vec![0; (source as usize + target as usize) * width as usize];
        {
            let mut file = self.file.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            file.seek(SeekFrom::Start(LENGTH + place * width))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(|source| Error::read(&self.path, source))?;
        }
        let (first, second) = bytes.split_at(source as usize * width as usize);
        let ids = |bytes, size| {
            self.header.ids(bytes, size).map_err(|id| damaged(out_of_range(pair, id, size)))
        };
        let [sources, targets] = self.header.vocabularies;
        Ok(Pair { source: ids(first, sources)?, target: ids(second, targets)? })
    }
}

/// Where the lines of the pairs of the store at `path` are: 8 bytes each, read when one is asked
/// for.
fn lines_of(path: &Path) -> PathBuf {
    beside(path, ".lines")
}

/// `path` with `ending` behind its name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(ending);
    path.with_file_name(name)
}

fn numbers_of(lengths: &[[u32; 2]]) -> u64 {
    lengths.iter().flatten().map(|&length| u64::from(length)).sum()
}

fn out_of_range(pair: usize, id: u32, size: u32) -> String {
    format!("pair {pair} has the number {id}, expected one below {size}, its vocabulary's size")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
