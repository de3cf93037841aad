//! What a checkpoint's parts lie in: a zip file, or the older form.

use std::io::{Read, Seek};

use super::archive::Archive;
use super::legacy::{self, Legacy};
use super::{PthDefect, Value, pickle};

#[derive(Debug)]
pub(super) enum Container<R> {
    Zip(Archive<R>),
    Legacy(Legacy<R>),
}

impl<R: Read + Seek> Container<R> {
    /// Opens a container of `length` bytes and reads the pickle that says what was saved.
    pub(super) fn open(mut reader: R, length: u64) -> Result<(Self, Value), PthDefect> {
        let mut start = Vec::new();
        let longest = legacy::MAGIC.len() as u64;
        reader.by_ref().take(longest).read_to_end(&mut start).map_err(PthDefect::Io)?;
        reader.rewind().map_err(PthDefect::Io)?;
        if start == legacy::MAGIC {
            let (legacy, root) = Legacy::open(reader, length)?;
            return Ok((Self::Legacy(legacy), root));
        }
        if !start.starts_with(b"PK") {
            start.truncate(4);
            return Err(PthDefect::NotZip { found: start });
        }
        let mut archive = Archive::open(reader, length)?;
        let root = pickle::interpret(&archive.pickle()?, 0)?.value;
        Ok((Self::Zip(archive), root))
    }

    /// The file's length, against which all sizes are checked.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Zip(archive) => archive.length(),
            Self::Legacy(legacy) => legacy.length(),
        }
    }

    /// The bytes of a storage.
    pub(super) fn storage(&mut self, key: &str) -> Result<Vec<u8>, PthDefect> {
        match self {
            Self::Zip(archive) => archive.read(&format!("data/{key}")),
            Self::Legacy(legacy) => legacy.read(key),
        }
    }
}
