//! Who trains, who is held out: folds and draws that are a function of (seed, number of examples)
//! alone.

use rand::RngCore;

use crate::error::{Error, Result};

/// Positions of examples, ascending, each in at most one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// What is learned from.
    pub train: Vec<u32>,
    /// What early stopping and every other choice look at.
    pub dev: Vec<u32>,
    /// What is only measured.
    pub test: Vec<u32>,
}

impl Split {
    /// Up to `n` of the examples `from`, drawn from the classes in turn, as train and dev at once: what a network that is
    /// set up well learns by heart.
    pub fn by_heart(classes: &[u32], from: &[u32], n: usize) -> Self {
        let mut seen = std::collections::HashMap::new();
        let mut ranked: Vec<(u32, u32)> = Vec::with_capacity(from.len());
        for &index in from {
            let rank = seen.entry(classes[index as usize]).or_insert(0u32);
            ranked.push((*rank, index));
            *rank += 1;
        }
        ranked.sort_unstable();
        let mut train: Vec<u32> = ranked.into_iter().take(n).map(|(_, index)| index).collect();
        train.sort_unstable();
        Self { dev: train.clone(), train, test: Vec::new() }
    }
}

/// The fold, 0 to k − 1, of each of `n` examples: a seeded shuffle dealt out in turn, so that the
/// folds' sizes differ by at most one.
///
/// (Kim draws each example's fold by itself, which leaves the sizes to chance.)
///
/// # Errors
/// [`Error::Split`] unless 2 ≤ k ≤ n and k ≤ 255.
pub fn folds(n: usize, k: usize, seed: u64) -> Result<Vec<u8>> {
    let Some(k) = u8::try_from(k).ok().filter(|&k| k >= 2 && usize::from(k) <= n) else {
        return Err(Error::Split {
            found: format!("{k} folds of {n} examples"),
            expected: "2 to 255 folds, and an example for each".into(),
        });
    };
    let mut folds = vec![0; n];
    for (index, fold) in shuffled(n, seed, "folds").into_iter().zip((0..k).cycle()) {
        folds[index as usize] = fold;
    }
    Ok(folds)
}

/// One round of k-fold cross-validation: the examples of fold `round` are tested, a tenth of the
/// others is drawn for dev.
///
/// # Errors
/// As [`folds`], and [`Error::Split`] for a round that is not below k.
pub fn cross_validation(n: usize, k: usize, round: usize, seed: u64) -> Result<Split> {
    let folds = folds(n, k, seed)?;
    if round >= k {
        return Err(Error::Split {
            found: format!("round {round}"),
            expected: format!("0 to {}", k - 1),
        });
    }
    let (test, rest): (Vec<u32>, Vec<u32>) =
        (0..n as u32).partition(|&index| usize::from(folds[index as usize]) == round);
    let order = shuffled(rest.len(), seed, &format!("dev of round {round}"));
    let Split { train, dev, .. } = draw(order, 0.1, 0.0)?;
    let pick = |positions: Vec<u32>| {
        positions.into_iter().map(|position| rest[position as usize]).collect()
    };
    Ok(Split { train: pick(train), dev: pick(dev), test })
}

/// A random draw of the shares `dev` and `test` out of `n` examples; the rest trains.
///
/// # Errors
/// [`Error::Split`] unless both shares are at least 0 and leave something to train on.
pub fn holdout(n: usize, dev: f64, test: f64, seed: u64) -> Result<Split> {
    draw(shuffled(n, seed, "holdout"), dev, test)
}

/// The last of `order` are tested, those before them are for dev.
fn draw(mut order: Vec<u32>, dev: f64, test: f64) -> Result<Split> {
    let n = order.len();
    let number = |share: f64| (share * n as f64).round() as usize;
    if !(dev >= 0.0 && test >= 0.0 && dev + test < 1.0 && number(dev) + number(test) < n) {
        return Err(Error::Split {
            found: format!("shares {dev} (dev) and {test} (test) of {n} examples"),
            expected: "shares of at least 0 that leave examples to train on".into(),
        });
    }
    let mut take = |number: usize| {
        let mut taken = order.split_off(order.len() - number);
        taken.sort_unstable();
        taken
    };
    let (test, dev) = (take(number(test)), take(number(dev)));
    order.sort_unstable();
    Ok(Split { train: order, dev, test })
}

/// 0 to n − 1 in the order of one random key each: the same on every platform and with every
/// version of `rand`.
fn shuffled(n: usize, seed: u64, purpose: &str) -> Vec<u32> {
    let mut rng = conv_nn::rng::seeded(seed, purpose);
    let mut keys: Vec<(u64, u32)> = (0..n as u32).map(|index| (rng.next_u64(), index)).collect();
    keys.sort_unstable();
    keys.into_iter().map(|(_, index)| index).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_example_is_tested_once_and_every_round_uses_all(n in 2usize..300, k in 2usize..12, seed: u64) {
            prop_assume!(k <= n);
            let mut tested = vec![0; n];
            for round in 0..k {
                let split = cross_validation(n, k, round, seed).unwrap();
                prop_assert_eq!(split.dev.len(), ((n - split.test.len()) as f64 * 0.1).round() as usize);
                prop_assert!(split.test.len().abs_diff(n / k) <= 1);
                split.test.iter().for_each(|&index| tested[index as usize] += 1);
                let mut all = [split.train, split.dev, split.test].concat();
                all.sort_unstable();
                prop_assert_eq!(all, (0..n as u32).collect::<Vec<_>>());
            }
            prop_assert!(tested.iter().all(|&times| times == 1));
        }
    }

    #[test]
    fn what_is_learnt_by_heart_comes_from_all_classes() {
        let split = Split::by_heart(&[0, 0, 0, 1, 1, 2], &[0, 1, 2, 3, 5], 4);
        assert_eq!((&split.train, &split.dev), (&vec![0, 1, 3, 5], &vec![0, 1, 3, 5]));
        assert_eq!(Split::by_heart(&[0, 1], &[0, 1], 9).train, [0, 1]);
    }

    #[test]
    fn folds_are_pinned_since_kept_results_rest_on_them() {
        assert_eq!(folds(12, 3, 7).unwrap(), PINNED);
        assert_ne!(folds(12, 3, 8).unwrap(), PINNED);
    }

    const PINNED: [u8; 12] = [0, 1, 0, 2, 2, 2, 1, 2, 1, 1, 0, 0];

    #[test]
    fn impossible_splits_are_refused() {
        assert!(folds(3, 4, 0).is_err());
        assert!(folds(1000, 256, 0).is_err());
        assert!(cross_validation(10, 5, 5, 0).is_err());
        assert!(holdout(10, 0.5, 0.5, 0).is_err());
        assert!(holdout(10, -0.1, 0.5, 0).is_err());
        assert!(holdout(0, 0.1, 0.0, 0).is_err());
        assert!(holdout(10, f64::NAN, 0.0, 0).is_err());
    }
}
