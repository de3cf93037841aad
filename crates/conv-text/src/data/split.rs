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
    /// The examples at these positions of `from`, ascending.
    fn of(self, from: &[u32]) -> Self {
        let pick = |positions: Vec<u32>| {
            positions.into_iter().map(|position| from[position as usize]).collect()
        };
        Self { train: pick(self.train), dev: pick(self.dev), test: pick(self.test) }
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
    deal(shuffled(n, seed, "folds"), k)
}

fn deal(order: Vec<u32>, k: usize) -> Result<Vec<u8>> {
    let n = order.len();
    let Some(k) = u8::try_from(k).ok().filter(|&k| k >= 2 && usize::from(k) <= n) else {
        return Err(Error::Split {
            found: format!("{k} folds of {n} examples"),
            expected: "2 to 255 folds, and an example for each".into(),
        });
    };
    let mut folds = vec![0; n];
    for (index, fold) in order.into_iter().zip((0..k).cycle()) {
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
    let (test, rest) = parts(&folds(n, k, seed)?, k, round)?;
    let order = shuffled(rest.len(), seed, &format!("dev of round {round}"));
    Ok(Split { test, ..draw(order, 0.1, 0.0)?.of(&rest) })
}

/// The same for examples of these `classes`, each of which is spread evenly over folds and dev
/// part.
///
/// # Errors
/// As [`cross_validation`].
pub fn stratified_cross_validation(
    classes: &[u32],
    k: usize,
    round: usize,
    seed: u64,
) -> Result<Split> {
    let (test, rest) = parts(&deal(by_class(classes, seed, "folds"), k)?, k, round)?;
    let rest_classes: Vec<u32> = rest.iter().map(|&index| classes[index as usize]).collect();
    let order = by_class(&rest_classes, seed, &format!("dev of round {round}"));
    Ok(Split { test, ..spread(order, 0.1)?.of(&rest) })
}

/// The examples of fold `round`, and the others.
fn parts(folds: &[u8], k: usize, round: usize) -> Result<(Vec<u32>, Vec<u32>)> {
    if round >= k {
        return Err(Error::Split {
            found: format!("round {round}"),
            expected: format!("0 to {}", k - 1),
        });
    }
    let tested = |&index: &u32| usize::from(folds[index as usize]) == round;
    Ok((0..folds.len() as u32).partition(tested))
}

/// A random draw of the shares `dev` and `test` out of `n` examples; the rest trains.
///
/// # Errors
/// [`Error::Split`] unless both shares are at least 0 and leave something to train on.
pub fn holdout(n: usize, dev: f64, test: f64, seed: u64) -> Result<Split> {
    draw(shuffled(n, seed, "holdout"), dev, test)
}

/// A random draw of the share `dev` out of the examples of each of `classes`; the rest trains.
///
/// # Errors
/// As [`holdout`].
pub fn stratified_holdout(classes: &[u32], dev: f64, seed: u64) -> Result<Split> {
    spread(by_class(classes, seed, "holdout"), dev)
}

/// Those for dev are taken from `order` at even distances.
fn spread(order: Vec<u32>, dev: f64) -> Result<Split> {
    let before = |at: usize| (dev * at as f64).round();
    let taken = |at: usize| before(at + 1) > before(at);
    let (held, kept): (Vec<_>, Vec<_>) = (0..).zip(&order).partition(|&(at, _)| taken(at));
    let order: Vec<u32> = kept.into_iter().chain(held).map(|(_, &index)| index).collect();
    draw(order, dev, 0.0)
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
    let test = take(number(test));
    let dev = take(number(dev));
    order.sort_unstable();
    Ok(Split { train: order, dev, test })
}

/// The examples of the first class in random order, then those of the second, and so on.
fn by_class(classes: &[u32], seed: u64, purpose: &str) -> Vec<u32> {
    let mut order = shuffled(classes.len(), seed, purpose);
    order.sort_by_key(|&index| classes[index as usize]);
    order
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
    fn every_class_is_spread_evenly() {
        // 40, 16 and 4 examples, one class after the other.
        let classes: Vec<u32> = [vec![0; 40], vec![1; 16], vec![2; 4]].concat();
        let count = |part: &[u32], class: u32| {
            part.iter().filter(|&&index| classes[index as usize] == class).count()
        };
        for seed in 0..20 {
            let drawn = stratified_holdout(&classes, 0.25, seed).unwrap();
            assert_eq!([0, 1, 2].map(|class| count(&drawn.dev, class)), [10, 4, 1]);
            assert_eq!((drawn.train.len(), drawn.dev.len()), (45, 15));
            let mut tested = Vec::new();
            for round in 0..4 {
                let split = stratified_cross_validation(&classes, 4, round, seed).unwrap();
                assert_eq!([0, 1, 2].map(|class| count(&split.test, class)), [10, 4, 1]);
                assert_eq!(split.dev.len(), 5);
                assert!((3..=4).contains(&count(&split.dev, 0)));
                tested.extend_from_slice(&split.test);
                let mut all = [split.train, split.dev, split.test].concat();
                all.sort_unstable();
                assert_eq!(all, (0..60).collect::<Vec<_>>());
            }
            tested.sort_unstable();
            assert_eq!(tested, (0..60).collect::<Vec<_>>());
        }
        let again = |seed| stratified_holdout(&classes, 0.25, seed).unwrap();
        assert_eq!(again(1), again(1));
        assert_ne!(again(1), again(2));
        assert!(stratified_cross_validation(&classes, 0, 0, 1).is_err());
        assert!(stratified_holdout(&classes, f64::NAN, 1).is_err());
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
