//! One line of text or JSON to a text and its label.

use conv_hub::text::Place;
use serde_json::{Map, Value};

use super::format::{Column, ReadOptions};
use crate::error::{Error, Result};

const LABEL: &str = "__label__";

/// The text and, where it has one, the label of fastText's `__label__NAME text`; where no label is
/// wanted, there may be several.
pub(crate) fn fasttext(line: &str, labelled: bool, at: &Place) -> Result<(String, Option<String>)> {
    let (mut text, mut found) = (line, None);
    while let Some(rest) = text.trim_start().strip_prefix(LABEL) {
        if labelled && found.is_some() {
            return Err(Error::Label {
                at: at.clone(),
                found: "several labels".into(),
                expected: "one: a text belongs to one class here".into(),
            });
        }
        let (label, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        if labelled && after.is_empty() && label.contains([',', ';', '|']) {
            return Err(Error::Label {
                at: at.clone(),
                found: format!("label {label:?} without a text"),
                expected: format!("a blank behind the label, as in `{LABEL}NAME text`"),
            });
        }
        (text, found) = (after, Some(label.to_owned()));
    }
    if labelled && found.is_none() {
        return Err(Error::Label {
            at: at.clone(),
            found: "no label".into(),
            expected: format!("`{LABEL}NAME text`"),
        });
    }
    Ok((text.into(), found))
}

/// Under which keys a JSON object has its text and its label.
pub(crate) fn json_keys(options: &ReadOptions) -> (&str, &str) {
    let key = |column, default| match column {
        &Some(Column::Name(ref name)) => name.as_str(),
        _ => default,
    };
    (key(&options.text, "text"), key(&options.label, "label"))
}

/// The text and, where asked for, the label of a JSON object.
pub(crate) fn json(
    line: &str,
    options: &ReadOptions,
    labelled: bool,
    at: &Place,
) -> Result<(String, Option<String>)> {
    let mut object: Map<String, Value> = serde_json::from_str(line).map_err(|error| {
        // The parser's own ending counts lines within the line.
        let full = error.to_string();
        let reason = full.split(" at line ").next().unwrap_or_default();
        Error::Json { at: at.clone(), reason: format!("{reason} (column {})", error.column()) }
    })?;
    let mut take = |name: &str| match object.get_mut(name) {
        Some(value) => Ok((name.to_owned(), value.take())),
        None => Err(Error::MissingColumn {
            at: at.clone(),
            name: name.into(),
            found: object.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        }),
    };
    let wrong = |name: String, value: &Value, expected| {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        Error::JsonKind { at: at.clone(), name, found, expected }
    };
    let (text_key, label_key) = json_keys(options);
    let text = match take(text_key)? {
        (_, Value::String(text)) => text,
        (name, value) => return Err(wrong(name, &value, "a string")),
    };
    if !labelled {
        return Ok((text, None));
    }
    let label = match take(label_key)? {
        (_, Value::String(label)) => label,
        (_, Value::Number(number)) => number.to_string(),
        (_, Value::Bool(truth)) => truth.to_string(),
        (name, value) => return Err(wrong(name, &value, "a string, a number or a truth value")),
    };
    Ok((text, Some(label)))
}
