//! How well a ranker does on a VisDial file.

use crate::data::{CANDIDATES, Dense, VisDial};
use crate::metrics::{Placed, Ranking, ndcg};
use crate::{AnswerRanker, Error, Result};
use conv_train::metrics::{Estimate, bootstrap};
use serde::Serialize;
use std::fmt;

/// What [`evaluate`] finds. Reciprocal ranks of counting alone stand beside the ranker's, with the
/// gain over them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// MRR, recall at 1, 5 and 10, mean rank.
    #[serde(flatten)]
    pub ranking: Ranking,
    /// MRR by how frequent an answer is.
    pub mrr_frequency: f64,
    /// MRR by how frequent it is after the question's first three words.
    pub mrr_three_words: f64,
    /// The ranker's MRR, with its 95 % interval over dialogs.
    pub mrr_interval: Estimate,
    /// The ranker's MRR less that of frequency, paired by round, with its 95 % interval over
    /// dialogs.
    pub gain_over_frequency: Estimate,
    /// The same of three words.
    pub gain_over_three_words: Estimate,
    /// NDCG over the rounds that are annotated, with its 95 % interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ndcg: Option<Estimate>,
    /// NDCG of counting by three words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ndcg_three_words: Option<Estimate>,
    /// Candidates of each round.
    pub candidates: usize,
    /// Whether that is the number which published figures are of.
    pub is_standard: bool,
    /// Dialogs.
    pub dialogs: usize,
    /// Rounds whose true answer is known.
    pub rounds: usize,
}

/// Ranks the candidates of each round whose true answer is known. What was said before are the true
/// answers.
///
/// # Errors
/// A file that says no true answer, such as the test split, or a score that is not finite, by
/// dialog and round.
pub fn evaluate(
    ranker: &AnswerRanker,
    data: &VisDial,
    dense: Option<&Dense>,
    seed: u64,
) -> Result<Evaluation> {
    let known = data.dialogs.iter().flat_map(|dialog| &dialog.rounds);
    let rounds = known.clone().filter(|round| round.truth.is_some()).count();
    let Some(first) = known.clone().find(|round| round.truth.is_some()) else {
        let place = data.name.clone();
        let found = "no round whose true answer is known".into();
        return Err(Error::Empty {
            place,
            found,
            expected: "a split with `gt_index`, such as val",
        });
    };
    ranker.check_images(data)?;
    let candidates = first.candidates.len();
    let mut network = Vec::new();
    let mut frequency = Vec::new();
    let mut three_words = Vec::new();
    let mut gains = Vec::new();
    let mut three_gains = Vec::new();
    for (number, dialog) in data.dialogs.iter().enumerate() {
        let mut of_dialog = [const { Vec::new() }; 3];
        for (place, scores) in ranker.scores_of_dialog(data, number)? {
            let Some(truth) = dialog.rounds[place].truth else { continue };
            let rankers = [&scores.network, &scores.frequency, &scores.three_words];
            for (places, scores) in of_dialog.iter_mut().zip(rankers) {
                places.push(Placed::of(scores, truth));
            }
            if let Some(relevance) = dense.and_then(|dense| dense.of(number, place)) {
                gains.extend(ndcg(&scores.network, relevance).map(|value| (value, 1.0)));
                three_gains.extend(ndcg(&scores.three_words, relevance).map(|value| (value, 1.0)));
            }
        }
        let [of_network, of_frequency, of_three_words] = of_dialog;
        network.push(of_network);
        frequency.push(of_frequency);
        three_words.push(of_three_words);
    }
    // Of each dialog the sum over its rounds, and their number.
    let reciprocals = |places: &[Vec<Placed>]| -> Vec<(f64, f64)> {
        let sum = |dialog: &Vec<Placed>| dialog.iter().map(|placed| placed.reciprocal()).sum();
        places.iter().map(|dialog| (sum(dialog), dialog.len() as f64)).collect()
    };
    let own = reciprocals(&network);
    let gain = |other: &[Vec<Placed>]| {
        let pairs = own.iter().zip(reciprocals(other));
        let differences: Vec<_> =
            pairs.map(|((own, rounds), (other, _))| (own - other, *rounds)).collect();
        bootstrap(&differences, seed)
    };
    let annotated = |gains: &[(f64, f64)]| (!gains.is_empty()).then(|| bootstrap(gains, seed));
    Ok(Evaluation {
        ranking: Ranking::of(network.iter().flatten()),
        mrr_frequency: Ranking::of(frequency.iter().flatten()).mrr,
        mrr_three_words: Ranking::of(three_words.iter().flatten()).mrr,
        mrr_interval: bootstrap(&own, seed),
        gain_over_frequency: gain(&frequency),
        gain_over_three_words: gain(&three_words),
        ndcg: annotated(&gains),
        ndcg_three_words: annotated(&three_gains),
        candidates,
        is_standard: candidates == CANDIDATES,
        dialogs: data.dialogs.len(),
        rounds,
    })
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ranking, candidates, dialogs, rounds, .. } = self;
        let Ranking { mrr, r1, r5, r10, mean_rank } = ranking;
        let Estimate { low, high, .. } = self.mrr_interval;
        let mut line = |name: &str, value: f64, more: String| {
            writeln!(f, "{:<32} {value:.4}{more}", format!("{name} of {candidates}"))
        };
        line("MRR", *mrr, format!("  ({low:.4} to {high:.4})"))?;
        for (name, value) in [("R@1", r1), ("R@5", r5), ("R@10", r10), ("mean rank", mean_rank)] {
            line(name, *value, String::new())?;
        }
        let gains = [
            ("MRR by frequency", self.mrr_frequency, self.gain_over_frequency),
            ("MRR by first three words", self.mrr_three_words, self.gain_over_three_words),
        ];
        for (name, value, Estimate { mean, low, high }) in gains {
            line(name, value, format!("  gain {mean:+.4} ({low:+.4} to {high:+.4})"))?;
        }
        for (name, gain) in
            [("NDCG", self.ndcg), ("NDCG by first three words", self.ndcg_three_words)]
        {
            if let Some(Estimate { mean, low, high }) = gain {
                line(name, mean, format!("  ({low:.4} to {high:.4})"))?;
            }
        }
        if !self.is_standard {
            writeln!(
                f,
                "not comparable: {candidates} candidates a round, published figures are of {CANDIDATES}"
            )?;
        }
        write!(
            f,
            "{:<32} {dialogs} dialogs, {rounds} rounds; intervals of 95 % by bootstrap over dialogs",
            "measured on"
        )
    }
}
