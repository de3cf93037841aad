//! What a question is answered with: one of the 28 answers of CLEVR.

use crate::attribute::UnknownWord;
use crate::{Attribute, Kind};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// An answer. In files it is a string, as in v1.0, or what the generator writes: a boolean or a
/// number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// Yes or no.
    Bool(bool),
    /// A count.
    Count(usize),
    /// What an object is like.
    Attribute(Attribute),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(true) => f.write_str("yes"),
            Self::Bool(false) => f.write_str("no"),
            Self::Count(count) => count.fmt(f),
            Self::Attribute(value) => value.fmt(f),
        }
    }
}

impl FromStr for Answer {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "yes" => return Ok(Self::Bool(true)),
            "no" => return Ok(Self::Bool(false)),
            _ => {}
        }
        if let Ok(count) = word.parse() {
            return Ok(Self::Count(count));
        }
        let value = Kind::ALL.iter().find_map(|kind| Attribute::of(*kind, word).ok());
        let expected = "yes, no, a count, or a size, color, material or shape";
        value.map(Self::Attribute).ok_or_else(|| UnknownWord::new(word, expected))
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = |number: &serde_json::Number| number.as_u64()?.try_into().ok();
        match Value::deserialize(deserializer)? {
            Value::Bool(value) => Ok(Self::Bool(value)),
            Value::String(word) => word.parse().map_err(de::Error::custom),
            Value::Number(found) => number(&found).map(Self::Count).ok_or_else(|| {
                de::Error::custom(format_args!("{found}, expected a count of objects"))
            }),
            _ => Err(de::Error::custom("no answer, expected a string, a boolean or a count")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn strings_booleans_and_numbers_are_answers() {
        let read = |json| serde_json::from_str::<Answer>(json);
        for (json, word) in [
            ("true", "yes"),
            ("\"yes\"", "yes"),
            ("false", "no"),
            ("3", "3"),
            ("\"10\"", "10"),
            ("\"rubber\"", "rubber"),
        ] {
            let answer = read(json).unwrap();
            assert_eq!(answer.to_string(), word);
            assert_eq!(serde_json::to_string(&answer).unwrap(), format!("\"{word}\""));
        }
        for (json, reason) in [
            ("\"maybe\"", "\"maybe\", expected yes, no"),
            ("-1", "-1, expected a count"),
            ("1.5", "1.5, expected a count"),
            ("null", "no answer, expected"),
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(error.starts_with(reason), "{error}");
        }
    }
}
