//! How sure a mean is (Efron 1979).

use conv_nn::rng::seeded;
use rand::Rng;
use serde::Serialize;

/// A mean and where it lies with 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The 2.5th percentile over the samples.
    pub low: f64,
    /// The 97.5th.
    pub high: f64,
}

/// Samples that an estimate is of.
const SAMPLES: usize = 10_000;

/// The mean of values that come in groups, which are drawn anew as wholes: questions about one
/// picture, or rounds of one dialog, stand or fall together. A group is the sum of its values and
/// their number. What is paired, such as two networks' answers to the same questions, is given as
/// differences. Without a value the mean is 0.
///
/// ```
/// use conv_train::metrics::bootstrap;
/// let found = bootstrap(&[(0.4, 2.0), (0.2, 2.0)], 1);
/// assert!((found.mean - 0.15).abs() < 1e-12);
/// assert!(found.low <= found.mean && found.mean <= found.high);
/// ```
pub fn bootstrap(groups: &[(f64, f64)], seed: u64) -> Estimate {
    let mean = |chosen: &mut dyn Iterator<Item = (f64, f64)>| {
        let (sum, count) = chosen.fold((0.0, 0.0), |(a, b), (sum, count)| (a + sum, b + count));
        if count > 0.0 { sum / count } else { 0.0 }
    };
    let mut rng = seeded(seed, "bootstrap");
    let mut means: Vec<f64> = (0..SAMPLES)
        .map(|_| mean(&mut (0..groups.len()).map(|_| groups[rng.random_range(0..groups.len())])))
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[((SAMPLES - 1) as f64 * share).round() as usize];
    Estimate { mean: mean(&mut groups.iter().copied()), low: at(0.025), high: at(0.975) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_groups_leave_no_doubt_and_others_do() {
        let Estimate { mean, low, high } = bootstrap(&[(2.5, 10.0); 7], 1);
        assert_eq!([mean, low, high], [0.25; 3]);
        let wide = bootstrap(&[(0.0, 10.0), (10.0, 10.0)], 1);
        assert_eq!([wide.low, wide.mean, wide.high], [0.0, 0.5, 1.0]);
        let mixed: Vec<_> = (0..100).map(|at| (f64::from(10 * (at % 2)), 10.0)).collect();
        let Estimate { low, high, .. } = bootstrap(&mixed, 1);
        // ± 1.96 · √(0.25 / 100)
        assert!((0.38..0.43).contains(&low) && (0.57..0.62).contains(&high), "{low} {high}");
        assert_eq!(bootstrap(&[], 1), Estimate { mean: 0.0, low: 0.0, high: 0.0 });
    }
}
