//! Rows of TSV and CSV files.

use std::io::{self, BufRead, Read};

use conv_hub::text::{Encoding, Lines, MAX_LINE, Place, decode, skip_mark};

use crate::error::{Error, Result};

/// The rows of a table; a blank line is no row.
pub(crate) enum Rows {
    Tsv { lines: Lines, separator: char },
    Csv(CsvRows),
}

impl Iterator for Rows {
    type Item = Result<(Place, Vec<String>)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Tsv { lines, separator } => {
                lines.find(|line| !matches!(line, Ok((_, text)) if text.is_empty())).map(|line| {
                    let (at, text) = line?;
                    Ok((at, text.split(*separator).map(str::to_owned).collect()))
                })
            }
            Self::Csv(rows) => rows.read().transpose(),
        }
    }
}

/// The records of a CSV file, each of bounded size.
pub(crate) struct CsvRows {
    reader: csv::Reader<Bounded>,
    record: csv::ByteRecord,
    file: String,
    encoding: Encoding,
}

impl CsvRows {
    pub(crate) fn new(
        mut reader: Box<dyn BufRead>,
        file: &str,
        encoding: Encoding,
        separator: u8,
    ) -> Result<Self> {
        skip_mark(&mut reader, file)?;
        let quotes = Quotes { separator, place: Within::Start, breaks: 0, opened: 0 };
        let bounded = Bounded { reader, left: MAX_LINE, last: b'\n', quotes };
        // The crate's own CR LF ends a record at the CR, so that the lines of the next ones would
        // be counted wrongly.
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(bounded);
        Ok(Self { reader, record: csv::ByteRecord::new(), file: file.into(), encoding })
    }

    fn read(&mut self) -> Result<Option<(Place, Vec<String>)>> {
        loop {
            let mut at = Place { file: self.file.clone(), line: self.reader.position().line() };
            self.reader.get_mut().left = MAX_LINE;
            let found = self.reader.read_byte_record(&mut self.record);
            if self.reader.get_ref().left == 0 {
                let hint = "; is a quotation mark left open?";
                return Err(conv_hub::Error::LineTooLong { at, limit: MAX_LINE, hint }.into());
            }
            let quotes = &self.reader.get_ref().quotes;
            if found.is_err() && quotes.place == Within::Quotes {
                at.line = quotes.opened;
                let reason = "a quotation mark is opened here and never closed".into();
                return Err(Error::Csv { at, reason });
            }
            if !found.map_err(|error| Error::Csv { at: at.clone(), reason: error.to_string() })? {
                return Ok(None);
            }
            // Counted back from the record's end: the crate steps over blank lines in front of it.
            let breaks =
                self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
            at.line = self.reader.position().line().saturating_sub(1 + breaks);
            if self.record.len() > 1 || self.record.get(0).is_some_and(|field| field != b"\r") {
                return self.row(&at).map(|row| Some((at, row)));
            }
        }
    }

    fn row(&self, at: &Place) -> Result<Vec<String>> {
        let mut before = 0;
        let mut row = Vec::with_capacity(self.record.len());
        for (number, field) in self.record.iter().enumerate() {
            let last = number + 1 == self.record.len();
            let field = if last { field.strip_suffix(b"\r").unwrap_or(field) } else { field };
            row.push(decode(field, self.encoding, at).map_err(|error| match error {
                conv_hub::Error::NotUtf8 { at, column, byte } => {
                    conv_hub::Error::NotUtf8 { at, column: before + column, byte }
                }
                other => other,
            })?);
            before += field.len() + 1;
        }
        Ok(row)
    }
}

/// A reader that fails once a record has taken all that it may (the csv crate itself would read on
/// to the file's end) or the file ends within quotation marks (which the csv crate takes for a
/// record), and that ends every file with a line break.
struct Bounded {
    reader: Box<dyn BufRead>,
    left: usize,
    last: u8,
    quotes: Quotes,
}

/// Follows the csv crate through the bytes, to know whether a quotation mark is open.
struct Quotes {
    separator: u8,
    place: Within,
    /// Line breaks so far.
    breaks: u64,
    /// The line of the last mark that was opened.
    opened: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Within {
    Start,
    Field,
    Quotes,
    /// A mark within quotes: half of a doubled one, or the closing one.
    Mark,
}

impl Quotes {
    fn follow(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.place = match (self.place, byte) {
                (Within::Start, b'"') => {
                    self.opened = self.breaks + 1;
                    Within::Quotes
                }
                (Within::Mark, b'"') => Within::Quotes,
                (Within::Quotes, b'"') => Within::Mark,
                (Within::Quotes, _) => Within::Quotes,
                (_, byte) if byte == self.separator || byte == b'\n' => Within::Start,
                _ => Within::Field,
            };
            self.breaks += u64::from(byte == b'\n');
        }
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other("record too long"));
        }
        let most = buffer.len().min(self.left);
        let mut read = self.reader.read(&mut buffer[..most])?;
        self.quotes.follow(&buffer[..read]);
        if read == 0 && self.quotes.place == Within::Quotes {
            return Err(io::Error::other("open quotation mark"));
        }
        if read == 0 && most > 0 && self.last != b'\n' {
            buffer[0] = b'\n';
            read = 1;
        }
        if read > 0 {
            self.last = buffer[read - 1];
        }
        self.left -= read;
        Ok(read)
    }
}
