//! A question's words: as the parser's network reads them, and those that name an attribute or a
//! relation, which a program must have too.

use crate::{Attribute, Function, Kind, Relation};
use std::collections::BTreeMap;

/// A question in lower case, its marks apart, with a question mark at its end: `"Is there a cube"`
/// is `is there a cube ?`.
pub fn tokens(question: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for word in question.split_whitespace() {
        let mut letters = String::new();
        for c in word.chars() {
            if c.is_alphanumeric() || matches!(c, '\'' | '-') {
                letters.extend(c.to_lowercase());
            } else {
                tokens.extend((!letters.is_empty()).then(|| std::mem::take(&mut letters)));
                tokens.push(c.to_string());
            }
        }
        tokens.extend((!letters.is_empty()).then_some(letters));
    }
    while tokens.last().is_some_and(|last| matches!(last.as_str(), "?" | "." | "!")) {
        tokens.pop();
    }
    if !tokens.is_empty() {
        tokens.push("?".into());
    }
    tokens
}

/// What is said by name of objects, and how often: values and relations by their own word.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Named(BTreeMap<&'static str, usize>);

impl Named {
    /// What a question names, by the synonyms of CLEVR's.
    pub fn in_question(tokens: &[String]) -> Self {
        let mut named = Self::default();
        for (at, token) in tokens.iter().enumerate() {
            // "How big is it?" asks for a size and names none.
            let asks = at > 0 && tokens[at - 1] == "how";
            if let Some(word) = value(token).filter(|_| !asks) {
                *named.0.entry(word).or_default() += 1;
            }
        }
        named
    }

    /// What a program names.
    pub fn in_program(functions: &[Function]) -> Self {
        let mut named = Self::default();
        for word in functions.iter().filter_map(|function| function.value()) {
            *named.0.entry(word).or_default() += 1;
        }
        named
    }

    /// The first word that both do not have equally often.
    pub fn differs(&self, other: &Self) -> Option<&'static str> {
        let count = |named: &Self, word: &'static str| named.0.get(word).copied().unwrap_or(0);
        let words = self.0.keys().chain(other.0.keys());
        words.copied().find(|word| count(self, word) != count(other, word))
    }
}

/// The value or relation that a word names.
fn value(token: &str) -> Option<&'static str> {
    let word = match token {
        "big" => "large",
        "tiny" => "small",
        "metallic" | "shiny" => "metal",
        "matte" => "rubber",
        "ball" | "balls" | "spheres" => "sphere",
        "block" | "blocks" | "cubes" => "cube",
        "cylinders" => "cylinder",
        word => word,
    };
    let relation = Relation::ALL.iter().map(|relation| relation.word());
    let values = Kind::ALL.iter().flat_map(|kind| Attribute::all(*kind)).map(Attribute::word);
    relation.chain(values).find(|known| *known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_apart_and_the_end_is_a_question_mark() {
        for (question, expected) in [
            ("Is there a cube?", "is there a cube ?"),
            ("  How MANY cubes.", "how many cubes ?"),
            ("There is a ball; what size is it ?", "there is a ball ; what size is it ?"),
            ("?!", ""),
            ("", ""),
        ] {
            assert_eq!(tokens(question).join(" "), expected);
        }
    }

    #[test]
    fn what_is_named_is_compared() {
        let named = |question| Named::in_question(&tokens(question));
        let question = named("How many tiny matte balls are left of the big red shiny block?");
        assert_eq!(question.0.len(), 8);
        assert_eq!(named("There is a ball; how big is it?"), named("Is there a ball?"));
        assert_eq!(
            question
                .differs(&named("the large red metal cube to the left of small rubber spheres")),
            None
        );
        assert_eq!(
            question.differs(&named("red tiny matte balls left of the big red shiny block")),
            Some("red")
        );
    }
}
