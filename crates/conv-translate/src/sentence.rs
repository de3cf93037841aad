//! What a user asks for: a sentence, and perhaps how its translation begins and what is in it.

/// A sentence to be translated, and what is asked of its translation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sentence {
    /// Its place in the input, from 0: errors name it counted from 1, as lines are, and what is
    /// drawn depends on it.
    pub place: usize,
    /// The sentence.
    pub text: String,
    /// The words that its translation begins with; blank for none.
    pub prefix: String,
    /// Phrases that its translation contains.
    pub phrases: Vec<String>,
}

/// Which columns, separated by tabs, a line has behind its sentence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Columns {
    /// One with the words that the translation begins with.
    pub prefix: bool,
    /// Any number with a phrase each, that the translation contains.
    pub phrases: bool,
}

impl Sentence {
    /// A sentence of whose translation nothing is asked.
    pub fn new(place: usize, text: impl Into<String>) -> Self {
        Self { place, text: text.into(), ..Self::default() }
    }

    /// What a line asks for. Without columns the whole line is the sentence; a column that is not
    /// there, or is blank, asks for nothing.
    ///
    /// ```
    /// use conv_translate::{Columns, Sentence};
    /// let asked = Sentence::parse(0, "ein Hund\ta\tdog\t\tbig", Columns { prefix: true, phrases: true });
    /// assert_eq!((asked.text.as_str(), asked.prefix.as_str()), ("ein Hund", "a"));
    /// assert_eq!(asked.phrases, ["dog", "big"]);
    /// ```
    pub fn parse(place: usize, line: &str, columns: Columns) -> Self {
        if columns == Columns::default() {
            return Self::new(place, line);
        }
        let mut parts = line.split('\t');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        let text = next();
        let prefix = if columns.prefix { next() } else { String::new() };
        let phrases = parts.filter(|phrase| columns.phrases && !phrase.trim().is_empty());
        Self { place, text, prefix, phrases: phrases.map(String::from).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_what_they_are_said_to_be() {
        let parse = |prefix, phrases| {
            let Sentence { text, prefix, phrases, .. } =
                Sentence::parse(3, "a b\tc d\t \te", Columns { prefix, phrases });
            (text, prefix, phrases.join("|"))
        };
        let said = |text: &str, prefix: &str, phrases: &str| {
            (text.to_owned(), prefix.to_owned(), phrases.to_owned())
        };
        assert_eq!(parse(false, false), said("a b\tc d\t \te", "", ""));
        assert_eq!(parse(true, false), said("a b", "c d", ""));
        assert_eq!(parse(false, true), said("a b", "", "c d|e"));
        assert_eq!(parse(true, true), said("a b", "c d", "e"));
        let short = Sentence::parse(3, "a", Columns { prefix: true, phrases: true });
        assert_eq!(short, Sentence::new(3, "a"));
    }
}
