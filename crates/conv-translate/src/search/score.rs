//! How probable given translations are.

use super::request::{check_source, check_words};
use super::{Ensemble, Hypothesis, SearchConfig, floats};
use crate::{END, Result};

impl Ensemble {
    /// Scores given pairs, each a source with its `</s>` and a target without it; of `config` only
    /// the normalisation counts (`fairseq-generate --score-reference`, which has that of the
    /// default). A score does not depend on the other pairs.
    ///
    /// # Errors
    /// An empty source, a token beyond a vocabulary, or a sentence beyond the positions.
    pub fn score(
        &self,
        pairs: &[(&[u32], &[u32])],
        config: &SearchConfig,
    ) -> Result<Vec<Hypothesis>> {
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        for (place, (source, target)) in pairs.iter().enumerate() {
            let [of_source, of_target] = self.vocabularies();
            check_source(place, source, of_source)?;
            check_words(place, "target", target, of_target)?;
        }
        let ends = |begins: bool| -> Vec<Vec<u32>> {
            let [before, behind]: [&[u32]; 2] = if begins { [&[END], &[]] } else { [&[], &[END]] };
            pairs.iter().map(|(_, target)| [before, target, behind].concat()).collect()
        };
        let batch =
            |rows: Vec<Vec<u32>>| self.batch(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let sources: Vec<&[u32]> = pairs.iter().map(|(source, _)| *source).collect();
        let [values, attention] =
            self.follow(&sources, &batch(ends(true))?, &batch(ends(false))?)?;
        let (_, longest, width) = attention.dims3()?;
        floats(&values, |values| {
            floats(&attention, |attention| {
                let hypothesis = |(i, (source, target)): (usize, &(&[u32], &[u32]))| {
                    let length = target.len() + 1;
                    let positional = values[i * longest..][..length].to_vec();
                    let rows = attention[i * longest * width..].chunks(width).take(length);
                    let rows = rows.map(|shares| shares[..source.len()].to_vec()).collect();
                    let score = config.score(positional.iter().sum(), length);
                    Hypothesis::new(source, target.to_vec(), score, positional, rows)
                };
                pairs.iter().enumerate().map(hypothesis).collect()
            })
        })?
    }
}
