//! Unknown words of a translation, replaced by what they were translated from.

use crate::{Error, Result};
use conv_hub::text::{Encoding, Lines};
use std::collections::HashMap;
use std::path::Path;

/// More words than any dictionary has: each takes several times the memory of its line.
const MOST_WORDS: usize = 4_000_000;

/// What stands for a source word whose translation the model does not know: the word itself, or
/// what a dictionary says (`fairseq-generate --replace-unk`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replacements {
    words: HashMap<String, String>,
}

impl Replacements {
    /// Copies every word.
    pub fn copy() -> Self {
        Self::default()
    }

    /// Reads a dictionary: a source token, a tab or a blank, and what to write for it, on each
    /// line. Of lines with one token the last counts; a token that is not there is copied.
    ///
    /// # Errors
    /// [`Error::Replacement`] names the line that has no second part, or is one too many;
    /// [`Error::Hub`] for a file that cannot be read or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self> {
        let mut words = HashMap::new();
        for line in Lines::open(path, Encoding::Utf8)? {
            let (at, line) = line?;
            let line = line.trim();
            // A tab first: what stands behind it may have blanks.
            let parts = line.split_once('\t').or_else(|| line.split_once(char::is_whitespace));
            let Some((token, word)) = parts else {
                return Err(Error::Replacement { at, reason: "one word or none" });
            };
            words.insert(token.trim().to_owned(), word.trim().to_owned());
            if words.len() > MOST_WORDS {
                return Err(Error::Replacement {
                    at,
                    reason: "more words than any dictionary has",
                });
            }
        }
        Ok(Self { words })
    }

    /// What to write for a source token.
    pub fn of<'a>(&'a self, token: &'a str) -> &'a str {
        self.words.get(token).map_or(token, String::as_str)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Replacements> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.txt");
        std::fs::write(&path, text).unwrap();
        Replacements::read(&path)
    }

    #[test]
    fn a_word_is_looked_up_or_copied() {
        let words = read("Hund dog\nin Folge\tone after another\nHund\thound\r\n").unwrap();
        assert_eq!(
            ["Hund", "in Folge", "Katze"].map(|word| words.of(word)),
            ["hound", "one after another", "Katze"]
        );
        assert_eq!(Replacements::copy().of("Hund"), "Hund");
    }

    #[test]
    fn a_line_without_a_translation_is_named() {
        for (text, line) in [("Hund dog\nKatze\n", 2), ("\n", 1), ("Hund\t\n", 1)] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(&format!("words.txt line {line}: one word or none")), "{error}");
        }
    }
}
