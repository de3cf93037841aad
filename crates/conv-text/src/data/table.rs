//! Rows of TSV and CSV files, and which of their columns are the text and the label.

use std::io::{self, BufRead, Read};

use super::encoding::Encoding;
use super::format::{Column, ReadOptions};
use super::lines::{Lines, MAX_LINE, decode, skip_mark};
use crate::error::{Error, Place, Result};

/// The rows of a table; a blank line is no row.
pub(crate) enum Rows {
    Tsv(Lines),
    Csv(CsvRows),
}

impl Iterator for Rows {
    type Item = Result<(Place, Vec<String>)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Tsv(lines) => {
                lines.find(|line| !matches!(line, Ok((_, text)) if text.is_empty())).map(|line| {
                    let (at, text) = line?;
                    Ok((at, text.split('\t').map(str::to_owned).collect()))
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
    ) -> Result<Self> {
        skip_mark(&mut reader, file)?;
        let bounded = Bounded { reader, left: MAX_LINE, last: b'\n' };
        // The crate's own CR LF ends a record at the CR, so that the lines of the next ones would
        // be counted wrongly.
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
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
                return Err(Error::TooLong {
                    at,
                    limit: MAX_LINE,
                    hint: "; is a quotation mark left open?",
                });
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
                Error::NotUtf8 { at, column, byte } => {
                    Error::NotUtf8 { at, column: before + column, byte }
                }
                other => other,
            })?);
            before += field.len() + 1;
        }
        Ok(row)
    }
}

/// A reader that fails once a record has taken all that it may (the csv crate itself would read on
/// to the file's end), and that ends every file with a line break.
struct Bounded {
    reader: Box<dyn BufRead>,
    left: usize,
    last: u8,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other("record too long"));
        }
        let most = buffer.len().min(self.left);
        let mut read = self.reader.read(&mut buffer[..most])?;
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

/// Where a row's text and label stand, from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) text: usize,
    pub(crate) label: Option<usize>,
}

impl Layout {
    /// The layout for a table whose first row is given, and whether that row is a header.
    pub(crate) fn of(
        first: &[String],
        at: &Place,
        options: &ReadOptions,
        labelled: bool,
    ) -> Result<(Self, bool)> {
        let has = |name: &str| first.iter().any(|field| field.trim() == name);
        let named = |column: &Option<Column>| matches!(column, Some(Column::Name(_)));
        let silent = options.text.is_none() && options.label.is_none();
        let header = named(&options.text)
            || named(&options.label)
            || (silent && has("text") && (has("label") || !labelled));
        let find = |column: &Option<Column>, name: &str, number: usize| -> Result<usize> {
            let name = match column {
                Some(Column::Number(number)) => return Column::index(*number),
                Some(Column::Name(name)) => name,
                None if header => name,
                None => return Ok(number - 1),
            };
            first.iter().position(|field| field.trim() == name).ok_or_else(|| {
                Error::MissingColumn { at: at.clone(), name: name.into(), found: first.join(", ") }
            })
        };
        let alone = first.len() == 1 && !labelled;
        let text_number = if alone || options.label == Some(Column::Number(2)) { 1 } else { 2 };
        let label_number = if options.text == Some(Column::Number(1)) { 2 } else { 1 };
        let text = find(&options.text, "text", text_number)?;
        let label = labelled.then(|| find(&options.label, "label", label_number)).transpose()?;
        if label == Some(text) {
            return Err(Error::SameColumn {
                file: at.file.clone(),
                column: (text + 1).to_string(),
            });
        }
        Ok((Self { text, label }, header))
    }

    /// A row's text and label.
    pub(crate) fn pick(self, mut row: Vec<String>, at: &Place) -> Result<(String, Option<String>)> {
        let expected = 1 + self.text.max(self.label.unwrap_or(0));
        if row.len() < expected {
            return Err(Error::Fields { at: at.clone(), found: row.len(), expected });
        }
        let label = self.label.map(|label| std::mem::take(&mut row[label]));
        Ok((std::mem::take(&mut row[self.text]), label))
    }
}
