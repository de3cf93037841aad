//! The file that VisDial's challenge takes: the rank of every candidate of every round that is
//! asked.

use crate::data::VisDial;
use crate::{AnswerRanker, Result};
use serde::Serialize;

/// The ranks of one round's candidates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RankedRound {
    /// The image that the dialog is about.
    pub image_id: u64,
    /// The round, from 1.
    pub round_id: usize,
    /// The rank of each candidate, in the order in which the file has them: each of 1 to their
    /// number once.
    pub ranks: Vec<usize>,
}

/// Ranks the candidates of each round that has some: every round of a training or validation split,
/// the last one of each dialog of the test split, whose true answers nobody is told. What was said
/// before are the true answers. Of equal scores the earlier candidate comes first, as each rank may
/// be given once only.
///
/// # Errors
/// A score that is not finite, by dialog and round.
pub fn submission(ranker: &AnswerRanker, data: &VisDial) -> Result<Vec<RankedRound>> {
    ranker.check_images(data)?;
    let mut rounds = Vec::new();
    for number in 0..data.dialogs.len() {
        for (place, scores) in ranker.scores_of_dialog(data, number)? {
            let image_id = data.dialogs[number].image_id;
            rounds.push(RankedRound {
                image_id,
                round_id: place + 1,
                ranks: ranks(&scores.network),
            });
        }
    }
    Ok(rounds)
}

/// The rank of each score, 1 for the highest.
fn ranks(scores: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut ranks = vec![0; scores.len()];
    for (place, candidate) in order.into_iter().enumerate() {
        ranks[candidate] = place + 1;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::ranks;

    #[test]
    fn each_rank_is_given_once_and_equal_scores_keep_their_order() {
        assert_eq!(ranks(&[0.5, 2.0, -1.0, 2.0, 0.5]), [3, 1, 5, 2, 4]);
    }
}
