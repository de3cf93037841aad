//! Texts as a search writes them, class by class: which may follow, and how likely they are by
//! language.

use super::Stamps;
use super::hot::{HotWords, Place};
use crate::greedy::Letter;
use crate::language::ROOT;
use crate::{Alphabet, Language, Unit};
use std::collections::HashMap;
use std::rc::Rc;

/// A text, known by what it is without its last class, and that class: (0, 0) is the empty one.
pub(crate) type Key = (usize, u32);

/// What is known of a text.
#[derive(Debug, Clone)]
struct Node {
    key: Key,
    /// The word that is not finished, and where it stands in the lexicon.
    word: String,
    place: u32,
    /// The words before it, as the model takes them.
    history: Rc<[u32]>,
    /// Where it stands among hot words.
    hot: Place,
    /// The weighed probability of all finished words and what hot words bring, in nats.
    language: f64,
}

/// The texts that a search has met, each with a number; 0 is the empty one. With a language model
/// each counts as much as the model says, and where that has a lexicon there are only texts of its
/// words; without one all are alike but for hot words.
#[derive(Debug)]
pub(crate) struct Texts<'a> {
    alphabet: &'a Alphabet,
    language: Option<&'a Language>,
    hot: Option<&'a HotWords>,
    nodes: Vec<Node>,
    known: HashMap<Key, usize>,
}

impl<'a> Texts<'a> {
    pub fn new(
        alphabet: &'a Alphabet,
        language: Option<&'a Language>,
        hot: Option<&'a HotWords>,
    ) -> Self {
        let history = language.map_or_else(Vec::new, |language| language.model.history(""));
        let word = String::new();
        let history = history.into();
        let (key, hot_words) = ((0, 0), Place::START);
        let root = Node { key, word, place: ROOT, history, hot: hot_words, language: 0.0 };
        Self { alphabet, language, hot, nodes: vec![root], known: HashMap::from([((0, 0), 0)]) }
    }

    /// V.
    pub fn classes(&self) -> usize {
        self.alphabet.classes()
    }

    /// Whether a class more can make a text likelier by language.
    pub fn may_rise(&self) -> bool {
        self.hot.is_some() || self.language.is_some_and(|language| language.decoding.bonus > 0.0)
    }

    /// The number of a text that was added.
    pub fn number(&self, key: Key) -> Option<usize> {
        self.known.get(&key).copied()
    }

    /// The language's part of a text so far, if the words allow it.
    pub fn language(&self, key: Key) -> Option<f64> {
        match self.number(key) {
            Some(number) => Some(self.nodes[number].language),
            None => self.child(key).map(|node| node.language),
        }
    }

    /// The number of a text from now on, if the words allow it.
    pub fn add(&mut self, key: Key) -> Option<usize> {
        if let Some(number) = self.number(key) {
            return Some(number);
        }
        let node = self.child(key)?;
        let number = self.nodes.len();
        self.known.insert(key, number);
        self.nodes.push(node);
        Some(number)
    }

    /// The language's part of a whole text, unless its last word is none.
    pub fn ended(&self, number: usize) -> Option<f64> {
        let mut node = self.nodes[number].clone();
        node.language += self.hot.map_or(0.0, |hot| node.hot.ended(hot));
        let Some(language) = self.language else { return Some(node.language) };
        if !node.word.is_empty() && !finish(&mut node, language) {
            return None;
        }
        Some(node.language + language.decoding.weight * language.model.log_end(&node.history))
    }

    /// The letters of a text, at the places that an alignment has.
    pub fn letters(&self, number: usize, stamps: &Stamps, stamp: usize) -> Vec<Letter> {
        let mut letters = Vec::new();
        let (mut at, mut stamp) = (number, stamp);
        while at > 0 {
            let (parent, class) = self.nodes[at].key;
            let (before, step, probability) = stamps.at(stamp);
            if let Some(unit) = self.alphabet.unit(class) {
                letters.push(Letter { unit, steps: [step, step + 1], probability });
            }
            (at, stamp) = (parent, before);
        }
        letters.reverse();
        letters
    }

    /// A text with one class more, if the words allow it.
    fn child(&self, key: Key) -> Option<Node> {
        let unit = self.alphabet.unit(key.1)?;
        let mut child = Node { key, ..self.nodes[key.0].clone() };
        if let Some(language) = self.language {
            spell(&mut child, unit, language)?;
        }
        if let Some(hot) = self.hot {
            let before = self.alphabet.unit(self.nodes[key.0].key.1);
            let begins = before.is_none_or(|before| {
                matches!(before, Unit::Spelled(_)) || before.letter().is_whitespace()
            });
            let (place, worth) = child.hot.with(key.1, unit, begins, hot);
            (child.hot, child.language) = (place, child.language + worth);
        }
        Some(child)
    }
}

/// Writes a class, if the words allow it.
fn spell(node: &mut Node, unit: Unit, language: &Language) -> Option<()> {
    match unit {
        Unit::Letter(letter) if letter.is_whitespace() => {
            (!node.word.is_empty() && finish(node, language)).then_some(())
        }
        Unit::Letter(letter) => append(node, letter, language),
        Unit::Spelled(letter) => {
            if !node.word.is_empty() && !finish(node, language) {
                return None;
            }
            append(node, letter, language)?;
            finish(node, language).then_some(())
        }
    }
}

fn append(node: &mut Node, letter: char, language: &Language) -> Option<()> {
    if let Some(lexicon) = &language.lexicon {
        node.place = lexicon.next(node.place, node.key.1)?;
    }
    node.word.push(letter);
    Some(())
}

/// Takes the word for finished; says whether it is one.
fn finish(node: &mut Node, language: &Language) -> bool {
    let Language { model, lexicon, decoding } = language;
    if lexicon.as_ref().is_some_and(|lexicon| !lexicon.is_word(node.place)) {
        return false;
    }
    let word = model.id(&node.word);
    let log_probability = model.log_probability(&node.history, word);
    node.language += decoding.weight * log_probability + decoding.bonus;
    let mut history = node.history.to_vec();
    model.extend(&mut history, word);
    node.history = history.into();
    (node.word, node.place) = (String::new(), ROOT);
    true
}
