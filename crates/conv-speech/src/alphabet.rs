//! What a text is made of.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The letters that a network writes, the blank between words among them. Class 0 is the blank of
/// CTC; letter i is class i + 1.
///
/// A letter that is said by its name, as in *U N E S C O*, sounds as in no word. An alphabet may
/// have spelled letters besides: classes behind the others, for words of one letter. Since such a
/// word is whole, no blank stands around it.
///
/// ```
/// use conv_speech::Alphabet;
/// let alphabet = Alphabet::of(["NO", "YES NO"]);
/// assert_eq!(alphabet.letters(), " ENOSY");
/// assert_eq!(alphabet.encode("NO"), [3, 4]);
/// assert_eq!(alphabet.decode(&[6, 2, 5]), "YES");
///
/// let alphabet = Alphabet::with_spelled(["GO N O W"]);
/// assert_eq!((alphabet.letters(), alphabet.spelled()), ("GO", "NOW"));
/// assert_eq!(alphabet.encode("GO W O"), [1, 2, 5, 4]);
/// assert_eq!(alphabet.decode(&[1, 2, 5, 4]), "GO W O");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Alphabet {
    letters: String,
    spelled: String,
}

/// As it stands in a file: the letters alone, or both kinds by name.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Letters(String),
    Both { letters: String, spelled: String },
}

impl From<Stored> for Alphabet {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Letters(letters) => Self { letters, spelled: String::new() },
            Stored::Both { letters, spelled } => Self { letters, spelled },
        }
    }
}

impl From<Alphabet> for Stored {
    fn from(Alphabet { letters, spelled }: Alphabet) -> Self {
        if spelled.is_empty() { Self::Letters(letters) } else { Self::Both { letters, spelled } }
    }
}

/// What a class stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A letter of a word, or the blank between two.
    Letter(char),
    /// A word of one letter.
    Spelled(char),
}

impl Unit {
    /// The letter itself.
    pub fn letter(self) -> char {
        let (Unit::Letter(letter) | Unit::Spelled(letter)) = self;
        letter
    }
}

