//! How good predictions are: accuracy, precision, recall and F1 by class, the confusion matrix,
//! P@k/R@k, and how sure a mean is.

mod bootstrap;

pub use bootstrap::{Estimate, bootstrap};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// How often each class was taken for each: rows are the true classes, columns the predicted ones.
///
/// Where a figure would be 0/0 (a class that never occurs, or is never predicted) it is 0, and a
/// class that is in neither truth nor predictions is no part of the mean over classes: both as in
/// scikit-learn.
///
/// ```
/// use conv_train::metrics::Confusion;
/// let mut confusion = Confusion::new(2);
/// for (truth, predicted) in [(0, 0), (0, 1), (1, 1), (1, 1)] {
///     confusion.add(truth, predicted);
/// }
/// assert_eq!(confusion.accuracy(), 0.75);
/// assert_eq!(confusion.class(1).recall, 1.0);
/// ```
///
/// Only what occurred is kept, so that memory and files grow with the examples, not with the square
/// of the classes. As JSON it is the matrix, `{"counts": [[…], …]}`, of 50 classes at most, and of
/// more `{"entries": [[truth, predicted, count], …]}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    /// Of each true class: what it was taken for, and how often.
    rows: Vec<BTreeMap<usize, u64>>,
}

impl Serialize for Confusion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        if self.rows.len() <= Self::MATRIX {
            let row = |row| (0..self.rows.len()).map(|class| self.count(row, class)).collect();
            let matrix: Vec<Vec<u64>> = (0..self.rows.len()).map(row).collect();
            map.serialize_entry("counts", &matrix)?;
        } else {
            map.serialize_entry("entries", &self.entries().collect::<Vec<_>>())?;
        }
        map.end()
    }
}

/// One class against all others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassScore {
    /// Of the examples predicted as it, the share that are.
    pub precision: f64,
    /// Of its examples, the share predicted as it.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
    /// How many examples it has.
    pub support: u64,
}

impl ClassScore {
    fn new(right: u64, support: u64, predicted: u64) -> Self {
        Self {
            precision: ratio(right, predicted),
            recall: ratio(right, support),
            f1: ratio(2 * right, support + predicted),
            support,
        }
    }
}

impl Confusion {
    /// No predictions yet, of `classes` classes.
    pub fn new(classes: usize) -> Self {
        Self { rows: vec![BTreeMap::new(); classes] }
    }

    /// Classes of which a matrix is still read at a glance.
    pub const MATRIX: usize = 50;

    /// Counts one prediction.
    ///
    /// # Panics
    /// A class number that is not below the number of classes.
    pub fn add(&mut self, truth: usize, predicted: usize) {
        assert!(predicted < self.rows.len(), "class {predicted} of {}", self.rows.len());
        *self.rows[truth].entry(predicted).or_default() += 1;
    }

    /// How often the class `truth` was taken for `predicted`.
    ///
    /// # Panics
    /// A true class that is not below the number of classes.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.rows[truth].get(&predicted).copied().unwrap_or_default()
    }

    /// What occurred, in order: the true class, the predicted one, how often.
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize, u64)> + '_ {
        let row = |(truth, row): (usize, &'_ BTreeMap<usize, u64>)| {
            row.iter()
                .map(move |(&predicted, &count)| (truth, predicted, count))
                .collect::<Vec<_>>()
        };
        self.rows.iter().enumerate().flat_map(row)
    }

    /// The entries that are mistakes, the most frequent first.
    pub fn mistakes(&self) -> Vec<(usize, usize, u64)> {
        let mut pairs: Vec<_> = self.entries().filter(|(truth, other, _)| truth != other).collect();
        pairs.sort_by_key(|&(truth, predicted, count)| (Reverse(count), truth, predicted));
        pairs
    }

    /// How many predictions were counted.
    pub fn total(&self) -> u64 {
        self.entries().map(|(.., count)| count).sum()
    }

    /// The share of right predictions. Where each example has one class, this is micro-averaged
    /// precision, recall and F1 too.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.rows.len()).map(|class| self.count(class, class)).sum();
        ratio(right, self.total())
    }

    /// The scores of one class.
    ///
    /// # Panics
    /// A class number that is not below the number of classes.
    pub fn class(&self, class: usize) -> ClassScore {
        let support = self.rows[class].values().sum();
        let predicted = (0..self.rows.len()).map(|truth| self.count(truth, class)).sum();
        ClassScore::new(self.count(class, class), support, predicted)
    }

    /// The scores of all classes, in order, read in one pass.
    pub fn classes(&self) -> Vec<ClassScore> {
        let mut predicted = vec![0; self.rows.len()];
        self.entries().for_each(|(_, class, count)| predicted[class] += count);
        let score = |(class, row): (usize, &BTreeMap<usize, u64>)| {
            ClassScore::new(self.count(class, class), row.values().sum(), predicted[class])
        };
        self.rows.iter().enumerate().map(score).collect()
    }

    /// The unweighted mean of the F1 of those classes that occur, in truth or prediction.
    pub fn macro_f1(&self) -> f64 {
        let mut occurs = vec![false; self.rows.len()];
        for (truth, predicted, _) in self.entries() {
            (occurs[truth], occurs[predicted]) = (true, true);
        }
        let scores = self.classes().into_iter().zip(occurs);
        let scores: Vec<f64> =
            scores.filter(|(_, occurs)| *occurs).map(|(score, _)| score.f1).collect();
        scores.iter().sum::<f64>() / scores.len().max(1) as f64
    }

    /// F1 over all decisions together, which is the accuracy where each example has one class.
    pub fn micro_f1(&self) -> f64 {
        self.accuracy()
    }
}

