//! Which columns of a table are the text and the label.

use conv_hub::text::Place;

use super::format::{Column, ReadOptions};
use crate::error::{Error, Result};

/// What the column of the text is usually called, in any case.
const TEXTS: [&str; 8] =
    ["text", "sentence", "review", "comment", "content", "message", "tweet", "question"];
/// What the column of the label is usually called.
const LABELS: [&str; 8] =
    ["label", "class", "category", "sentiment", "polarity", "rating", "score", "target"];

/// Where a row's text and label stand, from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) text: usize,
    pub(crate) label: Option<usize>,
    /// Fields of the first row.
    fields: usize,
}

impl Layout {
    /// The layout for a table whose first row is given, and whether that row is a header.
    pub(crate) fn of(
        first: &[String],
        at: &Place,
        options: &ReadOptions,
        labelled: bool,
    ) -> Result<(Self, bool)> {
        let first = First { row: first, at };
        let alone = first.row.len() == 1 && !labelled;
        let texts = first.known(&TEXTS);
        let labels = if alone { Vec::new() } else { first.known(&LABELS) };
        let known = |column: &Option<Column>, known: &[usize]| match column {
            Some(Column::Name(_)) => true,
            Some(Column::Number(number)) => known.iter().any(|at| at + 1 == *number),
            None => !known.is_empty(),
        };
        let named = |column: &Option<Column>| matches!(column, Some(Column::Name(_)));
        let header = named(&options.text)
            || named(&options.label)
            || (known(&options.text, &texts) && (!labelled || known(&options.label, &labels)));
        let like_header = header || !texts.is_empty() || !labels.is_empty();
        let text_number = if alone || options.label == Some(Column::Number(2)) { 1 } else { 2 };
        let label_number = if options.text == Some(Column::Number(1)) { 2 } else { 1 };
        let find = |column: &Option<Column>, what, known: &[usize], number: usize| match column {
            Some(Column::Number(number)) => Column::index(*number),
            Some(Column::Name(name)) => first.named(name),
            None if !like_header => Ok(number - 1),
            None => match known {
                [one] => Ok(*one),
                _ => Err(first.unclear(what)),
            },
        };
        let text = find(&options.text, "text", &texts, text_number)?;
        let label = labelled.then(|| find(&options.label, "label", &labels, label_number));
        let label = label.transpose()?;
        if label == Some(text) {
            return Err(Error::SameColumn {
                file: at.file.clone(),
                column: (text + 1).to_string(),
            });
        }
        Ok((Self { text, label, fields: first.row.len() }, header))
    }

    /// A row's text and label.
    pub(crate) fn pick(self, mut row: Vec<String>, at: &Place) -> Result<(String, Option<String>)> {
        let expected = 1 + self.text.max(self.label.unwrap_or(0));
        if row.len() < expected {
            return Err(Error::Fields { at: at.clone(), found: row.len(), expected });
        }
        if row.iter().skip(self.fields).any(|field| !field.is_empty()) {
            let found = row.len();
            let expected = self.fields;
            return Err(Error::ExtraFields { at: at.clone(), found, expected });
        }
        let label = self.label.map(|label| std::mem::take(&mut row[label]));
        Ok((std::mem::take(&mut row[self.text]), label))
    }
}

/// A table's first row and its place.
struct First<'a> {
    row: &'a [String],
    at: &'a Place,
}

impl First<'_> {
    /// The columns of these usual names; the first name alone where it is there.
    fn known(&self, names: &[&str]) -> Vec<usize> {
        let of = |names: &[&str]| -> Vec<usize> {
            let like = |field: &str| names.iter().any(|name| name.eq_ignore_ascii_case(field));
            (0..self.row.len()).filter(|&column| like(self.row[column].trim())).collect()
        };
        let first = of(&names[..1]);
        if first.is_empty() { of(names) } else { first }
    }

    fn named(&self, name: &str) -> Result<usize> {
        self.row.iter().position(|field| field.trim() == name).ok_or_else(|| {
            let found = self.row.join(", ");
            Error::MissingColumn { at: self.at.clone(), name: name.into(), found }
        })
    }

    fn unclear(&self, what: &'static str) -> Error {
        Error::Header { at: self.at.clone(), found: self.row.join(", "), what }
    }
}
