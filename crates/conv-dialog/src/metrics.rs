//! How well answers are ranked: mean reciprocal rank, recall at k, mean rank and NDCG, as VisDial's
//! challenge has them.
//!
//! There a tie is broken by the order in which candidates happen to stand. Here equal scores get
//! the mean over their places: a scorer that says the same of each of 100 candidates earns chance,
//! an MRR of .0519, wherever the true one stands.

use serde::Serialize;

/// Where the true answer came among its candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Candidates with a higher score.
    pub better: usize,
    /// Candidates with the same score, itself included.
    pub equal: usize,
}

impl Placed {
    /// The place of candidate `truth` under finite `scores`.
    ///
    /// # Panics
    /// No such candidate.
    pub fn of(scores: &[f32], truth: usize) -> Self {
        let own = scores[truth];
        let count = |is: &dyn Fn(f32) -> bool| scores.iter().filter(|&&score| is(score)).count();
        Self { better: count(&|score| score > own), equal: count(&|score| score == own) }
    }

    fn places(self) -> impl Iterator<Item = f64> {
        (self.better + 1..=self.better + self.equal).map(|place| place as f64)
    }

    /// 1/rank; of equal scores its mean.
    pub fn reciprocal(self) -> f64 {
        self.places().map(f64::recip).sum::<f64>() / self.equal as f64
    }

    /// Whether it is among the first `k`, 0 or 1; of equal scores the share of their places that
    /// are.
    pub fn within(self, k: usize) -> f64 {
        k.saturating_sub(self.better).min(self.equal) as f64 / self.equal as f64
    }

    /// The rank, from 1; of equal scores the mean.
    pub fn rank(self) -> f64 {
        self.better as f64 + (self.equal + 1) as f64 / 2.0
    }
}

/// Normalised discounted cumulative gain of one round: of the first k places, k being how many
/// candidates are relevant at all. `None` where none is.
pub fn ndcg(scores: &[f32], relevance: &[f32]) -> Option<f64> {
    let k = relevance.iter().filter(|&&value| value > 0.0).count();
    let discount = |place: usize| if place < k { 1.0 / ((place + 2) as f64).log2() } else { 0.0 };
    let gain = |(score, relevance): (&f32, &f32)| {
        let better = scores.iter().filter(|other| *other > score).count();
        let equal = scores.iter().filter(|other| *other == score).count();
        let mean = (better..better + equal).map(discount).sum::<f64>() / equal as f64;
        f64::from(*relevance) * mean
    };
    let gained: f64 = scores.iter().zip(relevance).map(gain).sum();
    let mut ideal: Vec<f32> = relevance.to_vec();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let most: f64 =
        ideal.iter().enumerate().map(|(place, &value)| f64::from(value) * discount(place)).sum();
    (k > 0).then(|| gained / most)
}

/// Figures over rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ranking {
    /// Mean reciprocal rank.
    pub mrr: f64,
    /// Share of true answers in the first place.
    pub r1: f64,
    /// In the first five.
    pub r5: f64,
    /// In the first ten.
    pub r10: f64,
    /// Mean rank.
    pub mean_rank: f64,
}

impl Ranking {
    /// Of the rounds' places; zeros of none.
    pub fn of<'a>(rounds: impl IntoIterator<Item = &'a Placed>) -> Self {
        let rounds: Vec<Placed> = rounds.into_iter().copied().collect();
        let mean = |figure: &dyn Fn(Placed) -> f64| {
            rounds.iter().map(|&placed| figure(placed)).sum::<f64>() / rounds.len().max(1) as f64
        };
        Self {
            mrr: mean(&Placed::reciprocal),
            r1: mean(&|placed| placed.within(1)),
            r5: mean(&|placed| placed.within(5)),
            r10: mean(&|placed| placed.within(10)),
            mean_rank: mean(&Placed::rank),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_scorer_earns_chance_wherever_the_truth_stands() {
        for truth in [0, 50, 99] {
            let ranking = Ranking::of(&[Placed::of(&[0.5; 100], truth)]);
            assert!((ranking.mrr - 0.0519).abs() < 1e-4, "{ranking:?}");
            assert_eq!((ranking.r1, ranking.r10, ranking.mean_rank), (0.01, 0.1, 50.5));
        }
        // Of a constant scorer each place is as likely: the mean discount of the first two, of five
        // places.
        let expected = (1.0 + 1.0 / 3f64.log2()) / 5.0 * 1.5 / (1.0 + 0.5 / 3f64.log2());
        let found = ndcg(&[1.0; 5], &[0.0, 1.0, 0.0, 0.5, 0.0]).unwrap_or_default();
        assert!((found - expected).abs() < 1e-12);
        assert_eq!(ndcg(&[1.0; 2], &[0.0; 2]), None);
    }
}
