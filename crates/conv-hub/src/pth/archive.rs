//! PyTorch's zip container: one folder with the pickle and a stored entry for each storage.

use std::io::{Read, Seek};

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::PthDefect;
use super::pickle::LONGEST_PICKLE;

#[derive(Debug)]
pub(super) struct Archive<R> {
    zip: ZipArchive<R>,
    folder: String,
    length: u64,
}

impl<R: Read + Seek> Archive<R> {
    /// Opens a container of `length` bytes and refuses what is not a checkpoint.
    pub(super) fn open(reader: R, length: u64) -> Result<Self, PthDefect> {
        let mut zip = ZipArchive::new(reader).map_err(damaged)?;
        // Entries that share bytes are how a small file unfolds into a huge one.
        if zip.has_overlapping_entries().map_err(damaged)? {
            return Err(PthDefect::Zip { reason: "its entries overlap".to_string() });
        }
        let folder = zip
            .file_names()
            .filter_map(|name| Some(name.ok()?.strip_suffix("/data.pkl")?.to_string()))
            .find(|folder| !folder.contains('/'))
            .ok_or(PthDefect::NoPickle)?;
        if zip.index_for_name(&format!("{folder}/constants.pkl")).is_some() {
            return Err(PthDefect::TorchScript);
        }
        let mut archive = Self { zip, folder, length };
        if archive.zip.index_for_name(&format!("{}/byteorder", archive.folder)).is_some()
            && archive.read("byteorder")? == b"big"
        {
            return Err(PthDefect::BigEndian);
        }
        Ok(archive)
    }

    /// The file's length, against which all sizes are checked.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The pickle that says what was saved.
    pub(super) fn pickle(&mut self) -> Result<Vec<u8>, PthDefect> {
        self.read_up_to("data.pkl", LONGEST_PICKLE)
    }

    /// The bytes of an entry, its length and checksum checked.
    pub(super) fn read(&mut self, name: &str) -> Result<Vec<u8>, PthDefect> {
        self.read_up_to(name, self.length)
    }

    fn read_up_to(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, PthDefect> {
        let name = format!("{}/{name}", self.folder);
        let refuse = |reason: String| PthDefect::Entry { entry: name.clone(), reason };
        let entry =
            self.zip.by_name(&name).map_err(|error| refuse(format!("cannot be read: {error}")))?;
        if entry.compression() != CompressionMethod::Stored
            || entry.compressed_size() != entry.size()
        {
            return Err(refuse(
                "is compressed, and torch.save stores its entries as they are".to_string(),
            ));
        }
        let size = entry.size();
        if size > limit.min(self.length) {
            return Err(refuse(format!(
                "claims {size} bytes, expected at most {}",
                limit.min(self.length)
            )));
        }
        let mut bytes = Vec::with_capacity(size as usize);
        // One byte more than there are, since the checksum is compared at the end of the entry.
        entry
            .take(size + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| refuse(format!("cannot be read: {error}")))?;
        if bytes.len() as u64 != size {
            return Err(refuse(format!("has {} bytes, expected {size}", bytes.len())));
        }
        Ok(bytes)
    }
}

fn damaged(error: ZipError) -> PthDefect {
    match error {
        ZipError::Io(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            PthDefect::Io(error)
        }
        error => PthDefect::Zip { reason: error.to_string() },
    }
}
