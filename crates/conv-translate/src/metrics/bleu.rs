//! BLEU (Papineni et al. 2002) as sacreBLEU counts it.

use conv_hub::InvalidField;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ngrams::{Words, accumulate, counts, total};
use super::signature::{ReferenceCount, SACREBLEU, case, flag};
use super::tokenize::{Tokenization, words};
use crate::{Error, Result};

/// The longest n-grams counted.
const ORDER: usize = 4;

/// What to put for a precision of 0, whose logarithm there is not (Chen and Cherry 2014).
///
/// Over a corpus of more than a few sentences nothing is 0 and all four agree, but that
/// [`AddK`](Self::AddK) always adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Smoothing {
    /// `exp`: the first such precision is 1/2 match, the next 1/4 and so on, as in mteval-v13a.
    #[default]
    #[serde(rename = "exp")]
    Exponential,
    /// `floor`: 0.1 matches.
    #[serde(rename = "floor")]
    Floor,
    /// `add-k`: one match more, and one n-gram more, in each order but the first.
    #[serde(rename = "add-k")]
    AddK,
    /// `none`: BLEU is 0 then.
    #[serde(rename = "none")]
    None,
}

impl Smoothing {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Exponential, Self::Floor, Self::AddK, Self::None];

    /// sacreBLEU's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exponential => "exp",
            Self::Floor => "floor",
            Self::AddK => "add-k",
            Self::None => "none",
        }
    }
}

impl FromStr for Smoothing {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name).ok_or_else(|| {
            Error::from(InvalidField::name("smoothing", name, Self::ALL.map(Self::name).join(", ")))
        })
    }
}

/// Which BLEU. The default is sacreBLEU's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bleu {
    /// What a word is.
    pub tokenization: Tokenization,
    /// Compare in lower case.
    pub lowercase: bool,
    /// What to do where no n-gram of an order matches.
    pub smoothing: Smoothing,
    /// Leave out the orders for which the hypotheses are too short; for single sentences.
    pub effective_order: bool,
}

impl Bleu {
    /// Moses' `multi-bleu.perl`, the *tokenised BLEU* of older tables: words are given, nothing is
    /// smoothed. The script reads bytes, so it does not split at blanks outside ASCII, and its
    /// `-lc` leaves `Ä` as it is; here both are as in sacreBLEU.
    pub fn multi_bleu() -> Self {
        Self { tokenization: Tokenization::None, smoothing: Smoothing::None, ..Self::default() }
    }

    /// The score of a corpus. `references` holds one or more translations of the whole corpus.
    ///
    /// # Errors
    /// [`Error::LineCount`] for a reference with more or fewer lines than the hypotheses,
    /// [`Error::NoReference`] where there is none.
    pub fn corpus<H: AsRef<str>, R: AsRef<str>>(
        self,
        hypotheses: &[H],
        references: &[&[R]],
    ) -> Result<BleuScore> {
        let mut statistics = BleuStatistics::new(self);
        super::by_line(hypotheses, references, |hypothesis, references| {
            statistics.add(hypothesis, references)
        })?;
        Ok(statistics.score())
    }

    /// The score of one sentence, always with the effective order, as by sacreBLEU's
    /// `--sentence-level`.
    ///
    /// # Errors
    /// [`Error::NoReference`].
    pub fn sentence(self, hypothesis: &str, references: &[impl AsRef<str>]) -> Result<BleuScore> {
        let mut statistics = BleuStatistics::new(Self { effective_order: true, ..self });
        statistics.add(hypothesis, references)?;
        Ok(statistics.score())
    }
}

/// What BLEU is computed from: sums over the sentences added so far, and the settings they were
/// counted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BleuStatistics {
    bleu: Bleu,
    sentences: u64,
    references: ReferenceCount,
    /// Words of the hypotheses, and of those references that are nearest to them in length.
    lengths: [u64; 2],
    /// N-grams of the hypotheses that a reference has too, for n = 1 to 4.
    matches: [u64; ORDER],
    /// N-grams of the hypotheses.
    totals: [u64; ORDER],
}

impl BleuStatistics {
    /// Of no sentences.
    pub fn new(bleu: Bleu) -> Self {
        Self {
            bleu,
            sentences: 0,
            references: ReferenceCount::Unknown,
            lengths: [0; 2],
            matches: [0; ORDER],
            totals: [0; ORDER],
        }
    }

    /// Counts a sentence's translation against one or more references. An n-gram counts at most as
    /// often as the reference has it that has it most often. Lines come without their line breaks.
    ///
    /// # Errors
    /// [`Error::NoReference`].
    pub fn add(&mut self, hypothesis: &str, references: &[impl AsRef<str>]) -> Result<()> {
        self.references.add(references.len(), self.sentences.saturating_add(1))?;
        let lines = std::iter::once(hypothesis).chain(references.iter().map(AsRef::as_ref));
        let lines: Vec<String> = lines.map(|line| self.tokenized(line)).collect();
        let mut numbers = Words::default();
        let hypothesis = numbers.ids(words(&lines[0]));
        let references: Vec<Vec<u32>> =
            lines[1..].iter().map(|line| numbers.ids(words(line))).collect();

        let length = hypothesis.len();
        // Of two that are equally near, the shorter.
        let nearest = references.iter().map(Vec::len).min_by_key(|of| (of.abs_diff(length), *of));
        let mut matches = [0; ORDER];
        let mut totals = [0; ORDER];
        for n in 1..=ORDER {
            totals[n - 1] = total(length, n);
            let references: Vec<_> = references.iter().map(|ids| counts(ids, n)).collect();
            for (ngram, count) in counts(&hypothesis, n) {
                let most = references.iter().filter_map(|counts| counts.get(ngram)).max();
                matches[n - 1] += count.min(most.copied().unwrap_or(0));
            }
        }
        accumulate(&mut self.lengths, &[length as u64, nearest.unwrap_or(0) as u64]);
        accumulate(&mut self.matches, &matches);
        accumulate(&mut self.totals, &totals);
        self.sentences = self.sentences.saturating_add(1);
        Ok(())
    }

