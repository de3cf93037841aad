//! How sure a share is: questions about one picture stand or fall together, so that pictures are drawn, not questions.

use super::Share;
use rand::Rng;
use serde::Serialize;
use std::fmt;

/// Draws of as many pictures.
const DRAWS: usize = 1000;

/// The middle 95 of 100 draws, as shares from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval(pub f64, pub f64);

impl Interval {
    /// Of shares by picture.
    pub fn of(shares: &[Share], seed: u64) -> Self {
        let mut rng = conv_nn::rng::seeded(seed, "bootstrap by picture");
        let mut draw = || {
            let drawn: Vec<_> =
                (0..shares.len()).map(|_| shares[rng.random_range(0..shares.len())]).collect();
            mean(&drawn)
        };
        let mut means: Vec<f64> =
            (0..DRAWS).map(|_| if shares.is_empty() { 0.0 } else { draw() }).collect();
        means.sort_by(f64::total_cmp);
        Self(means[DRAWS * 25 / 1000], means[DRAWS * 975 / 1000 - 1])
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.1}–{:.1}", 100.0 * self.0, 100.0 * self.1))
    }
}

/// The share of all together.
pub fn mean(shares: &[Share]) -> f64 {
    let right: usize = shares.iter().map(|share| share.right).sum();
    let all: usize = shares.iter().map(|share| share.all).sum();
    right as f64 / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_equal_shares_leave_no_doubt_and_others_do() {
        let half = vec![Share { right: 5, all: 10 }; 40];
        assert_eq!(Interval::of(&half, 1), Interval(0.5, 0.5));
        let mixed: Vec<_> = (0..100).map(|at| Share { right: 10 * (at % 2), all: 10 }).collect();
        let Interval(low, high) = Interval::of(&mixed, 1);
        // ± 1.96 · √(0.25 / 100)
        assert!((0.38..0.43).contains(&low) && (0.57..0.62).contains(&high), "{low} {high}");
    }
}
