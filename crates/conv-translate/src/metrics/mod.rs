//! How good translations are: BLEU and chrF, with sacreBLEU's numbers and its signature (Post 2018,
//! "A Call for Clarity in Reporting BLEU Scores").
//!
//! BLEU (Papineni et al. 2002) is the geometric mean of the shares of 1- to 4-grams of words that
//! the references have too, times a penalty for output that is too short. What a word is changes
//! the score by points, so a BLEU without its tokenization says little: a [`BleuScore`] prints the
//! signature with it. chrF (Popović 2015) is an F-score over 1- to 6-grams of characters, and needs
//! no words; chrF++ (Popović 2017) adds words and pairs of words.
//!
//! [`BleuStatistics`] and [`ChrfStatistics`] take one sentence after the other and keep only
//! counts, so no corpus is held, and counts of several parts can be merged:
//!
//! ```
//! use conv_translate::metrics::{Bleu, BleuStatistics, Chrf};
//!
//! let mut statistics = BleuStatistics::new(Bleu::default());
//! statistics.add("The cat sits on the mat.", &["The cat sat on the mat.", "A cat sits on a mat."])?;
//! statistics.add("It rains today.", &["It is raining today.", "Today it rains."])?;
//! let score = statistics.score();
//! assert_eq!(
//!     score.to_string(),
//!     "BLEU|nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0 = 50.8 \
//!      100.0/77.8/42.9/20.0 (BP = 1.000 ratio = 1.000 hyp_len = 11 ref_len = 11)"
//! );
//! assert_eq!(format!("{:.3}", score.score), "50.813");
//!
//! let chrf = Chrf::default().corpus(&["It rains today."], &[&["It is raining today."]])?;
//! assert_eq!(chrf.to_string(), "chrF2|nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0 = 39.6");
//! # Ok::<(), conv_translate::Error>(())
//! ```

mod bleu;
mod chrf;
mod ngrams;
mod signature;
mod tokenize;

pub use bleu::{Bleu, BleuScore, BleuStatistics, Smoothing};
pub use chrf::{Chrf, ChrfScore, ChrfStatistics};
pub use signature::{ReferenceCount, SACREBLEU};
pub use tokenize::Tokenization;

use crate::{Error, Result};

/// Calls `add` with each line of the hypotheses and the same line of every reference.
fn by_line<H: AsRef<str>, R: AsRef<str>>(
    hypotheses: &[H],
    references: &[&[R]],
    mut add: impl FnMut(&str, &[&str]) -> Result<()>,
) -> Result<()> {
    if let Some((at, lines)) =
        references.iter().enumerate().find(|(_, lines)| lines.len() != hypotheses.len())
    {
        return Err(Error::LineCount {
            what: format!("reference {}", at + 1),
            found: lines.len(),
            expected: hypotheses.len(),
        });
    }
    for (line, hypothesis) in hypotheses.iter().enumerate() {
        let references: Vec<&str> = references.iter().map(|lines| lines[line].as_ref()).collect();
        add(hypothesis.as_ref(), &references)?;
    }
    Ok(())
}
