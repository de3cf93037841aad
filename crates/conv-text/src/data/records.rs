//! The user's own data as a stream of records, whatever its format, in constant memory.

use std::io::BufRead;
use std::path::Path;

use conv_hub::InvalidField;
use conv_hub::text::{Lines, Place, open};

use super::format::{Column, Format, ReadOptions, Separator};
use super::layout::Layout;
use super::parse::{fasttext, json, json_keys};
use super::table::{CsvRows, Rows};
use crate::error::{Error, Result};

/// A text with its label as a file gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The text, untouched; empty texts are records too.
    pub text: String,
    /// The label's name; always there from [`Records::labelled`], never from [`Records::texts`].
    pub label: Option<String>,
    /// The line on which the record begins, from 1.
    pub line: u64,
}

/// The records of a file or a stream, one after the other; it ends after its first error. Texts
/// alone go on behind a line or a row that is too long, no text or no record, as long as it is
/// known where it ends.
///
/// ```
/// use conv_text::data::{ReadOptions, Records};
///
/// let lines = std::io::Cursor::new("a fine film\n__label__negative dull , twice\n");
/// let texts = Records::texts(Box::new(lines), "standard input", &ReadOptions::default())?;
/// let texts = texts.map(|record| Ok(record?.text)).collect::<conv_text::Result<Vec<_>>>()?;
/// assert_eq!(texts, ["a fine film", "dull , twice"]);
/// # Ok::<(), conv_text::Error>(())
/// ```
pub struct Records {
    source: Source,
    options: ReadOptions,
    labelled: bool,
    ended: bool,
}

enum Source {
    FastText(Lines),
    Jsonl(Lines),
    Table { rows: Rows, layout: Option<Layout> },
}

impl Records {
    /// Records with labels, for training and evaluation; blank lines are stepped over.
    ///
    /// `file` stands in error messages. Without a format in `options`, lines are read as
    /// [`Format::FastText`], or as [`Format::Csv`] where there is a separator.
    ///
    /// # Errors
    /// Here [`Error::Hub`] for a stream that cannot be read or is UTF-16; the records' own come
    /// from the iterator.
    pub fn labelled(reader: Box<dyn BufRead>, file: &str, options: &ReadOptions) -> Result<Self> {
        Self::new(reader, file, options, true)
    }

    /// Texts alone, for prediction; of plain lines every one is a text, the blank ones too.
    ///
    /// # Errors
    /// As [`Records::labelled`].
    pub fn texts(reader: Box<dyn BufRead>, file: &str, options: &ReadOptions) -> Result<Self> {
        Self::new(reader, file, options, false)
    }

    /// The labelled records of a file.
    ///
    /// # Errors
    /// As [`Records::labelled`], and [`Error::Field`] for an extension that names no format.
    pub fn open_labelled(path: &Path, options: &ReadOptions) -> Result<Self> {
        let (reader, options) = opened(path, options)?;
        Self::labelled(reader, &path.display().to_string(), &options)
    }

    /// The texts of a file.
    ///
    /// # Errors
    /// As [`Records::open_labelled`].
    pub fn open_texts(path: &Path, options: &ReadOptions) -> Result<Self> {
        let (reader, options) = opened(path, options)?;
        Self::texts(reader, &path.display().to_string(), &options)
    }

