//! Words as the sounds that they are made of.

use crate::data::Recordings;
use crate::{Error, Result};
use conv_hub::text::Place;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A pronouncing dictionary. Each of its phones has a letter of its own, so that texts of phones
/// are texts as any other: what a network is trained to write.
///
/// ```
/// use conv_speech::Pronunciations;
/// let dictionary = "GO  G OW\nTO  T UW\nTO(2)  T AH\n";
/// let dictionary = Pronunciations::parse(dictionary, "words.dic".as_ref())?;
/// let text = dictionary.phones("GO TO").unwrap_or_default();
/// assert_eq!(dictionary.names(&text), ["G", "OW", "T", "UW"]);
/// # Ok::<(), conv_speech::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pronunciations {
    /// The phones, in the order of their letters.
    phones: Vec<String>,
    words: BTreeMap<String, String>,
}

/// The letters that phones have, in the order of their names.
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl Pronunciations {
    /// Reads a file as CMU's dictionaries are: a word and its phones a line, `WORD(2)` being
    /// another way to say a word, of which the first one is taken; a line that begins with `;;;`
    /// says nothing.
    ///
    /// # Errors
    /// A file that cannot be read; a word without phones, with its line; more phones than there are
    /// letters and digits, or none.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        Self::parse(&text, path)
    }

    /// The same of a text, which `path` is in errors.
    ///
    /// # Errors
    /// As [`Pronunciations::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let mut said: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let mut parts = line.split_whitespace();
            let Some(word) = parts.next().filter(|word| !word.starts_with(";;;")) else { continue };
            let phones: Vec<&str> = parts.collect();
            if phones.is_empty() {
                return Err(Error::Line {
                    at: Place { file: path.display().to_string(), line: number as u64 + 1 },
                    found: format!("{word:?} alone"),
                    expected: "a word and its phones",
                });
            }
            let word = word.split('(').next().unwrap_or(word);
            said.entry(word).or_insert(phones);
        }
        let phones: BTreeSet<&str> = said.values().flatten().copied().collect();
        if phones.is_empty() || phones.len() > LETTERS.len() {
            let place = path.display().to_string();
            let found = format!("{} phones", phones.len());
            return Err(Error::Empty { place, found, expected: "1 to 62 phones" });
        }
        let letters: BTreeMap<&str, char> = phones.iter().copied().zip(LETTERS.chars()).collect();
        let word = |(word, phones): (&str, Vec<&str>)| {
            (word.into(), phones.iter().filter_map(|phone| letters.get(phone)).collect())
        };
        let words = said.into_iter().map(word).collect();
        Ok(Self { phones: phones.into_iter().map(Into::into).collect(), words })
    }

    /// A text as the letters of its phones, without anything between words; nothing if it has a
    /// word that is not in the dictionary.
    pub fn phones(&self, text: &str) -> Option<String> {
        text.split_whitespace().map(|word| self.words.get(word).map(String::as_str)).collect()
    }

    /// What the letters of phones stand for.
    pub fn names(&self, text: &str) -> Vec<&str> {
        let name = |letter| self.phones.get(LETTERS.find(letter)?).map(String::as_str);
        text.chars().filter_map(name).collect()
    }

    /// Recordings whose texts are their phones.
    ///
    /// # Errors
    /// A word that is not in the dictionary, with the recording.
    pub fn of(&self, mut recordings: Recordings) -> Result<Recordings> {
        for one in &mut recordings.recordings {
            let Some(phones) = self.phones(&one.text) else {
                let unknown = one.text.split_whitespace().find(|w| !self.words.contains_key(*w));
                let found = format!("{:?} in its text", unknown.unwrap_or_default());
                let expected = "words of the dictionary".into();
                return Err(Error::Unaligned { name: one.name.clone(), found, expected });
            };
            one.text = phones;
        }
        Ok(recordings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_dictionary_is_named() {
        let message = |text: &str| {
            let found = Pronunciations::parse(text, "a.dic".as_ref());
            found.err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(
            message("A  AH\nB\n"),
            "a.dic line 2: found \"B\" alone, expected a word and its phones"
        );
        assert!(message("").contains("0 phones"), "{}", message(""));
        let many: String = (0..63).map(|at| format!("W{at} P{at}\n")).collect();
        assert!(message(&many).contains("63 phones"), "{}", message(&many));
        assert_eq!(message(";;; A\n\nA  AH\n"), "");
    }
}
