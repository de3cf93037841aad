//! What BLEU takes for a word.

use conv_hub::InvalidField;
use std::borrow::Cow;
use std::str::FromStr;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How a line becomes words; `tok` of the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Tokenization {
    /// `13a`: as WMT's `mteval-v13a.pl`. ASCII punctuation stands alone, but periods and commas
    /// stay within numbers, and apostrophes and hyphens within words.
    #[default]
    #[serde(rename = "13a")]
    Mteval13a,
    /// `intl`: as `mteval-v14.pl --international-tokenization`. Punctuation and symbols of any
    /// script stand alone, but for punctuation beside digits.
    #[serde(rename = "intl")]
    International,
    /// `none`: words are what stands between blanks. For text that is tokenised already.
    #[serde(rename = "none")]
    None,
}

/// Substitutions, one after the other over the whole line.
type Rules = LazyLock<Vec<(Regex, &'static str)>>;

static MTEVAL_13A: Rules = LazyLock::new(|| {
    rules(&[
        (r"([{-~\[-` -&(-+:-@/])", " $1 "),
        (r"([^0-9])([.,])", "$1 $2 "),
        (r"([.,])([^0-9])", " $1 $2"),
        (r"([0-9])(-)", "$1 $2 "),
    ])
});

static INTERNATIONAL: Rules = LazyLock::new(|| {
    rules(&[(r"(\P{N})(\p{P})", "$1 $2 "), (r"(\p{P})(\P{N})", " $1 $2"), (r"(\p{S})", " $1 ")])
});

fn rules(rules: &[(&str, &'static str)]) -> Vec<(Regex, &'static str)> {
    let compile = |pattern| Regex::new(pattern).expect("the patterns above are valid");
    rules.iter().map(|&(pattern, replacement)| (compile(pattern), replacement)).collect()
}

impl Tokenization {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mteval13a, Self::International, Self::None];

    /// sacreBLEU's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mteval13a => "13a",
            Self::International => "intl",
            Self::None => "none",
        }
    }

    /// The words of a line, which comes without its line break.
    ///
    /// ```
    /// use conv_translate::metrics::Tokenization;
    /// assert_eq!(Tokenization::Mteval13a.words("It's 3.5 km, isn't it?"), ["It's", "3.5", "km", ",", "isn't", "it", "?"]);
    /// ```
    pub fn words(self, line: &str) -> Vec<String> {
        words(&self.apply(line)).map(str::to_owned).collect()
    }

    /// The line with blanks between its words; [`words`] finds them.
    pub(super) fn apply(self, line: &str) -> Cow<'_, str> {
        // Without this, a hyphen before a line's end would join two lines.
        let line = line.trim_end_matches(is_blank);
        match self {
            Self::None => line.into(),
            Self::International => substitute(&INTERNATIONAL, line.into()).into(),
            Self::Mteval13a => {
                let mut line = line.replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
                if line.contains('&') {
                    for (entity, character) in
                        [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")]
                    {
                        line = line.replace(entity, character);
                    }
                }
                substitute(&MTEVAL_13A, format!(" {line} ")).into()
            }
        }
    }
}

fn substitute(rules: &[(Regex, &str)], mut line: String) -> String {
    for (regex, replacement) in rules {
        if let Cow::Owned(changed) = regex.replace_all(&line, *replacement) {
            line = changed;
        }
    }
    line
}

impl FromStr for Tokenization {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name).ok_or_else(|| {
            Error::from(InvalidField::name(
                "tokenization",
                name,
                Self::ALL.map(Self::name).join(", "),
            ))
        })
    }
}

/// What Python's `str.split` splits at: Unicode's white space and four separators of ASCII.
pub(super) fn is_blank(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// What stands between blanks.
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(is_blank).filter(|word| !word.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn split(tokenization: Tokenization, line: &str) -> String {
        tokenization.words(line).join(" ")
    }

    #[test]
    fn numbers_stay_whole_and_punctuation_stands_alone() {
        let line = "Dr. No's 1,234.5-mile &quot;trip&quot; (U.S.): «ja», 5 €.";
        assert_eq!(
            split(Tokenization::Mteval13a, line),
            "Dr . No's 1,234.5 - mile \" trip \" ( U . S . ) : «ja» , 5 € ."
        );
        assert_eq!(
            split(Tokenization::International, line),
            "Dr . No ' s 1,234.5 - mile & quot ; trip & quot ; ( U . S . ) : « ja » , 5 € ."
        );
        assert_eq!(split(Tokenization::None, " a\u{a0}b\u{1f}c "), "a b c");
    }

    #[test]
    fn names_are_read_and_others_refused() {
        for tokenization in Tokenization::ALL {
            assert_eq!(tokenization.name().parse::<Tokenization>().unwrap(), tokenization);
            let json = format!("{:?}", tokenization.name());
            assert_eq!(serde_json::to_string(&tokenization).unwrap(), json);
        }
        let error = "zh".parse::<Tokenization>().unwrap_err().to_string();
        assert_eq!(error, "tokenization is \"zh\", expected one of 13a, intl, none");
    }
}
