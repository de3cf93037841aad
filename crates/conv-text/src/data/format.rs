//! The user's own data: which format, which columns, which encoding.

use conv_hub::InvalidField;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use conv_hub::text::Encoding;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How examples are laid out in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Columns between tabs, one example a line; quotation marks mean nothing.
    Tsv,
    /// RFC 4180: columns between commas, quoted where they hold commas, quotation marks or line
    /// breaks.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// fastText's lines, `__label__NAME text`; a line without a label is a text alone.
    FastText,
}

impl Format {
    /// The format that a file's extension stands for, in front of `.gz` where the name ends so; a
    /// name without one stands for plain lines.
    ///
    /// # Errors
    /// [`Error::Field`] for an extension that stands for none.
    pub fn of(path: &Path) -> Result<Self> {
        let lower = |path: &Path| {
            path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
        };
        let extension = match (lower(path).as_str(), path.file_stem()) {
            ("gz", Some(stem)) => lower(Path::new(stem)),
            (extension, _) => extension.into(),
        };
        match extension.as_str() {
            "" => Ok(Self::FastText),
            "tsv" | "tab" => Ok(Self::Tsv),
            "csv" => Ok(Self::Csv),
            "jsonl" | "ndjson" => Ok(Self::Jsonl),
            "txt" | "fasttext" => Ok(Self::FastText),
            _ => Err(Error::from(InvalidField::name(
                "extension",
                &path.display().to_string(),
                ".tsv, .tab, .csv, .jsonl, .ndjson, .txt, .fasttext (or name the format)",
            ))),
        }
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name.to_ascii_lowercase().as_str() {
            "tsv" => Ok(Self::Tsv),
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::Jsonl),
            "fasttext" => Ok(Self::FastText),
            _ => Err(Error::from(InvalidField::name("format", name, "tsv, csv, jsonl, fasttext"))),
        }
    }
}

/// A column of a table, or a key of JSON lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Column {
    /// Counted from 1; a table whose columns are all given by number has no header, unless they
    /// have the usual names in its first line.
    Number(usize),
    /// A name in the header, which is the table's first line.
    Name(String),
}

impl Column {
    /// A column number's index in a row, from 0.
    pub(crate) fn index(number: usize) -> Result<usize> {
        number.checked_sub(1).ok_or_else(|| {
            Error::from(InvalidField::new("column", number, "1, 2, …, or a name in the header"))
        })
    }
}

impl FromStr for Column {
    type Err = Error;

    /// A number where it is one, otherwise a name.
    fn from_str(text: &str) -> Result<Self> {
        match text.parse() {
            Ok(number) => Self::index(number).map(|_| Self::Number(number)),
            Err(_) => Ok(Self::Name(text.into())),
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

/// What stands between the columns of a table: one byte of ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Separator(u8);

impl Separator {
    /// The byte.
    pub fn byte(self) -> u8 {
        self.0
    }
}

impl FromStr for Separator {
    type Err = Error;

    /// One character, or `tab`. Letters, digits, quotation marks and line breaks stand in texts.
    fn from_str(text: &str) -> Result<Self> {
        match if text == "tab" { "\t" } else { text }.as_bytes() {
            [byte @ (b'\t' | b' ')] => Ok(Self(*byte)),
            [byte] if byte.is_ascii_punctuation() && *byte != b'"' => Ok(Self(*byte)),
            _ => {
                let expected = "one character such as ; or |, or the word tab";
                Err(InvalidField::new("separator", format_args!("{text:?}"), expected).into())
            }
        }
    }
}

impl TryFrom<String> for Separator {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Separator> for String {
    fn from(Separator(byte): Separator) -> Self {
        char::from(byte).into()
    }
}

/// How a data file is to be read; the default takes the format from the extension.
///
/// Columns that are not given are those of the usual names (`label`, `class`, … and `text`,
/// `sentence`, …, in any case) where its first line has such, otherwise 1 for the label and 2 for
/// the text (a table of one column holds texts). A first line with only one of the two, or several
/// such, is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// The format; from the extension where absent.
    pub format: Option<Format>,
    /// What stands between columns; a tab in TSV and a comma in CSV where absent. With it, a file
    /// whose extension stands for no table is read as CSV.
    pub separator: Option<Separator>,
    /// The encoding; UTF-8 where not told.
    pub encoding: Encoding,
    /// The column that holds the text.
    pub text: Option<Column>,
    /// The column that holds the label.
    pub label: Option<Column>,
}

impl ReadOptions {
    /// The format in which the file at `path` is read.
    ///
    /// # Errors
    /// As [`Format::of`], where no format is given.
    pub fn format_of(&self, path: &Path) -> Result<Format> {
        let of_name = || match (self.separator, Format::of(path)) {
            // A table, whatever the name says.
            (Some(_), Err(_) | Ok(Format::FastText)) => Ok(Format::Csv),
            (_, format) => format,
        };
        self.format.map_or_else(of_name, Ok)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_gives_the_format() {
        assert_eq!(Format::of(Path::new("a/b.TSV")).unwrap(), Format::Tsv);
        assert_eq!(Format::of(Path::new("b.jsonl")).unwrap(), Format::Jsonl);
        assert_eq!(Format::of(Path::new("b.tsv.GZ")).unwrap(), Format::Tsv);
        assert_eq!(Format::of(Path::new("a.b/texts")).unwrap(), Format::FastText);
        let error = Format::of(Path::new("b.xlsx")).unwrap_err().to_string();
        assert!(error.contains("b.xlsx") && error.contains(".csv"), "{error}");
    }

    #[test]
    fn a_separator_is_one_character() {
        assert_eq!(";".parse::<Separator>().unwrap().byte(), b';');
        assert_eq!("tab".parse::<Separator>().unwrap().byte(), b'\t');
        for wrong in ["", ";;", "a", "\"", "\n", "ä"] {
            let error = wrong.parse::<Separator>().unwrap_err().to_string();
            assert!(error.contains("separator is") && error.contains("tab"), "{error}");
        }
    }

    #[test]
    fn a_column_is_a_number_from_one_or_a_name() {
        assert_eq!("2".parse::<Column>().unwrap(), Column::Number(2));
        assert_eq!("review".parse::<Column>().unwrap(), Column::Name("review".into()));
        assert!("0".parse::<Column>().is_err());
    }
}
