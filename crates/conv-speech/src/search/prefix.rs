//! What CTC says of texts that begin with some letters.

use super::log_add;

/// Alignments of a prefix, for every step the sum of those up to it that say the prefix and no more
/// (Watanabe et al. 2017, algorithm 2).
#[derive(Debug, Clone)]
pub(crate) struct Prefix {
    /// Those that end with a blank, and those that end with the last class, in nats; before the
    /// first step and behind each.
    ends: Vec<[f64; 2]>,
    /// The last class; 0 of the empty prefix.
    last: u32,
}

impl Prefix {
    /// The empty one, of logarithms of the classes' probabilities, a row a step.
    pub fn empty(posteriors: &[Vec<f64>]) -> Self {
        let mut sum = 0.0;
        let blanks = posteriors.iter().map(|row| {
            sum += row[0];
            [sum, f64::NEG_INFINITY]
        });
        Self { ends: std::iter::once([0.0, f64::NEG_INFINITY]).chain(blanks).collect(), last: 0 }
    }

    /// The prefix with one class more, and the logarithm of the probability of all texts that begin
    /// so.
    pub fn with(&self, class: u32, posteriors: &[Vec<f64>]) -> (Self, f64) {
        const NONE: f64 = f64::NEG_INFINITY;
        let mut ends = vec![[NONE; 2]];
        let mut all = NONE;
        let [mut blank, mut said] = [NONE; 2];
        for (row, before) in posteriors.iter().zip(&self.ends) {
            // Where the class comes anew: the same one twice needs a blank between.
            let fresh = if class == self.last { before[0] } else { log_add(before[0], before[1]) };
            let here = row[class as usize];
            all = log_add(all, fresh + here);
            (blank, said) = (log_add(blank, said) + row[0], log_add(said, fresh) + here);
            ends.push([blank, said]);
        }
        (Self { ends, last: class }, all)
    }

    /// The logarithm of the probability of the prefix as a whole text.
    pub fn ended(&self) -> f64 {
        self.ends.last().map_or(0.0, |[blank, said]| log_add(*blank, *said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::tests::posteriors;

    /// All paths that say something which begins with a prefix, or is it.
    fn enumerated(posteriors: &[Vec<f64>], prefix: &[u32], is_whole: bool) -> f64 {
        let classes = posteriors[0].len();
        let mut sum = 0.0;
        for path in 0..classes.pow(posteriors.len() as u32) {
            let mut rest = path;
            let mut said = Vec::new();
            let mut last = 0;
            let mut share = 1.0;
            for row in posteriors {
                let class = (rest % classes) as u32;
                rest /= classes;
                share *= row[class as usize];
                if class != 0 && class != last {
                    said.push(class);
                }
                last = class;
            }
            if if is_whole { said == prefix } else { said.starts_with(prefix) } {
                sum += share;
            }
        }
        f64::ln(sum)
    }

    #[test]
    fn the_sums_are_those_of_enumeration() {
        for seed in 0..10 {
            // Rows that are 1 together in f64 too.
            let row = |row: &Vec<f32>| {
                let sum: f64 = row.iter().map(|&share| f64::from(share)).sum();
                row.iter().map(|&share| f64::from(share) / sum).collect::<Vec<f64>>()
            };
            let shares: Vec<Vec<f64>> = posteriors(5, 3, seed).iter().map(row).collect();
            let log = |row: &Vec<f64>| row.iter().map(|share| share.ln()).collect();
            let logs: Vec<Vec<f64>> = shares.iter().map(log).collect();
            let empty = Prefix::empty(&logs);
            assert!((empty.ended() - enumerated(&shares, &[], true)).abs() < 1e-9);
            for text in [vec![1], vec![2, 1], vec![1, 1], vec![1, 1, 2], vec![2, 2, 2], vec![1; 4]]
            {
                let mut prefix = empty.clone();
                let mut all = 0.0;
                for &class in &text {
                    (prefix, all) = prefix.with(class, &logs);
                }
                for (found, expected) in [
                    (all, enumerated(&shares, &text, false)),
                    (prefix.ended(), enumerated(&shares, &text, true)),
                ] {
                    assert!(found == expected || (found - expected).abs() < 1e-9, "{text:?}");
                }
            }
        }
    }
}
