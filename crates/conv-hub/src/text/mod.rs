//! Text files: lines of bounded length in constant memory, numbered, decoded and unpacked.
//!
//! ```
//! use conv_hub::text::{Encoding, Lines};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("train.de");
//! # std::fs::write(&path, "ein Hund\nzwei Hunde\n")?;
//!
//! for line in Lines::open(&path, Encoding::Utf8)? {
//!     let (place, text) = line?;
//!     assert!(text.contains("Hund"), "{place}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod encoding;
mod lines;

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

pub use encoding::{Encoding, FileText, examine};
pub use lines::{Lines, MAX_LINE, decode, skip_mark};

use crate::{Error, Result};

/// A line of a text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it, or `standard input`.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.file, self.line)
    }
}

/// How a gzipped file begins. No UTF-8 does, since the second byte only goes on with a character.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Bytes that one of deflate's may stand for: 258 with two bits, and some.
const DEFLATED: u64 = 1032;

/// The bytes that are read of a file at a time.
const BUFFER: usize = 1 << 16;

/// The bytes of a text file, unpacked where they are gzipped, whatever the file's name.
///
/// # Errors
/// [`Error::Io`].
pub fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    Ok(unpacked(path)?.0)
}

/// The bytes of a file, unpacked where they are gzipped, and how many they are; of a gzipped one,
/// at most.
pub(crate) fn unpacked(path: &Path) -> Result<(Box<dyn BufRead>, u64)> {
    let opened = File::open(path).map_err(Error::io("read", path))?;
    let length = opened.metadata().map_err(Error::io("read", path))?.len();
    let mut reader = BufReader::with_capacity(BUFFER, opened);
    let start = reader.fill_buf().map_err(Error::io("read", path))?;
    if start.starts_with(&GZIP) {
        let unpacked = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(reader));
        return Ok((Box::new(unpacked), length.saturating_mul(DEFLATED)));
    }
    Ok((Box::new(reader), length))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn lines(bytes: &[u8]) -> (Vec<String>, Option<Error>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.de.gz");
        std::fs::write(&path, bytes).unwrap();
        let mut texts = Vec::new();
        let mut error = None;
        for line in Lines::open(&path, Encoding::Utf8).unwrap() {
            match line {
                Ok((_, text)) => texts.push(text),
                Err(found) => error = Some(found),
            }
        }
        (texts, error)
    }

    #[test]
    fn gzipped_text_is_read_as_if_it_were_not_all_members_of_it() {
        let members = [gzip("ein\nzw".as_bytes()), gzip("ölf\n".as_bytes())].concat();
        assert!(matches!(lines(&members), (texts, None) if texts == ["ein", "zwölf"]));
        // The name alone makes no gzip.
        assert!(matches!(lines(b"plain\n"), (texts, None) if texts == ["plain"]));
    }

    #[test]
    fn a_gzip_bomb_of_one_line_ends_at_the_limit() {
        let bomb = gzip(&vec![b'a'; 64 << 20]);
        assert!(bomb.len() < 1 << 20);
        let (texts, error) = lines(&bomb);
        assert!(texts.is_empty());
        let error = error.unwrap().to_string();
        assert!(error.ends_with("train.de.gz line 1: longer than 1048576 bytes"), "{error}");
    }

    #[test]
    fn a_truncated_gzip_is_an_error_after_its_last_line() {
        let whole = gzip("eins\nzwei\n".repeat(1000).as_bytes());
        let (_, error) = lines(&whole[..whole.len() - 9]);
        let error = error.unwrap();
        assert!(error.to_string().starts_with("cannot read "), "{error}");
        assert!(error.to_string().ends_with("train.de.gz"), "{error}");
    }
}
