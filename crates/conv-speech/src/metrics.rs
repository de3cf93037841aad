//! Word and character error rates: how much of what was said was written otherwise.

use serde::Serialize;
use std::ops::AddAssign;

/// The fewest substitutions, deletions and insertions that make a reference into a hypothesis
/// (Levenshtein 1966).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Errors {
    /// Words or characters that are others.
    pub substitutions: u64,
    /// Those that are missing.
    pub deletions: u64,
    /// Those that were never said.
    pub insertions: u64,
    /// Those of the reference.
    pub reference: u64,
}

impl Errors {
    /// Of two sequences. Where several alignments have as few errors, it is one with the most
    /// substitutions.
    ///
    /// ```
    /// use conv_speech::metrics::Errors;
    /// let errors = Errors::between(&["a", "b", "c"], &["a", "x", "c", "d"]);
    /// assert_eq!((errors.substitutions, errors.deletions, errors.insertions), (1, 0, 1));
    /// ```
    pub fn between<T: PartialEq>(reference: &[T], hypothesis: &[T]) -> Self {
        // One row of the table, each place with the errors on the best way to it.
        let mut row: Vec<Self> = (0..=hypothesis.len() as u64)
            .map(|insertions| Self { insertions, ..Self::default() })
            .collect();
        for said in reference {
            let mut diagonal = row[0];
            row[0].deletions += 1;
            for (at, written) in hypothesis.iter().enumerate() {
                let mut best = diagonal;
                best.substitutions += u64::from(said != written);
                let mut deleted = row[at + 1];
                deleted.deletions += 1;
                let mut inserted = row[at];
                inserted.insertions += 1;
                for other in [deleted, inserted] {
                    if other.count() < best.count() {
                        best = other;
                    }
                }
                (diagonal, row[at + 1]) = (row[at + 1], best);
            }
        }
        let last = row.pop().unwrap_or_default();
        Self { reference: reference.len() as u64, ..last }
    }

    /// Of words, which blanks part.
    pub fn of_words(reference: &str, hypothesis: &str) -> Self {
        let words = |text: &str| text.split_whitespace().map(str::to_string).collect::<Vec<_>>();
        Self::between(&words(reference), &words(hypothesis))
    }

    /// Of characters, one blank between two words among them.
    pub fn of_characters(reference: &str, hypothesis: &str) -> Self {
        let characters = |text: &str| {
            text.split_whitespace().collect::<Vec<_>>().join(" ").chars().collect::<Vec<_>>()
        };
        Self::between(&characters(reference), &characters(hypothesis))
    }

    /// All errors.
    pub fn count(&self) -> u64 {
        self.substitutions + self.deletions + self.insertions
    }

    /// Errors a word or character of the reference; above 1 where more is written than was said. Of
    /// an empty reference each insertion counts as one whole.
    pub fn rate(&self) -> f64 {
        self.count() as f64 / self.reference.max(1) as f64
    }
}

/// The words of two texts beside each other, as few of them differing as can be: what was said and
/// what was written of it, of which one is missing where a word is left out or was never said. Of
/// alignments with equally few, the one that changes a word first.
///
/// ```
/// use conv_speech::metrics::beside;
/// let pairs = beside("GO TO X Y", "GO X Y Z");
/// assert_eq!(pairs[..2], [(Some("GO"), Some("GO")), (Some("TO"), None)]);
/// assert_eq!(pairs[2..], [(Some("X"), Some("X")), (Some("Y"), Some("Y")), (None, Some("Z"))]);
/// ```
pub fn beside<'t>(said: &'t str, written: &'t str) -> Vec<(Option<&'t str>, Option<&'t str>)> {
    let [said, written] =
        [said, written].map(|text| text.split_whitespace().collect::<Vec<&'t str>>());
    // Errors between what is behind each pair of places.
    let width = written.len() + 1;
    let mut errors = vec![0usize; (said.len() + 1) * width];
    let at = |i: usize, j: usize| i * width + j;
    for i in (0..=said.len()).rev() {
        for j in (0..=written.len()).rev() {
            errors[at(i, j)] = match (said.get(i), written.get(j)) {
                (Some(a), Some(b)) => {
                    let changed = errors[at(i + 1, j + 1)] + usize::from(a != b);
                    changed.min(1 + errors[at(i + 1, j)]).min(1 + errors[at(i, j + 1)])
                }
                _ => said.len() - i + written.len() - j,
            };
        }
    }
    let mut i = 0;
    let mut j = 0;
    let mut pairs = Vec::new();
    while i < said.len() || j < written.len() {
        let pair = match (said.get(i), written.get(j)) {
            (Some(a), Some(b))
                if errors[at(i, j)] == errors[at(i + 1, j + 1)] + usize::from(a != b) =>
            {
                (Some(*a), Some(*b))
            }
            (Some(a), _) if errors[at(i, j)] == 1 + errors[at(i + 1, j)] => (Some(*a), None),
            (_, b) => (None, b.copied()),
        };
        (i, j) = (i + usize::from(pair.0.is_some()), j + usize::from(pair.1.is_some()));
        pairs.push(pair);
    }
    pairs
}