/// Classes by falling probability; of equal ones the first comes first.
///
/// ```
/// assert_eq!(conv_train::metrics::ranking(&[0.2, 0.4, 0.4]), [1, 2, 0]);
/// ```
pub fn ranking(probabilities: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    order
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Precision and recall of each example's first k predictions, over all examples together, as
/// fastText's `test` prints them (P@k, R@k).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct AtK {
    right: u64,
    predicted: u64,
    expected: u64,
}

impl AtK {
    /// Counts one example: its predictions, best first and already cut at k, and all its true
    /// labels.
    ///
    /// ```
    /// let mut at_2 = conv_train::metrics::AtK::default();
    /// at_2.add(&["sport", "news"], &["news"]);
    /// assert_eq!((at_2.precision(), at_2.recall()), (0.5, 1.0));
    /// ```
    pub fn add<T: PartialEq>(&mut self, predicted: &[T], truth: &[T]) {
        self.right += predicted.iter().filter(|label| truth.contains(label)).count() as u64;
        self.predicted += predicted.len() as u64;
        self.expected += truth.len() as u64;
    }

    /// Of the labels predicted, the share that are true.
    pub fn precision(&self) -> f64 {
        ratio(self.right, self.predicted)
    }

    /// Of the true labels, the share that were predicted.
    pub fn recall(&self) -> f64 {
        ratio(self.right, self.expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confusion(counts: [[u64; 3]; 3]) -> Confusion {
        let row = |row: [u64; 3]| (0..).zip(row).filter(|(_, count)| *count > 0).collect();
        Confusion { rows: counts.map(row).into() }
    }

    #[test]
    fn scores_are_those_worked_out_by_hand() {
        let confusion = confusion([[5, 1, 0], [2, 3, 1], [0, 0, 8]]);
        assert_eq!(confusion.total(), 20);
        assert_eq!(serde_json::json!(confusion)["counts"][1], serde_json::json!([2, 3, 1]));
        assert_eq!(confusion.mistakes(), [(1, 0, 2), (0, 1, 1), (1, 2, 1)]);
        assert_eq!(confusion.accuracy(), 16.0 / 20.0);
        let score = confusion.class(1);
        assert_eq!((score.precision, score.recall, score.support), (3.0 / 4.0, 3.0 / 6.0, 6));
        assert!((score.f1 - 0.6).abs() < 1e-15);
        let f1 = [10.0 / 13.0, 0.6, 16.0 / 17.0];
        assert!((confusion.macro_f1() - f1.iter().sum::<f64>() / 3.0).abs() < 1e-15);
    }

    #[test]
    fn a_class_that_never_occurs_scores_nought_and_not_nan() {
        let confusion = confusion([[4, 0, 0], [0, 0, 0], [0, 1, 0]]);
        for class in [1, 2] {
            let score = confusion.class(class);
            assert_eq!((score.precision, score.recall, score.f1), (0.0, 0.0, 0.0));
        }
        assert_eq!(Confusion::new(0).macro_f1(), 0.0);
        assert_eq!(Confusion::new(2).accuracy(), 0.0);
    }

    #[test]
    fn a_class_in_neither_truth_nor_predictions_is_no_part_of_the_mean() {
        // F1 of 2·2/(2+3) and 2·1/(2+1), and nothing of the third class.
        let absent = confusion([[2, 0, 0], [1, 1, 0], [0, 0, 0]]);
        assert!((absent.macro_f1() - (0.8 + 2.0 / 3.0) / 2.0).abs() < 1e-15);
        // Only predicted, or only true: 0, and part of it.
        let missed = confusion([[4, 0, 0], [0, 0, 0], [0, 1, 0]]);
        assert!((missed.macro_f1() - 1.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn several_labels_an_example_are_counted_one_by_one() {
        let mut at_2 = AtK::default();
        at_2.add(&[1, 2], &[2, 3, 4]);
        at_2.add(&[5], &[5]);
        assert_eq!((at_2.precision(), at_2.recall()), (2.0 / 3.0, 2.0 / 4.0));
    }
}
