//! Which pairs are not trained on, and how many there were.

use conv_hub::InvalidField;
use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::parallel::TextPair;
use crate::error::Result;
use conv_nn::rng::Fingerprint;

/// What a pair must be like to be kept. A side without a token is always dropped.
///
/// What changes text rather than drops it (lower-casing, Unicode normalisation, control characters
/// that become blanks) belongs to the tokenizer, so that it happens to what is translated later as
/// well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cleaning {
    /// The most tokens of a side, its end not counted; at least 1. 1023, and the end, fill the 1024
    /// positions of the paper's models.
    pub longest: usize,
    /// How many times as many tokens one side may have as the other; at least 1, none for any.
    pub ratio: Option<f64>,
    /// Keeps one of pairs whose tokens are the same on both sides. It remembers a hash of 8 bytes
    /// for each pair while the text is read (with the set's own up to 21 bytes, half as many again
    /// while it grows), beyond what the store needs.
    pub drop_repeated: bool,
}

impl Default for Cleaning {
    fn default() -> Self {
        Self { longest: 1023, ratio: Some(9.0), drop_repeated: false }
    }
}

impl Cleaning {
    pub(super) fn check(&self) -> Result<()> {
        let check = InvalidField::unless;
        check(self.longest > 0, "cleaning.longest", &self.longest, "at least 1")?;
        let ratio = self.ratio.unwrap_or(1.0);
        Ok(check(ratio >= 1.0, "cleaning.ratio", &ratio, "at least 1")?)
    }
}

/// How many pairs, and the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Count {
    /// So many.
    pub pairs: u64,
    /// The first one's line, from 1.
    pub first: Option<u64>,
}

impl Count {
    fn add(&mut self, line: u64) {
        self.pairs += 1;
        self.first.get_or_insert(line);
    }
}

/// What became of a corpus. Its `Display` is one line for each thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cleaned {
    /// Pairs read.
    pub read: u64,
    /// Pairs kept.
    pub kept: u64,
    /// Dropped: a side is empty, or nothing is left of it.
    pub empty: Count,
    /// Dropped: a side has more tokens than [`Cleaning::longest`].
    pub long: Count,
    /// Dropped: the sides' lengths are too far apart.
    pub uneven: Count,
    /// Dropped: the same pair came before.
    pub repeated: Count,
    /// Kept or not: a side has control characters, tabs included, which count as blanks.
    pub control: Count,
}

impl fmt::Display for Cleaned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} pairs kept", self.kept, self.read)?;
        let reasons = [
            (self.empty, "dropped, a side is empty"),
            (self.long, "dropped, a side is too long"),
            (self.uneven, "dropped, one side is much longer than the other"),
            (self.repeated, "dropped, the same pair came before"),
            (self.control, "with control characters, taken as blanks"),
        ];
        for (count, reason) in reasons {
            if let Some(first) = count.first {
                write!(f, "\n{} {reason} (first on line {first})", count.pairs)?;
            }
        }
        Ok(())
    }
}

/// A corpus's judge.
pub(super) struct Judge<'a> {
    cleaning: &'a Cleaning,
    seen: HashSet<u64>,
    pub(super) cleaned: Cleaned,
}

impl<'a> Judge<'a> {
    pub(super) fn new(cleaning: &'a Cleaning) -> Self {
        Self { cleaning, seen: HashSet::new(), cleaned: Cleaned::default() }
    }

    /// Whether a side has too many words to be encoded at all: each is a token at least.
    pub(super) fn hopeless(&self, pair: &TextPair) -> bool {
        let most = self.cleaning.longest;
        [&pair.source, &pair.target].iter().any(|text| text.split_whitespace().nth(most).is_some())
    }

    /// Whether a pair is kept; without tokens where it was hopeless.
    pub(super) fn keeps(&mut self, pair: &TextPair, tokens: Option<&[Vec<u32>; 2]>) -> bool {
        let Self { cleaning, seen, cleaned } = self;
        cleaned.read += 1;
        if [&pair.source, &pair.target].iter().any(|text| text.contains(char::is_control)) {
            cleaned.control.add(pair.line);
        }
        let Some([source, target]) = tokens else {
            cleaned.long.add(pair.line);
            return false;
        };
        let short = source.len().min(target.len());
        let long = source.len().max(target.len());
        let reason = if short == 0 {
            &mut cleaned.empty
        } else if long > cleaning.longest {
            &mut cleaned.long
        } else if cleaning.ratio.is_some_and(|ratio| long as f64 > ratio * short as f64) {
            &mut cleaned.uneven
        } else if cleaning.drop_repeated && !seen.insert(hash(source, target)) {
            &mut cleaned.repeated
        } else {
            cleaned.kept += 1;
            return true;
        };
        reason.add(pair.line);
        false
    }
}

/// The lengths come first: no two pairs run into each other.
fn hash(source: &[u32], target: &[u32]) -> u64 {
    let mut hash = Fingerprint::default();
    hash.bytes(&(source.len() as u64).to_le_bytes());
    for id in source.iter().chain(target) {
        hash.bytes(&id.to_le_bytes());
    }
    hash.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(line: u64, source: &str, target: &str) -> TextPair {
        TextPair { source: source.into(), target: target.into(), line }
    }

    /// A word's length is its number.
    fn ids(text: &str) -> Vec<u32> {
        text.split_whitespace().map(|word| word.len() as u32).collect()
    }

    fn clean(cleaning: &Cleaning, pairs: &[(&str, &str)]) -> (Vec<u64>, Cleaned) {
        let mut judge = Judge::new(cleaning);
        let mut kept = Vec::new();
        for (line, (source, target)) in (1..).zip(pairs) {
            let pair = pair(line, source, target);
            let tokens = (!judge.hopeless(&pair)).then(|| [ids(source), ids(target)]);
            if judge.keeps(&pair, tokens.as_ref()) {
                kept.push(line);
            }
        }
        (kept, judge.cleaned)
    }

    #[test]
    fn each_reason_is_counted_with_its_first_line() {
        let cleaning = Cleaning { longest: 5, ratio: Some(3.0), drop_repeated: true };
        let pairs = [
            ("a bb", "a bb"),
            ("", "a"),
            ("a", " "),
            ("a a a a a a", "a"),
            ("a a a a", "a"),
            ("a bb", "a bb"),
            ("a\u{7}bb a", "a"),
            ("a bb a", "bb"),
        ];
        let (kept, cleaned) = clean(&cleaning, &pairs);
        assert_eq!(kept, [1, 7, 8]);
        let count = |pairs, first| Count { pairs, first: Some(first) };
        let expected = Cleaned {
            read: 8,
            kept: 3,
            empty: count(2, 2),
            long: count(1, 4),
            uneven: count(1, 5),
            repeated: count(1, 6),
            control: count(1, 7),
        };
        assert_eq!(cleaned, expected);
        let text = cleaned.to_string();
        assert!(
            text.starts_with("3 of 8 pairs kept\n2 dropped, a side is empty (first on line 2)")
        );
        assert_eq!(text.lines().count(), 6, "{text}");
    }

    #[test]
    fn by_default_repeated_pairs_stay() {
        let (kept, _) = clean(&Cleaning::default(), &[("a", "b"), ("a", "b")]);
        assert_eq!(kept, [1, 2]);
    }

    #[test]
    fn pairs_whose_sides_only_meet_otherwise_are_not_the_same() {
        assert_ne!(hash(&[1, 2], &[3]), hash(&[1], &[2, 3]));
        assert_ne!(hash(&[1], &[2]), hash(&[2], &[1]));
    }
}