    fn new(
        reader: Box<dyn BufRead>,
        file: &str,
        options: &ReadOptions,
        labelled: bool,
    ) -> Result<Self> {
        let encoding = options.encoding;
        let table = options.separator.map_or(Format::FastText, |_| Format::Csv);
        let format = options.format.unwrap_or(table);
        if let (Some(found), Format::Jsonl | Format::FastText) = (options.separator, format) {
            let expected = "none: JSON lines and plain lines have no columns";
            return Err(InvalidField::new(
                "separator",
                format_args!("{:?}", String::from(found)),
                expected,
            )
            .into());
        }
        let separator = |usual| options.separator.map_or(usual, Separator::byte);
        let table = |rows| Source::Table { rows, layout: None };
        let lines = |reader| -> conv_hub::Result<Lines> {
            let lines = Lines::new(reader, file, encoding)?;
            Ok(if labelled { lines } else { lines.go_on() })
        };
        let source = match format {
            Format::FastText => Source::FastText(lines(reader)?),
            Format::Jsonl => {
                for column in [&options.text, &options.label].into_iter().flatten() {
                    if let Column::Number(number) = *column {
                        return Err(Error::NumberedJson { file: file.into(), number });
                    }
                }
                let (text, label) = json_keys(options);
                if labelled && text == label {
                    return Err(Error::SameColumn {
                        file: file.into(),
                        column: format!("{text:?}"),
                    });
                }
                Source::Jsonl(lines(reader)?)
            }
            Format::Tsv => {
                table(Rows::Tsv { lines: lines(reader)?, separator: separator(b'\t').into() })
            }
            Format::Csv => table(Rows::Csv(CsvRows::new(reader, file, encoding, separator(b','))?)),
        };
        Ok(Self { source, options: options.clone(), labelled, ended: false })
    }

    /// Whether there may be texts behind such an error.
    fn goes_on(&self, error: &Error) -> bool {
        match &self.source {
            // Of lines that go on, the reader knows when it is over.
            Source::FastText(_) | Source::Jsonl(_) => true,
            // Without its first row nothing says where the texts are.
            Source::Table { layout: None, .. } => false,
            Source::Table { rows: Rows::Tsv { .. }, .. } => true,
            // The reader has come to this row's end.
            Source::Table { rows: Rows::Csv(_), .. } => match error {
                Error::Csv { .. } => false,
                Error::Hub(error) => matches!(error, conv_hub::Error::NotUtf8 { .. }),
                _ => true,
            },
        }
    }

    fn read(&mut self) -> Option<Result<Record>> {
        let labelled = self.labelled;
        let blank = |line: &conv_hub::Result<(Place, String)>| matches!(line, Ok((_, text)) if text.trim().is_empty());
        match &mut self.source {
            Source::FastText(lines) => lines.find(|line| !(labelled && blank(line))).map(|line| {
                let (at, text) = line?;
                let (text, label) = fasttext(&text, labelled, &at)?;
                record(text, label, labelled, &at)
            }),
            Source::Jsonl(lines) => lines.find(|line| !blank(line)).map(|line| {
                let (at, text) = line?;
                let (text, label) = json(&text, &self.options, labelled, &at)?;
                record(text, label, labelled, &at)
            }),
            Source::Table { rows, layout } => loop {
                let (at, row) = match rows.next()? {
                    Ok(row) => row,
                    Err(error) => return Some(Err(error)),
                };
                let layout = match layout {
                    Some(layout) => *layout,
                    None => match Layout::of(&row, &at, &self.options, labelled) {
                        Ok((found, header)) => {
                            *layout = Some(found);
                            if header {
                                continue;
                            }
                            found
                        }
                        Err(error) => return Some(Err(error)),
                    },
                };
                let picked = layout.pick(row, &at);
                return Some(picked.and_then(|(text, label)| record(text, label, labelled, &at)));
            },
        }
    }
}

impl Iterator for Records {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let record = self.read();
        self.ended = match &record {
            Some(Ok(_)) => false,
            Some(Err(error)) => self.labelled || !self.goes_on(error),
            None => true,
        };
        record
    }
}

fn opened(path: &Path, options: &ReadOptions) -> Result<(Box<dyn BufRead>, ReadOptions)> {
    // First: of a file that is not there, its name's ending is not what is wrong.
    let reader = open(path)?;
    let format = options.format_of(path)?;
    Ok((reader, ReadOptions { format: Some(format), ..options.clone() }))
}

fn record(text: String, label: Option<String>, labelled: bool, at: &Place) -> Result<Record> {
    if !labelled {
        return Ok(Record { text, label: None, line: at.line });
    }
    let label = label.as_deref().map_or("", str::trim);
    if label.is_empty() || label.contains(['\n', '\r']) {
        return Err(Error::Label {
            at: at.clone(),
            found: if label.is_empty() { "no label".into() } else { format!("label {label:?}") },
            expected: "one, without line breaks".into(),
        });
    }
    Ok(Record { text, label: Some(label.into()), line: at.line })
}