impl Alphabet {
    /// The letters of some texts, in the order of their code points.
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let letters: BTreeSet<char> = texts.into_iter().flat_map(str::chars).collect();
        Self { letters: letters.into_iter().collect(), spelled: String::new() }
    }

    /// The same with words of one letter apart: a letter that is in no longer word has no other
    /// class.
    pub fn with_spelled<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut letters = BTreeSet::new();
        let mut spelled = BTreeSet::new();
        for text in texts {
            let mut before = None;
            for word in text.split_whitespace() {
                let alone = single(word);
                match alone {
                    Some(letter) => _ = spelled.insert(letter),
                    None => letters.extend(word.chars()),
                }
                if before == Some(None) && alone.is_none() {
                    letters.insert(' ');
                }
                before = Some(alone);
            }
        }
        Self { letters: letters.into_iter().collect(), spelled: spelled.into_iter().collect() }
    }

    /// The letters, in the order of their classes.
    pub fn letters(&self) -> &str {
        &self.letters
    }

    /// The spelled letters, in the order of their classes, which follow the others'.
    pub fn spelled(&self) -> &str {
        &self.spelled
    }

    /// V: classes, CTC's blank among them.
    pub fn classes(&self) -> usize {
        self.letters.chars().count() + self.spelled.chars().count() + 1
    }

    /// The classes of a text's letters; those that are not of the alphabet are left out.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let class = |letter: char| self.letters.chars().position(|own| own == letter);
        let of_letters = |text: &str| -> Vec<u32> {
            text.chars().filter_map(class).map(|at| at as u32 + 1).collect()
        };
        if self.spelled.is_empty() {
            return of_letters(text);
        }
        let first = self.letters.chars().count() as u32 + 1;
        let mut classes = Vec::new();
        let mut is_open = false;
        for word in text.split_whitespace() {
            let spelled = single(word).and_then(|letter| {
                self.spelled.chars().position(|own| own == letter).map(|at| at as u32 + first)
            });
            match spelled {
                Some(class) => classes.push(class),
                None => {
                    classes.extend(is_open.then(|| of_letters(" ")).into_iter().flatten());
                    classes.extend(of_letters(word));
                }
            }
            is_open = spelled.is_none();
        }
        classes
    }

    /// The text of some classes.
    pub fn decode(&self, classes: &[u32]) -> String {
        let mut text = String::new();
        let mut before = None;
        for unit in classes.iter().filter_map(|&class| self.unit(class)) {
            let is_apart =
                matches!(unit, Unit::Spelled(_)) || matches!(before, Some(Unit::Spelled(_)));
            if is_apart && !text.is_empty() && !text.ends_with(' ') && unit.letter() != ' ' {
                text.push(' ');
            }
            text.push(unit.letter());
            before = Some(unit);
        }
        text
    }

    /// What a class stands for; nothing for CTC's blank.
    pub fn unit(&self, class: u32) -> Option<Unit> {
        let at = (class as usize).checked_sub(1)?;
        let letters = self.letters.chars().map(Unit::Letter);
        letters.chain(self.spelled.chars().map(Unit::Spelled)).nth(at)
    }

    /// The class of what it stands for, if there is one.
    pub(crate) fn class(&self, unit: Unit) -> Option<u32> {
        (1..self.classes() as u32).find(|&class| self.unit(class) == Some(unit))
    }

    /// Letters of a text that are not of the alphabet.
    pub fn foreign(&self, text: &str) -> BTreeSet<char> {
        let is_known = |letter: &char| {
            self.letters.contains(*letter)
                || self.spelled.contains(*letter)
                || (*letter == ' ' && !self.spelled.is_empty())
        };
        text.chars().filter(|letter| !is_known(letter)).collect()
    }

    /// Whether a word can be written with all its letters: a letter may be known as a spelled one
    /// alone.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.decode(&self.encode(word)) == word
    }

    /// Whether each class is another one.
    pub(crate) fn is_sound(&self) -> bool {
        let alone = |letters: &str| {
            letters.chars().collect::<BTreeSet<_>>().len() == letters.chars().count()
        };
        alone(&self.letters) && alone(&self.spelled) && !self.spelled.contains(char::is_whitespace)
    }
}

/// The letter of a word that has no other.
fn single(word: &str) -> Option<char> {
    let mut letters = word.chars();
    letters.next().filter(|_| letters.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_comes_back_from_its_classes(
            words in prop::collection::vec("[A-D]{1,3}", 0..6), apart: bool,
        ) {
            let text = words.join(" ");
            let alphabet = if apart { Alphabet::with_spelled([&*text]) } else { Alphabet::of([&*text]) };
            prop_assert!(alphabet.is_sound() && alphabet.foreign(&text).is_empty());
            prop_assert_eq!(alphabet.decode(&alphabet.encode(&text)), text);
            let json = serde_json::to_string(&alphabet).unwrap_or_default();
            prop_assert_eq!(serde_json::from_str::<Alphabet>(&json).ok(), Some(alphabet));
        }
    }

    #[test]
    fn a_blank_stands_only_between_words_that_need_one() {
        let alphabet = Alphabet::with_spelled(["A B GO NO C", "DE"]);
        assert_eq!(alphabet.letters(), " DEGNO");
        assert_eq!(alphabet.spelled(), "ABC");
        assert_eq!(alphabet.encode("A B GO NO C"), [7, 8, 4, 6, 1, 5, 6, 9]);
        assert_eq!(alphabet.unit(9), Some(Unit::Spelled('C')));
        assert_eq!((alphabet.unit(0), alphabet.unit(10)), (None, None));
        // What a network may write and no text has.
        assert_eq!(alphabet.decode(&[7, 1, 5]), "A N");
    }
}
