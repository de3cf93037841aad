//! Pairs into a store, one after the other.

use conv_hub::InvalidField;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::header::{Header, LENGTH};
use super::{Store, beside, lines_of};
use crate::error::{Error, Result};
use conv_nn::rng::Fingerprint;

/// A store in the making: a file beside its place, which takes that place when it is finished and
/// is removed when it is not.
pub struct StoreWriter {
    path: PathBuf,
    unfinished: Unfinished,
    file: BufWriter<File>,
    /// The pairs' lines, in a file of their own ([`lines_of`]).
    lines: BufWriter<File>,
    header: Header,
    hash: Fingerprint,
    lengths: Vec<[u32; 2]>,
    bytes: Vec<u8>,
}

/// Removes the files when it goes: the pairs and their lines.
struct Unfinished([PathBuf; 2]);

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.iter().for_each(|path| drop(std::fs::remove_file(path)));
    }
}

impl StoreWriter {
    /// Begins a store that will be at `path`, for vocabularies of these sizes, source first.
    ///
    /// # Errors
    /// [`Error::Hub`] where the file cannot be written; [`Error::Field`] for a vocabulary of more
    /// than 2³² tokens.
    pub fn create(path: &Path, vocabularies: [usize; 2]) -> Result<Self> {
        let [source, target] = vocabularies.map(u32::try_from);
        let (Ok(source), Ok(target)) = (source, target) else {
            return Err(Error::from(InvalidField::new(
                "vocabulary",
                format!("{vocabularies:?}"),
                "at most 4294967295 tokens",
            )));
        };
        let unfinished =
            Unfinished([path, &lines_of(path)].map(|path| beside(path, ".unfinished")));
        let create = |path: &Path| File::create(path).map_err(|source| Error::write(path, source));
        let file = create(&unfinished.0[0])?;
        let lines = create(&unfinished.0[1])?;
        let mut file = BufWriter::with_capacity(1 << 16, file);
        file.write_all(&[0; LENGTH as usize]).map_err(|source| Error::write(path, source))?;
        Ok(Self {
            lines: BufWriter::new(lines),
            path: path.to_path_buf(),
            unfinished,
            file,
            header: Header::new([source, target]),
            hash: Fingerprint::default(),
            lengths: Vec::new(),
            bytes: Vec::new(),
        })
    }

    /// Adds a pair, without `</s>`, of the corpus's line `line`.
    ///
    /// # Errors
    /// [`Error::Store`] for a number beyond its vocabulary; [`Error::Hub`] where the file cannot be
    /// written.
    pub fn push(&mut self, line: u64, source: &[u32], target: &[u32]) -> Result<()> {
        self.bytes.clear();
        for (ids, size) in [source, target].into_iter().zip(self.header.vocabularies) {
            for &id in ids {
                if id >= size {
                    let reason = super::out_of_range(self.lengths.len(), id, size);
                    return Err(Error::Store { path: self.path.clone(), reason });
                }
                match self.header.width {
                    2 => self.bytes.extend((id as u16).to_le_bytes()),
                    _ => self.bytes.extend(id.to_le_bytes()),
                }
            }
        }
        // A line's bytes bound its tokens, and this fits.
        self.lengths.push([source.len() as u32, target.len() as u32]);
        self.hash.bytes(&self.bytes);
        let lines = self.lines.write_all(&line.to_le_bytes());
        lines.map_err(|source| Error::write(&self.path, source))?;
        self.file.write_all(&self.bytes).map_err(|source| Error::write(&self.path, source))
    }

    /// Writes what is left, puts the file in its place, and opens it.
    ///
    /// # Errors
    /// As [`StoreWriter::push`].
    pub fn finish(mut self) -> Result<Store> {
        self.header.pairs = self.lengths.len() as u64;
        self.header.fingerprint = self.header.fingerprint(self.hash, &self.lengths);
        self.complete().map_err(|source| Error::write(&self.path, source))?;
        let file = File::open(&self.path).map_err(|source| Error::read(&self.path, source))?;
        let mut lengths = std::mem::take(&mut self.lengths);
        lengths.shrink_to_fit();
        Ok(Store::of(&self.path, self.header, file, lengths))
    }

    fn complete(&mut self) -> std::io::Result<()> {
        for length in self.lengths.iter().flatten() {
            self.file.write_all(&length.to_le_bytes())?;
        }
        self.file.flush()?;
        self.lines.flush()?;
        let file = self.file.get_mut();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&self.header.bytes())?;
        file.sync_all()?;
        let [pairs, lines] = &self.unfinished.0;
        std::fs::rename(lines, lines_of(&self.path))?;
        std::fs::rename(pairs, &self.path)
    }
}