impl AddAssign for Errors {
    fn add_assign(&mut self, other: Self) {
        self.substitutions += other.substitutions;
        self.deletions += other.deletions;
        self.insertions += other.insertions;
        self.reference += other.reference;
    }
}

/// The errors over many utterances: sums, and not the mean of each one's rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Utterances.
    pub utterances: u64,
    /// Those without an error.
    pub right: u64,
    /// Of words.
    pub words: Errors,
    /// Of characters.
    pub characters: Errors,
}

impl Tally {
    /// Takes in what was said and what was written.
    pub fn add(&mut self, reference: &str, hypothesis: &str) {
        let words = Errors::of_words(reference, hypothesis);
        self.utterances += 1;
        self.right += u64::from(words.count() == 0);
        self.words += words;
        self.characters += Errors::of_characters(reference, hypothesis);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The distance by its definition, over every way.
    fn distance(a: &[u8], b: &[u8]) -> u64 {
        match (a, b) {
            ([], rest) | (rest, []) => rest.len() as u64,
            ([x, a_rest @ ..], [y, b_rest @ ..]) => {
                let changed = distance(a_rest, b_rest) + u64::from(x != y);
                changed.min(1 + distance(a_rest, b)).min(1 + distance(a, b_rest))
            }
        }
    }

    proptest! {
        #[test]
        fn errors_are_as_few_as_can_be_and_explain_the_lengths(
            a in prop::collection::vec(0u8..3, 0..6),
            b in prop::collection::vec(0u8..3, 0..6),
        ) {
            let errors = Errors::between(&a, &b);
            prop_assert_eq!(errors.count(), distance(&a, &b));
            prop_assert_eq!(errors.reference, a.len() as u64);
            prop_assert_eq!(a.len() as u64 + errors.insertions, b.len() as u64 + errors.deletions);
            let text = |numbers: &[u8]| {
                numbers.iter().map(u8::to_string).collect::<Vec<_>>().join(" ")
            };
            let said = text(&a);
            let written = text(&b);
            let pairs = beside(&said, &written);
            let differing = pairs.iter().filter(|(a, b)| a != b).count();
            prop_assert_eq!(differing as u64, errors.count());
            let of_said: Vec<&str> = pairs.iter().filter_map(|pair| pair.0).collect();
            let of_written: Vec<&str> = pairs.iter().filter_map(|pair| pair.1).collect();
            prop_assert_eq!((of_said.join(" "), of_written.join(" ")), (said, written));
        }
    }

    #[test]
    fn a_corpus_is_weighed_by_its_words() {
        let mut tally = Tally::default();
        tally.add("YES NO YES NO", "YES NO NO");
        tally.add("NO", "YES YES");
        tally.add("", "");
        assert_eq!((tally.utterances, tally.right), (3, 1));
        let Errors { substitutions, deletions, insertions, reference } = tally.words;
        assert_eq!((substitutions, deletions, insertions, reference), (1, 1, 1, 5));
        assert!((tally.words.rate() - 0.6).abs() < 1e-12);
        assert_eq!(Errors::of_words("", "A B").rate(), 2.0);
        assert_eq!(Errors::of_characters(" A  B ", "A B").count(), 0);
    }
}
