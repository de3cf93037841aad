//! Bytes to text: UTF-8 or, when asked for, ISO-8859-1; and what a file's bytes look like.

use std::fmt;
use std::io::BufRead;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::open;
use crate::{Error, Result};

/// How a text file's bytes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// UTF-8; anything else is an error that names line and byte.
    #[default]
    Utf8,
    /// ISO-8859-1: every byte is the character of the same number.
    Latin1,
}

impl FromStr for Encoding {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name.to_ascii_lowercase().as_str() {
            "utf8" | "utf-8" => Ok(Self::Utf8),
            "latin1" | "iso-8859-1" => Ok(Self::Latin1),
            _ => Err(Error::UnknownEncoding { found: name.into() }),
        }
    }
}

impl Encoding {
    /// The text of `bytes`, or the offset of the first byte that is not UTF-8.
    pub(crate) fn decode(self, bytes: &[u8]) -> std::result::Result<String, usize> {
        match self {
            Self::Utf8 => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.to_owned()),
                Err(error) => Err(error.valid_up_to()),
            },
            Self::Latin1 => Ok(bytes.iter().map(|&byte| char::from(byte)).collect()),
        }
    }
}

/// What a file's bytes look like, found by reading all of them once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FileText {
    /// The narrowest encoding that fits: `ascii`, `utf-8`, `utf-16`, or `not utf-8` (often
    /// `latin1`).
    pub encoding: &'static str,
    /// It begins with a UTF-8 byte-order mark.
    pub byte_order_mark: bool,
    /// Lines that end in CR LF.
    pub crlf_lines: u64,
}

impl fmt::Display for FileText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encoding)?;
        if self.byte_order_mark {
            f.write_str(", byte-order mark")?;
        }
        if self.crlf_lines > 0 {
            write!(f, ", {} lines end in CR LF", self.crlf_lines)?;
        }
        Ok(())
    }
}

pub(crate) const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
pub(crate) const UTF16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// Looks at all bytes of a file, in constant memory; of a gzipped one, at what it unpacks to.
///
/// # Errors
/// [`Error::Io`].
pub fn examine(path: &Path) -> Result<FileText> {
    let failed = |source| Error::io("read", path)(source);
    let mut reader = open(path)?;
    let start = reader.fill_buf().map_err(failed)?;
    let byte_order_mark = start.starts_with(UTF8_MARK);
    let utf16 = UTF16_MARKS.iter().any(|mark| start.starts_with(mark));
    let (mut ascii, mut utf8, mut crlf_lines) = (true, true, 0);
    // The last bytes of a block that may be the beginning of a character.
    let mut pending: Vec<u8> = Vec::new();
    let mut previous = 0;
    loop {
        let block = reader.fill_buf().map_err(failed)?;
        if block.is_empty() {
            break;
        }
        for &byte in block {
            crlf_lines += u64::from(previous == b'\r' && byte == b'\n');
            previous = byte;
        }
        ascii &= block.is_ascii();
        if utf8 {
            pending.extend_from_slice(block);
            match std::str::from_utf8(&pending) {
                Ok(_) => pending.clear(),
                Err(error) => {
                    utf8 = error.error_len().is_none();
                    pending.drain(..error.valid_up_to());
                }
            }
        }
        let read = block.len();
        reader.consume(read);
    }
    let encoding = match (utf16, ascii, utf8 && pending.is_empty()) {
        (true, ..) => "utf-16",
        (_, true, _) => "ascii",
        (.., true) => "utf-8",
        _ => "not utf-8",
    };
    Ok(FileText { encoding, byte_order_mark, crlf_lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_examined_across_block_borders() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.txt");
        let check = |bytes: &[u8], encoding| {
            std::fs::write(&path, bytes).unwrap();
            let found = examine(&path).unwrap();
            assert_eq!(found.encoding, encoding);
            found
        };
        assert_eq!(check(b"plain\r\nlines\n", "ascii").crlf_lines, 1);
        // 毛 is three bytes, so that one of the blocks' borders falls inside a character.
        assert!(!check("毛".repeat(40_000).as_bytes(), "utf-8").byte_order_mark);
        assert!(check("\u{feff}毛".as_bytes(), "utf-8").byte_order_mark);
        check(b"caf\xe9\n", "not utf-8");
        check(&"毛".as_bytes()[..2], "not utf-8");
        check(b"\xff\xfea\0", "utf-16");
    }
}
