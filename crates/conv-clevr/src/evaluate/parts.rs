//! Questions that have something in common.

use super::{Outcome, Share};
use conv_train::metrics::{Estimate, bootstrap};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// A part of the questions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Part {
    /// How many there are.
    pub questions: usize,
    /// The share that is answered rightly, 0 to 1; a refusal counts as wrong.
    pub accuracy: f64,
    /// Where it lies by 95 of 100 draws of as many pictures of these questions.
    pub interval: [f64; 2],
}

/// Parts by what `key` says of a question; those of which it says nothing are left out.
pub(super) fn parts<K: Ord + Send>(
    outcomes: &[Outcome],
    key: impl Fn(&Outcome) -> Option<K>,
    seed: u64,
) -> BTreeMap<K, Part> {
    let mut shares: BTreeMap<K, BTreeMap<&str, Share>> = BTreeMap::new();
    for outcome in outcomes {
        if let Some(key) = key(outcome) {
            let of_image = shares.entry(key).or_default().entry(&outcome.image).or_default();
            of_image.add(outcome.is_right());
        }
    }
    let part = |(key, images): (K, BTreeMap<&str, Share>)| {
        let sums: Vec<(f64, f64)> =
            images.values().map(|share| (share.right as f64, share.all as f64)).collect();
        let Estimate { mean, low, high } = bootstrap(&sums, seed);
        let questions = images.values().map(|share| share.all).sum();
        (key, Part { questions, accuracy: mean, interval: [low, high] })
    };
    shares.into_par_iter().map(part).collect()
}
