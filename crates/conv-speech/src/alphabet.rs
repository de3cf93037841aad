//! What a text is made of.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The letters that a network writes, the blank between words among them. Class 0 is the blank of CTC; letter i is class i + 1.
///
/// ```
/// use conv_speech::Alphabet;
/// let alphabet = Alphabet::of(["NO", "YES NO"]);
/// assert_eq!(alphabet.letters(), " ENOSY");
/// assert_eq!(alphabet.encode("NO"), [3, 4]);
/// assert_eq!(alphabet.decode(&[6, 2, 5]), "YES");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Alphabet(String);

impl Alphabet {
    /// The letters of some texts, in the order of their code points.
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let letters: BTreeSet<char> = texts.into_iter().flat_map(str::chars).collect();
        Self(letters.into_iter().collect())
    }

    /// The letters, in the order of their classes.
    pub fn letters(&self) -> &str {
        &self.0
    }

    /// V: classes, CTC's blank among them.
    pub fn classes(&self) -> usize {
        self.0.chars().count() + 1
    }

    /// The classes of a text's letters; those that are not of the alphabet are left out.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let class = |letter: char| self.0.chars().position(|own| own == letter);
        text.chars().filter_map(class).map(|at| at as u32 + 1).collect()
    }

    /// The letters of some classes.
    pub fn decode(&self, classes: &[u32]) -> String {
        classes.iter().filter_map(|&class| self.letter(class)).collect()
    }

    /// The letter of a class; none of CTC's blank.
    pub fn letter(&self, class: u32) -> Option<char> {
        self.0.chars().nth((class as usize).checked_sub(1)?)
    }

    /// Letters of a text that are not of the alphabet.
    pub fn foreign(&self, text: &str) -> BTreeSet<char> {
        text.chars().filter(|letter| !self.0.contains(*letter)).collect()
    }
}
