//! Lines of bounded length, in constant memory, numbered and decoded.

use std::io::{BufRead, Read};
use std::path::Path;

use super::encoding::{Encoding, UTF8_MARK, UTF16_MARKS};
use super::{Place, open};
use crate::{Error, Result};

/// The most bytes that a line, or a CSV record, may have: 1 MiB.
pub const MAX_LINE: usize = 1 << 20;

/// The lines of a file, split on LF alone (a NEL or a line separator is text), without a CR before
/// it.
///
/// It ends after its first error, or after the first of the reader with [`Lines::go_on`].
pub struct Lines {
    reader: Box<dyn BufRead>,
    at: Place,
    encoding: Encoding,
    limit: usize,
    buffer: Vec<u8>,
    goes_on: bool,
    ended: bool,
}

impl Lines {
    /// The lines of the file at `path`, unpacked where it is gzipped.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Utf16`]; the lines' own, [`Error::NotUtf8`] and
    /// [`Error::LineTooLong`] among them, come from the iterator.
    pub fn open(path: &Path, encoding: Encoding) -> Result<Self> {
        Self::new(open(path)?, &path.display().to_string(), encoding)
    }

    /// Lines of `reader`, which begins at the beginning of `file`.
    ///
    /// # Errors
    /// As [`Lines::open`].
    pub fn new(mut reader: Box<dyn BufRead>, file: &str, encoding: Encoding) -> Result<Self> {
        skip_mark(&mut reader, file)?;
        let at = Place { file: file.into(), line: 0 };
        let limit = MAX_LINE;
        let buffer = Vec::new();
        Ok(Self { reader, at, encoding, limit, buffer, goes_on: false, ended: false })
    }

    /// The same with at most `limit` bytes a line.
    pub fn limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// The same, going on behind a line that is too long or cannot be decoded: what answers line by
    /// line has an answer for each.
    pub fn go_on(self) -> Self {
        Self { goes_on: true, ..self }
    }

    /// Reads over what is left of the present line.
    fn skip_line(&mut self) -> std::io::Result<()> {
        while !self.buffer.ends_with(b"\n") {
            self.buffer.clear();
            let most = self.limit as u64;
            if self.reader.by_ref().take(most).read_until(b'\n', &mut self.buffer)? == 0 {
                break;
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Option<String>> {
        self.buffer.clear();
        let most = self.limit as u64 + 2;
        let read = self.reader.by_ref().take(most).read_until(b'\n', &mut self.buffer);
        if read.map_err(Error::io("read", Path::new(&self.at.file)))? == 0 {
            return Ok(None);
        }
        self.at.line += 1;
        let line = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > self.limit {
            return Err(Error::LineTooLong { at: self.at.clone(), limit: self.limit, hint: "" });
        }
        decode(line, self.encoding, &self.at).map(Some)
    }
}

impl Iterator for Lines {
    type Item = Result<(Place, String)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let line = self.read().transpose();
        self.ended = match &line {
            Some(Ok(_)) => false,
            Some(Err(Error::NotUtf8 { .. })) => !self.goes_on,
            Some(Err(Error::LineTooLong { .. })) => !self.goes_on || self.skip_line().is_err(),
            _ => true,
        };
        line.map(|line| line.map(|text| (self.at.clone(), text)))
    }
}

/// Steps over a UTF-8 byte-order mark.
///
/// # Errors
/// [`Error::Io`]; [`Error::Utf16`] where the mark is that of UTF-16.
pub fn skip_mark(reader: &mut dyn BufRead, file: &str) -> Result<()> {
    let start = reader.fill_buf().map_err(Error::io("read", Path::new(file)))?;
    if UTF16_MARKS.iter().any(|mark| start.starts_with(mark)) {
        return Err(Error::Utf16 { path: file.into() });
    }
    if start.starts_with(UTF8_MARK) {
        reader.consume(UTF8_MARK.len());
    }
    Ok(())
}

/// The text of some bytes of a line.
///
/// # Errors
/// [`Error::NotUtf8`], with the byte's place.
pub fn decode(bytes: &[u8], encoding: Encoding, at: &Place) -> Result<String> {
    encoding.decode(bytes).map_err(|offset| Error::NotUtf8 {
        at: at.clone(),
        column: offset + 1,
        byte: bytes.get(offset).copied().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor, repeat};

    use super::*;

    fn lines(bytes: &[u8], encoding: Encoding) -> Vec<String> {
        let lines =
            Lines::new(Box::new(Cursor::new(bytes.to_vec())), "data.txt", encoding).unwrap();
        lines.map(|line| line.map_or_else(|error| error.to_string(), |(_, text)| text)).collect()
    }

    #[test]
    fn marks_and_carriage_returns_go_and_other_breaks_stay() {
        let found =
            lines("\u{feff}one\r\n\ntwo\u{85}\u{2028}three\rfour".as_bytes(), Encoding::Utf8);
        assert_eq!(found, ["one", "", "two\u{85}\u{2028}three\rfour"]);
        assert_eq!(lines(b"caf\xe9\x85x\n", Encoding::Latin1), ["café\u{85}x"]);
    }

    #[test]
    fn a_byte_that_is_not_utf8_is_named_with_its_line() {
        let found = lines(b"fine\ncaf\xe9\nnever reached\n", Encoding::Utf8);
        assert_eq!(found.len(), 2);
        assert!(
            found[1].starts_with("data.txt line 2: byte 0xe9 at column 4 is not UTF-8"),
            "{}",
            found[1]
        );
        let utf16 = Lines::new(Box::new(Cursor::new(b"\xff\xfea\0")), "data.txt", Encoding::Utf8);
        assert!(matches!(utf16.err(), Some(Error::Utf16 { .. })));
    }

    #[test]
    fn an_endless_line_is_an_error_and_not_memory() {
        let endless = Box::new(BufReader::new(repeat(b'a')));
        let mut lines = Lines::new(endless, "standard input", Encoding::Utf8).unwrap();
        let error = lines.next().unwrap().unwrap_err().to_string();
        assert_eq!(error, "standard input line 1: longer than 1048576 bytes");
        assert!(lines.next().is_none());
        assert!(lines.buffer.capacity() < 4 * MAX_LINE);
    }

    #[test]
    fn where_it_goes_on_each_bad_line_is_one_error() {
        let bytes = b"one\nfar too long a line\ncaf\xe9\nlast".to_vec();
        let lines = Lines::new(Box::new(Cursor::new(bytes)), "in", Encoding::Utf8).unwrap();
        let found: Vec<String> = lines
            .limit(8)
            .go_on()
            .map(|line| line.map_or_else(|error| error.to_string(), |(_, text)| text))
            .collect();
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!((found[0].as_str(), found[3].as_str()), ("one", "last"));
        assert!(found[1].starts_with("in line 2: longer than 8 bytes"), "{found:?}");
        assert!(found[2].starts_with("in line 3: byte 0xe9 at column 4"), "{found:?}");
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_taken() {
        let full = |length| {
            let bytes = [vec![b'a'; length], b"\r\n".to_vec()].concat();
            Lines::new(Box::new(Cursor::new(bytes)), "data.txt", Encoding::Utf8)
                .unwrap()
                .limit(8)
                .next()
                .unwrap()
        };
        assert!(full(8).is_ok());
        assert!(full(9).is_err());
    }
}
