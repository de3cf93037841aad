//! The words that may be written, as a tree of their units.

use crate::Alphabet;
use std::collections::HashMap;

/// The root of a [`Lexicon`].
pub(crate) const ROOT: u32 = 0;

/// Words as ways down a tree whose branches are classes of an alphabet.
#[derive(Debug, Clone)]
pub(crate) struct Lexicon {
    branches: HashMap<(u32, u32), u32>,
    /// Whether a word ends at each place.
    ends: Vec<bool>,
    /// Words that need a letter which the alphabet lacks.
    left_out: Vec<String>,
}

impl Lexicon {
    pub fn new<'w>(words: impl IntoIterator<Item = &'w str>, alphabet: &Alphabet) -> Self {
        let mut tree = Self { branches: HashMap::new(), ends: vec![false], left_out: Vec::new() };
        for word in words {
            if word.is_empty() || !alphabet.has(word) {
                tree.left_out.push(word.into());
                continue;
            }
            let mut place = ROOT;
            for class in alphabet.encode(word) {
                let new = tree.ends.len() as u32;
                place = *tree.branches.entry((place, class)).or_insert(new);
                if place == new {
                    tree.ends.push(false);
                }
            }
            tree.ends[place as usize] = true;
        }
        tree
    }

    /// Where a class leads from a place, if anywhere.
    pub fn next(&self, place: u32, class: u32) -> Option<u32> {
        self.branches.get(&(place, class)).copied()
    }

    /// Whether a word ends there.
    pub fn is_word(&self, place: u32) -> bool {
        self.ends[place as usize]
    }

    /// Words that need a letter which the alphabet lacks, and are never written.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_share_their_beginnings_and_a_foreign_letter_leaves_one_out() {
        let alphabet = Alphabet::with_spelled(["GO GOT A B ON"]);
        let lexicon = Lexicon::new(["GO", "GOT", "A", "GÖ", ""], &alphabet);
        let place = |word: &str| {
            let mut classes = alphabet.encode(word).into_iter();
            classes.try_fold(ROOT, |place, class| lexicon.next(place, class))
        };
        assert!(place("GO").is_some_and(|place| lexicon.is_word(place)));
        assert!(place("GOT").is_some_and(|place| lexicon.is_word(place)));
        assert!(place("A").is_some_and(|place| lexicon.is_word(place)));
        assert!(place("G").is_none_or(|place| !lexicon.is_word(place)));
        assert_eq!((place("B"), place("ON")), (None, None));
        assert_eq!(lexicon.left_out(), ["GÖ", ""]);
    }
}
