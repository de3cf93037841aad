//! The rows of a parquet or JSONL file, one at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row as ParquetRow};
use serde_json::Value;

use super::claims;
use crate::{Error, Result};

/// The most that is read of one line of JSONL, in bytes.
const LONGEST_LINE: u64 = 64 << 20;

/// A row: its columns by name.
pub type Row = BTreeMap<String, Cell>;

/// What a row has in a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer; also dates (days) and times (in the column's unit).
    Int(i64),
    /// A floating-point number, or an integer beyond the range of `i64`.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes, such as an encoded image.
    Bytes(Vec<u8>),
    /// Several of them.
    List(Vec<Cell>),
    /// Some by name, such as the two sides of a translation.
    Map(BTreeMap<String, Cell>),
}

impl Cell {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Cell::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if it is one, be it an integer.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Cell::Float(value) => Some(*value),
            Cell::Int(value) => Some(*value as f64),
            _ => None,
        }
    }
}

/// The rows of a file. After an error there are no more.
///
/// Of a parquet file, a page of each column is in memory at a time; of a JSONL file, a line.
pub struct Rows {
    path: PathBuf,
    row: usize,
    source: Option<Source>,
}

enum Source {
    Parquet(Box<RowIter<'static>>),
    Jsonl(BufReader<File>),
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("path", &self.path).field("row", &self.row).finish()
    }
}

impl Rows {
    /// Opens a file, its kind told by its extension: `.parquet`, `.jsonl`, `.ndjson`.
    ///
    /// # Errors
    /// [`Error::RowsFormat`] for any other extension; [`Error::Rows`] for a parquet file that is
    /// not one.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let source = match extension(path).as_deref() {
            Some("parquet") => Source::Parquet(Box::new(parquet(path, file)?)),
            Some("jsonl" | "ndjson") => Source::Jsonl(BufReader::new(file)),
            _ => return Err(Error::RowsFormat { path: path.to_path_buf() }),
        };
        Ok(Self { path: path.to_path_buf(), row: 0, source: Some(source) })
    }

    /// Whether [`Rows::open`] takes a file of this name.
    pub(super) fn can_read(path: &Path) -> bool {
        matches!(extension(path).as_deref(), Some("parquet" | "jsonl" | "ndjson"))
    }
}

fn extension(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

impl Iterator for Rows {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        self.row += 1;
        let next = match self.source.as_mut()? {
            Source::Parquet(rows) => {
                guarded(|| rows.next().transpose()).map(|row| row.map(from_parquet)).transpose()
            }
            Source::Jsonl(reader) => line(reader).transpose(),
        };
        let next = next.map(|row| row.map_err(|reason| damaged(&self.path, self.row, reason)));
        if !matches!(next, Some(Ok(_))) {
            self.source = None;
        }
        next
    }
}

fn damaged(path: &Path, row: usize, reason: String) -> Error {
    Error::Rows { path: path.to_path_buf(), row, reason }
}

/// Opens a parquet file, once what it claims has been found to fit.
fn parquet(path: &Path, file: File) -> Result<RowIter<'static>> {
    let refuse = |reason| damaged(path, 0, reason);
    let length = file.metadata().map_err(Error::io("read", path))?.len();
    claims::schema(&file, length).map_err(refuse)?;
    let pages = file.try_clone().map_err(Error::io("read", path))?;
    let reader = guarded(|| SerializedFileReader::new(file)).map_err(refuse)?;
    for column in reader.metadata().row_groups().iter().flat_map(|group| group.columns()) {
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let (start, size) = match (u64::try_from(start), u64::try_from(column.compressed_size())) {
            (Ok(start), Ok(size)) if start.saturating_add(size) <= length => (start, size),
            _ => {
                let (column, size) = (column.column_path(), column.compressed_size());
                return Err(refuse(format!(
                    "column `{column}` claims {size} bytes at {start}, and the file has {length}"
                )));
            }
        };
        claims::pages(&pages, start, size)
            .map_err(|reason| refuse(format!("column `{}`: {reason}", column.column_path())))?;
    }
    Ok(RowIter::from_file_into(Box::new(reader)))
}

/// Runs a part of the parquet reader, whose arithmetic on damaged pages can panic; what it held is
/// then given up.
fn guarded<T>(work: impl FnOnce() -> parquet::errors::Result<T>) -> std::result::Result<T, String> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the parquet reader gave up on damaged data".to_string()),
    }
}

fn from_parquet(row: ParquetRow) -> Row {
    row.into_columns().into_iter().map(|(name, field)| (name, from_field(field))).collect()
}

fn from_field(field: Field) -> Cell {
    match field {
        Field::Null => Cell::Null,
        Field::Bool(value) => Cell::Bool(value),
        Field::Byte(value) => Cell::Int(value.into()),
        Field::Short(value) => Cell::Int(value.into()),
        Field::Int(value) | Field::Date(value) | Field::TimeMillis(value) => {
            Cell::Int(value.into())
        }
        Field::Long(value)
        | Field::TimeMicros(value)
        | Field::TimestampMillis(value)
        | Field::TimestampMicros(value) => Cell::Int(value),
        Field::UByte(value) => Cell::Int(value.into()),
        Field::UShort(value) => Cell::Int(value.into()),
        Field::UInt(value) => Cell::Int(value.into()),
        Field::ULong(value) => i64::try_from(value).map_or(Cell::Float(value as f64), Cell::Int),
        Field::Float16(value) => Cell::Float(value.into()),
        Field::Float(value) => Cell::Float(value.into()),
        Field::Double(value) => Cell::Float(value),
        Field::Str(value) => Cell::Text(value),
        Field::Bytes(value) => Cell::Bytes(value.data().to_vec()),
        Field::Group(row) => Cell::Map(from_parquet(row)),
        Field::ListInternal(list) => {
            Cell::List(list.elements().iter().cloned().map(from_field).collect())
        }
        // Decimals and maps with keys of any type; their text is what can be said of them without a
        // schema.
        other => Cell::Text(other.to_string()),
    }
}

/// The next line that is not empty.
fn line(reader: &mut BufReader<File>) -> std::result::Result<Option<Row>, String> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader
            .by_ref()
            .take(LONGEST_LINE + 1)
            .read_until(b'\n', &mut line)
            .map_err(|error| error.to_string())?;
        if read == 0 {
            return Ok(None);
        }
        if read as u64 > LONGEST_LINE {
            return Err(format!("a line of more than {LONGEST_LINE} bytes"));
        }
        if !line.trim_ascii().is_empty() {
            break;
        }
    }
    let row: BTreeMap<String, Value> =
        serde_json::from_slice(&line).map_err(|error| error.to_string())?;
    Ok(Some(row.into_iter().map(|(name, value)| (name, from_json(value))).collect()))
}

fn from_json(value: Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(value) => Cell::Bool(value),
        Value::Number(number) => match number.as_i64() {
            Some(value) => Cell::Int(value),
            None => Cell::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Cell::Text(text),
        Value::Array(items) => Cell::List(items.into_iter().map(from_json).collect()),
        Value::Object(items) => {
            Cell::Map(items.into_iter().map(|(name, item)| (name, from_json(item))).collect())
        }
    }
}
