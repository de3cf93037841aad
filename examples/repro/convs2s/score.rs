//! How good a translator is on a part of the data.

use super::cell::{Found, Scores, Search};
use anyhow::Result;
use conv_translate::metrics::{Bleu, Chrf, Tokenization};
use conv_translate::{PairFiles, SearchConfig, Translator};

pub const BEAM: usize = 5;

/// The length penalties that val chooses among.
pub const PENALTIES: [f64; 5] = [0.6, 0.8, 1.0, 1.2, 1.4];

/// BLEU of ready-made tokens.
pub fn bleu() -> Bleu {
    Bleu { tokenization: Tokenization::None, ..Bleu::default() }
}

/// Sentences and their translations.
pub struct Part {
    sources: Vec<String>,
    references: Vec<String>,
}

impl Part {
    pub fn read(files: &PairFiles) -> Result<Self> {
        let mut sources = Vec::new();
        let mut references = Vec::new();
        for pair in files.open()? {
            let pair = pair?;
            sources.push(pair.source);
            references.push(pair.target);
        }
        Ok(Self { sources, references })
    }

    fn score(&self, translator: &Translator, beam: usize, length_penalty: f64) -> Result<Scores> {
        let config = SearchConfig { beam, length_penalty, ..SearchConfig::default() };
        let found = translator.translate_batch(&self.sources, &config)?;
        let best = found.into_iter().map(|found| found.into_iter().next());
        let texts: Vec<String> =
            best.map(|best| best.map(|best| best.text).unwrap_or_default()).collect();
        let references: [&[String]; 1] = [&self.references];
        Ok(Scores {
            bleu: bleu().corpus(&texts, &references)?.score,
            chrf: Chrf::default().corpus(&texts, &references)?.score,
            multi_bleu: Bleu::multi_bleu().corpus(&texts, &references)?.score,
        })
    }

    /// With the length penalty that was chosen.
    pub fn found(&self, translator: &Translator, search: &Search) -> Result<Found> {
        Ok(Found {
            beam: self.score(translator, search.beam, search.length_penalty)?,
            greedy: self.score(translator, 1, search.length_penalty)?,
        })
    }

    /// Chooses the length penalty: of equals the first tried.
    pub fn choose(&self, translator: &Translator) -> Result<(Search, Found)> {
        let mut tried = Vec::new();
        let mut best: Option<(f64, Scores)> = None;
        for penalty in PENALTIES {
            let scores = self.score(translator, BEAM, penalty)?;
            tried.push([penalty, scores.bleu]);
            if best.as_ref().is_none_or(|(_, best)| scores.bleu > best.bleu) {
                best = Some((penalty, scores));
            }
        }
        let (length_penalty, beam) =
            best.unwrap_or_else(|| unreachable!("there are penalties to try"));
        let greedy = self.score(translator, 1, length_penalty)?;
        Ok((Search { beam: BEAM, length_penalty, tried }, Found { beam, greedy }))
    }

    /// How scores are counted, in sacreBLEU's words: BLEU, then chrF.
    pub fn signatures(&self) -> Result<[String; 2]> {
        let references: [&[String]; 1] = [&self.references];
        Ok([
            bleu().corpus(&self.references, &references)?.signature,
            Chrf::default().corpus(&self.references, &references)?.signature,
        ])
    }
}
