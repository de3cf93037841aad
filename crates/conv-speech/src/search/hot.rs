//! Words and phrases that are expected.

use crate::language::{Lexicon, ROOT};
use crate::{Alphabet, Unit};
use conv_hub::InvalidField;

/// Words and phrases that make a text likelier as they are written, letter by letter, so that a
/// beam does not lose them before their end. What a beginning has brought is taken back where it
/// does not become the whole.
#[derive(Debug, Clone)]
pub struct HotWords {
    phrases: Lexicon,
    boost: f64,
}

/// Where a text stands in a phrase.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    at: u32,
    /// What the letters since the last phrase that is whole have brought, in nats.
    pending: f64,
}

impl HotWords {
    /// Texts that are followed at a time, where nothing else says how many.
    pub const BEAM: usize = 24;

    /// For texts of an alphabet; each letter of a phrase counts `boost`, in nats.
    ///
    /// # Errors
    /// A phrase of nothing or with a letter that the alphabet lacks, or a boost outside 0 to 100.
    pub fn new<'w>(
        phrases: impl IntoIterator<Item = &'w str>,
        boost: f64,
        alphabet: &Alphabet,
    ) -> Result<Self, InvalidField> {
        InvalidField::unless((0.0..=100.0).contains(&boost), "boost", &boost, "0 to 100")?;
        let words = |phrase: &str| phrase.split_whitespace().collect::<Vec<_>>().join(" ");
        let phrases: Vec<String> = phrases.into_iter().map(words).collect();
        let phrases = Lexicon::new(phrases.iter().map(String::as_str), alphabet);
        if let Some(phrase) = phrases.left_out().first() {
            let found = format!("{phrase:?} among them");
            return Err(InvalidField::new("hot words", &found, "words of the model's letters"));
        }
        Ok(Self { phrases, boost })
    }
}

impl Place {
    pub const START: Self = Self { at: ROOT, pending: 0.0 };

    /// Where a text stands with one class more, and what that brings or takes back. `begins` says
    /// whether the class is at the beginning of a word.
    pub fn with(self, class: u32, unit: Unit, begins: bool, hot: &HotWords) -> (Self, f64) {
        let HotWords { phrases, boost } = hot;
        let is_spelled = matches!(unit, Unit::Spelled(_));
        // A word ends before a blank, and on either side of a spelled letter.
        let whole = |place: Self| {
            if phrases.is_word(place.at) { Self { pending: 0.0, ..place } } else { place }
        };
        let place =
            if begins || is_spelled || unit.letter().is_whitespace() { whole(self) } else { self };
        let back = |place: Self, at| (Self { at, pending: *boost }, boost - place.pending);
        let may_begin = begins || is_spelled;
        let next = match phrases.next(place.at, class) {
            Some(at) if place.at != ROOT || may_begin => {
                (Self { at, pending: place.pending + boost }, *boost)
            }
            _ => match phrases.next(ROOT, class).filter(|_| may_begin) {
                Some(at) => back(place, at),
                None => (Self::START, -place.pending),
            },
        };
        if is_spelled { (whole(next.0), next.1) } else { next }
    }

    /// What is taken back where the text ends.
    pub fn ended(self, hot: &HotWords) -> f64 {
        if hot.phrases.is_word(self.at) { 0.0 } else { -self.pending }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Texts;
    use crate::search::tests::{posteriors, text};

    /// What a whole text is worth, class by class, with nothing lost on the way.
    fn worth(text: &str, alphabet: &Alphabet, hot: &HotWords) -> f64 {
        let mut texts = Texts::new(alphabet, None, Some(hot));
        let classes = alphabet.encode(text);
        let number = classes.iter().try_fold(0, |number, &class| texts.add((number, class)));
        number.and_then(|number| texts.ended(number)).unwrap_or(f64::NAN)
    }

    #[test]
    fn whole_phrases_count_and_beginnings_do_not() -> Result<(), InvalidField> {
        let alphabet = Alphabet::of(["GO ON NOW"]);
        let hot = HotWords::new(["GO", "GO  ON", "NOW"], 2.0, &alphabet)?;
        for (text, letters) in [
            ("GO", 2),
            ("G", 0),
            ("GOO", 0),
            ("OGO", 0),
            ("GO ON", 5),
            ("GO O", 2),
            ("GO NOW", 5),
            ("GO GO ON ON", 7),
            ("NO NOW", 3),
            ("", 0),
        ] {
            assert_eq!(worth(text, &alphabet, &hot), 2.0 * f64::from(letters), "{text}");
        }
        // Spelled letters are words without blanks around them.
        let alphabet = Alphabet::with_spelled(["A B GO", "ON A"]);
        let hot = HotWords::new(["A B", "GO A"], 1.0, &alphabet)?;
        for (text, classes) in [("A B", 2), ("A A B", 2), ("A GO", 0), ("GO A", 3), ("GO A B", 3)] {
            assert_eq!(worth(text, &alphabet, &hot), f64::from(classes), "{text}");
        }
        let error = HotWords::new(["GX"], 1.0, &alphabet).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("\"GX\" among them")));
        assert!(HotWords::new(["GO"], -1.0, &alphabet).is_err());
        Ok(())
    }

    #[test]
    fn a_word_that_is_expected_is_written_where_it_is_nearly_as_likely() -> Result<(), InvalidField>
    {
        let alphabet = Alphabet::of(["AB "]);
        let mut changed = 0;
        for seed in 0..20 {
            let posteriors = posteriors(4, alphabet.classes(), seed);
            let write = |boost| -> Result<String, InvalidField> {
                let hot = HotWords::new(["BAB"], boost, &alphabet)?;
                let mut texts = Texts::new(&alphabet, None, Some(&hot));
                Ok(text(&crate::search::ctc::ctc(&mut texts, 64, &posteriors), &alphabet))
            };
            // Without a boost as if there were no such words; with a large one nothing else.
            let mut plain = Texts::new(&alphabet, None, None);
            let plain = text(&crate::search::ctc::ctc(&mut plain, 64, &posteriors), &alphabet);
            assert_eq!(write(0.0)?, plain);
            assert!(write(20.0)?.contains("BAB"), "{}", write(20.0)?);
            changed += usize::from(!plain.contains("BAB"));
        }
        assert!(changed > 10, "{changed}");
        Ok(())
    }
}
