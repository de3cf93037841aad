//! The best of many numbers in one pass.

use std::cmp::Ordering;

/// A prefix and a word that may follow it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// The sum of the prefix and the word.
    pub score: f32,
    /// The word's own.
    pub value: f32,
    /// Which prefix, in its group.
    pub row: u32,
    pub token: u32,
}

impl Candidate {
    /// The better first. Of equals the lower row and then the lower token is the better, so that no
    /// order is left to chance.
    pub fn order(&self, other: &Self) -> Ordering {
        let places = (self.row, self.token).cmp(&(other.row, other.token));
        other.score.total_cmp(&self.score).then(places)
    }
}

/// Keeps the best `size` of what it is shown, rows and tokens in rising order. What is minus
/// infinity or no number is never kept.
pub(super) struct Top {
    size: usize,
    /// What must be surpassed.
    threshold: f32,
    kept: Vec<Candidate>,
}

impl Top {
    /// Of at least one.
    pub fn new(size: usize) -> Self {
        let size = size.max(1);
        Self { size, threshold: f32::NEG_INFINITY, kept: Vec::new() }
    }

    /// Shows the words that may follow a prefix of score `base`.
    pub fn scan(&mut self, row: u32, base: f32, values: &[f32]) {
        const CHUNK: usize = 32;
        for (i, chunk) in values.chunks(CHUNK).enumerate() {
            // Rounding never turns the order of two sums with one number around.
            if largest(chunk) + base > self.threshold {
                let tokens = (i * CHUNK) as u32..;
                for (token, value) in tokens.zip(chunk) {
                    self.show(Candidate { score: value + base, value: *value, row, token });
                }
            }
        }
    }

    fn show(&mut self, candidate: Candidate) {
        if candidate.score > self.threshold {
            self.kept.push(candidate);
            // Half of it goes each time: linear in what is shown.
            if self.kept.len() == 2 * self.size {
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        if self.kept.len() > self.size {
            self.kept.select_nth_unstable_by(self.size - 1, Candidate::order);
            self.kept.truncate(self.size);
            self.threshold = self.kept[self.size - 1].score;
        }
    }

    /// The best, in their order.
    pub fn finish(mut self) -> Vec<Candidate> {
        self.cut();
        self.kept.sort_unstable_by(Candidate::order);
        self.kept
    }
}

/// The largest that is a number, or minus infinity.
fn largest(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder().iter().copied();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = if *value > *lane { *value } else { *lane };
        }
    }
    lanes.into_iter().chain(rest).fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::FileFailurePersistence::Off;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: Some(Box::new(Off)), ..Default::default() })]
        #[test]
        fn it_keeps_what_sorting_keeps(
            // Few different numbers: many ties.
            rows in prop::collection::vec((-4i8..4, prop::collection::vec(-8i8..8, 1..200)), 1..5),
            size in 1..20usize,
        ) {
            let mut top = Top::new(size);
            let mut all = Vec::new();
            for (row, (base, values)) in (0u32..).zip(&rows) {
                let base = f32::from(*base);
                let values: Vec<f32> = values.iter().map(|v| match v {
                    -8 => f32::NEG_INFINITY,
                    -7 => f32::NAN,
                    v => f32::from(*v),
                }).collect();
                top.scan(row, base, &values);
                let of_row = (0u32..).zip(values).filter(|(_, value)| *value >= -6.0);
                all.extend(of_row.map(|(token, value)| Candidate { score: base + value, value, row, token }));
            }
            all.sort_by(Candidate::order);
            all.truncate(size);
            prop_assert_eq!(top.finish(), all);
        }
    }
}