    fn tokenized(&self, line: &str) -> String {
        let Bleu { tokenization, lowercase, .. } = self.bleu;
        if lowercase {
            tokenization.apply(&line.to_lowercase()).into_owned()
        } else {
            tokenization.apply(line).into_owned()
        }
    }

    /// Adds the sentences of another part of the corpus. Their order does not matter.
    ///
    /// # Errors
    /// [`Error::Signatures`] where they were counted with other settings.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.bleu != other.bleu {
            let found = other.signature();
            let expected = self.signature();
            return Err(Error::Signatures { found, expected });
        }
        self.sentences = self.sentences.saturating_add(other.sentences);
        self.references = self.references.merge(other.references);
        accumulate(&mut self.lengths, &other.lengths);
        accumulate(&mut self.matches, &other.matches);
        accumulate(&mut self.totals, &other.totals);
        Ok(())
    }

    /// How many sentences were added.
    pub fn sentences(&self) -> u64 {
        self.sentences
    }

    /// The settings, in sacreBLEU's words.
    pub fn signature(&self) -> String {
        let Bleu { tokenization, lowercase, smoothing, effective_order } = self.bleu;
        let value = match smoothing {
            Smoothing::Exponential | Smoothing::None => "",
            Smoothing::Floor => "[0.10]",
            Smoothing::AddK => "[1.00]",
        };
        format!(
            "nrefs:{}|case:{}|eff:{}|tok:{}|smooth:{}{value}|version:{SACREBLEU}",
            self.references,
            case(lowercase),
            flag(effective_order),
            tokenization.name(),
            smoothing.name(),
        )
    }

    /// BLEU of what was added; 0 without any match, so also of nothing.
    pub fn score(&self) -> BleuScore {
        let [length, reference] = self.lengths.map(|length| length as f64);
        let brevity_penalty = match length < reference {
            true if length > 0.0 => (1.0 - reference / length).exp(),
            true => 0.0,
            false => 1.0,
        };
        let (precisions, order) = self.precisions();
        let score = if precisions[0] > 0.0 {
            // sacreBLEU's logarithm of 0.
            let ln = |&p: &f64| if p == 0.0 { -9_999_999_999.0 } else { p.ln() };
            let mean = precisions[..order].iter().map(ln).sum::<f64>() / order as f64;
            brevity_penalty * mean.exp()
        } else {
            0.0
        };
        BleuScore {
            score,
            precisions,
            brevity_penalty,
            ratio: if reference > 0.0 { length / reference } else { 0.0 },
            hypothesis_length: self.lengths[0],
            reference_length: self.lengths[1],
            signature: self.signature(),
        }
    }

    /// The smoothed precisions in percent, and how many of them BLEU is the mean of. All are 0
    /// without a match.
    fn precisions(&self) -> ([f64; ORDER], usize) {
        let Bleu { smoothing, effective_order, .. } = self.bleu;
        let mut precisions = [0.0; ORDER];
        let mut order = ORDER;
        let mut halved = 1.0;
        if self.matches == [0; ORDER] {
            return (precisions, order);
        }
        for (n, precision) in precisions.iter_mut().enumerate() {
            let more = if smoothing == Smoothing::AddK && n > 0 { 1.0 } else { 0.0 };
            let matches = self.matches[n] as f64 + more;
            let total = self.totals[n] as f64 + more;
            if total == 0.0 {
                break;
            }
            if effective_order {
                order = n + 1;
            }
            *precision = match smoothing {
                Smoothing::Exponential if matches == 0.0 => {
                    halved *= 2.0;
                    100.0 / (halved * total)
                }
                Smoothing::Floor if matches == 0.0 => 100.0 * 0.1 / total,
                _ => 100.0 * matches / total,
            };
        }
        (precisions, order)
    }
}

/// BLEU and what it is made of. Its `Display` is sacreBLEU's line, with one decimal, or as many as
/// are asked for (`{:.2}`).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BleuScore {
    /// BLEU, from 0 to 100.
    pub score: f64,
    /// The smoothed precisions of 1- to 4-grams, in percent.
    pub precisions: [f64; ORDER],
    /// BP, from 0 to 1: below 1 where the hypotheses have fewer words than the references.
    pub brevity_penalty: f64,
    /// Words of the hypotheses to words of the references; 0 where the latter have none.
    pub ratio: f64,
    /// Words of the hypotheses.
    pub hypothesis_length: u64,
    /// Words of the references that are nearest to them in length.
    pub reference_length: u64,
    /// The settings, in sacreBLEU's words.
    pub signature: String,
}

impl fmt::Display for BleuScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(1);
        write!(f, "BLEU|{} = {:.decimals$} ", self.signature, self.score)?;
        let [one, two, three, four] = self.precisions;
        write!(f, "{one:.1}/{two:.1}/{three:.1}/{four:.1} ")?;
        write!(f, "(BP = {:.3} ratio = {:.3} ", self.brevity_penalty, self.ratio)?;
        write!(f, "hyp_len = {} ref_len = {})", self.hypothesis_length, self.reference_length)
    }
}
