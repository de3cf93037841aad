//! How well a classifier does on labelled examples, and where to put a class's threshold.

use crate::{Classifier, Error, Result};
use conv_hub::InvalidField;
use conv_text::data::Corpus;
use conv_train::metrics::{AtK, ClassScore, Confusion, ranking};
use serde::Serialize;
use std::fmt;

/// The figures of one evaluation. Its `Display` is a table for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// How many examples were measured.
    pub examples: u64,
    /// The share whose most probable class is the true one.
    pub accuracy: f64,
    /// The unweighted mean of the classes' F1.
    pub macro_f1: f64,
    /// Mean of −ln p(true class), in nats, over the examples whose class the network knows; NaN,
    /// `null` in JSON, of none.
    pub cross_entropy: f64,
    /// k of the two figures below.
    pub k: usize,
    /// P@k: of the k most probable classes of every example, the share that is true.
    pub precision_at_k: f64,
    /// R@k: the share of examples whose true class is among the k most probable.
    pub recall_at_k: f64,
    /// The classes' names.
    pub labels: Vec<String>,
    /// Precision, recall, F1 and examples of each class.
    pub classes: Vec<ClassScore>,
    /// How often each class was taken for each.
    pub confusion: Confusion,
}

/// An evaluation under way: takes one prediction after the other and keeps none.
#[derive(Debug, Clone)]
pub struct Tally {
    labels: Vec<String>,
    k: usize,
    confusion: Confusion,
    at_k: AtK,
    surprise: f64,
    /// Examples whose class the network knows.
    known: u64,
}

impl Tally {
    /// Nothing measured yet.
    pub fn new(labels: &[String], k: usize) -> Self {
        let confusion = Confusion::new(labels.len());
        let labels = labels.to_vec();
        let at_k = AtK::default();
        Self { labels, k, confusion, at_k, surprise: 0.0, known: 0 }
    }

    /// Counts an example of `class` to which the network gave `probabilities`. One of a class
    /// behind those that the network knows is an error; its probability, 0, is no part of the
    /// cross-entropy.
    ///
    /// # Panics
    /// A class that is not among the labels.
    pub fn add(&mut self, class: usize, probabilities: &[f64]) {
        let mut ranked = ranking(probabilities);
        self.confusion.add(class, ranked[0]);
        ranked.truncate(self.k);
        self.at_k.add(&ranked, &[class]);
        if let Some(probability) = probabilities.get(class) {
            self.surprise -= probability.max(f64::MIN_POSITIVE).ln();
            self.known += 1;
        }
    }

    /// The figures of all that was counted.
    pub fn finish(self) -> Evaluation {
        let Self { labels, k, confusion, at_k, surprise, known } = self;
        Evaluation {
            examples: confusion.total(),
            accuracy: confusion.accuracy(),
            macro_f1: confusion.macro_f1(),
            cross_entropy: surprise / known as f64,
            k,
            precision_at_k: at_k.precision(),
            recall_at_k: at_k.recall(),
            classes: confusion.classes(),
            labels,
            confusion,
        }
    }
}

/// Classifies every example of `corpus` and counts; classes are matched by name. An example of a
/// class that the model does not have counts as an error, and its class is listed behind the
/// model's.
///
/// # Errors
/// Those of [`Classifier::predict_batch`].
pub fn evaluate(classifier: &Classifier, corpus: &Corpus, k: usize) -> Result<Evaluation> {
    let mut tally = Tally::new(&names(classifier, corpus), k);
    each(classifier, corpus, |class, probabilities| tally.add(class, probabilities))?;
    Ok(tally.finish())
}

/// The probability from which on a class is best chosen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Threshold {
    /// The class.
    pub label: String,
    /// Choose the class where its probability is at least this.
    pub threshold: f64,
    /// Of the examples so chosen, the share that are of the class.
    pub precision: f64,
    /// Of the examples of the class, the share that are chosen.
    pub recall: f64,
    /// The harmonic mean of the two: no other threshold has a higher one.
    pub f1: f64,
}

/// The threshold for the class `label` with the best F1 on `corpus`, among all there are.
///
/// # Errors
/// A class that the model does not have, or of which the corpus has no example.
pub fn best_threshold(classifier: &Classifier, corpus: &Corpus, label: &str) -> Result<Threshold> {
    let class = position(classifier.labels(), label)?;
    let mut scores = Vec::with_capacity(corpus.examples().len());
    each(classifier, corpus, |truth, probabilities| {
        scores.push((probabilities[class], truth == class));
    })?;
    Ok(best_f1(label, scores).ok_or_else(|| conv_text::Error::Corpus {
        found: format!("no example of the class {label:?}"),
        expected: "at least one to find its threshold",
    })?)
}

/// A threshold matters only where it lies between two scores, so each score is tried once; of
/// equally good thresholds the highest wins.
fn best_f1(label: &str, mut scores: Vec<(f64, bool)>) -> Option<Threshold> {
    scores.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positive = scores.iter().filter(|(_, is)| *is).count();
    let (mut best, mut right): (Option<Threshold>, usize) = (None, 0);
    for (at, &(threshold, is)) in scores.iter().enumerate() {
        right += usize::from(is);
        if right == 0 || scores.get(at + 1).is_some_and(|next| next.0 == threshold) {
            continue;
        }
        let chosen = at + 1;
        let f1 = 2.0 * right as f64 / (chosen + positive) as f64;
        if best.as_ref().is_none_or(|best| f1 > best.f1) {
            best = Some(Threshold {
                label: label.into(),
                threshold,
                precision: right as f64 / chosen as f64,
                recall: right as f64 / positive as f64,
                f1,
            });
        }
    }
    best
}

/// The model's classes, and behind them those of the corpus that it does not have.
fn names(classifier: &Classifier, corpus: &Corpus) -> Vec<String> {
    let known = classifier.labels();
    let others = corpus.labels().iter().filter(|label| !known.contains(label));
    known.iter().chain(others).cloned().collect()
}

/// Calls `count` with each example's class, by the model's numbers, and its probabilities, block by
/// block.
fn each(
    classifier: &Classifier,
    corpus: &Corpus,
    mut count: impl FnMut(usize, &[f64]),
) -> Result<()> {
    let names = names(classifier, corpus);
    let classes = corpus.labels().iter().map(|label| position(&names, label));
    let classes: Vec<usize> = classes.collect::<Result<_>>()?;
    for block in corpus.examples().chunks(BLOCK) {
        let texts: Vec<&str> = block.iter().map(|example| example.text.as_str()).collect();
        for (prediction, example) in classifier.predict_batch(&texts)?.iter().zip(block) {
            count(classes[example.label as usize], &prediction.probabilities);
        }
    }
    Ok(())
}

/// Pairs of classes in the table at most, where the matrix is too large for one.
const MISTAKES: usize = 20;

/// Examples classified at a time.
const BLOCK: usize = 1024;

pub(crate) fn position(labels: &[String], label: &str) -> Result<usize> {
    labels
        .iter()
        .position(|known| known == label)
        .ok_or_else(|| Error::from(InvalidField::name("label", label, labels.join(", "))))
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "examples       {}", self.examples)?;
        writeln!(f, "accuracy       {:.4}", self.accuracy)?;
        writeln!(f, "macro F1       {:.4}", self.macro_f1)?;
        if self.cross_entropy.is_nan() {
            writeln!(f, "cross-entropy  - (the model knows no label of these examples)")?
        } else {
            writeln!(f, "cross-entropy  {:.4}", self.cross_entropy)?
        }
        let at = format!("P@{0}, R@{0}", self.k);
        writeln!(f, "{at:<14} {:.4}, {:.4}\n", self.precision_at_k, self.recall_at_k)?;
        let chars = |label: &String| label.chars().count();
        let width = self.labels.iter().map(chars).max().unwrap_or(0).max("true class".len());
        writeln!(f, "{:width$}  precision  recall      F1  examples", "class")?;
        for (label, score) in self.labels.iter().zip(&self.classes) {
            let ClassScore { precision, recall, f1, support } = score;
            writeln!(f, "{label:width$}  {precision:9.4}  {recall:6.4}  {f1:6.4}  {support:8}")?;
        }
        if self.labels.len() > Confusion::MATRIX {
            write!(f, "\n{:width$}  taken for, the most frequent mistakes", "true class")?;
            for (truth, predicted, count) in self.confusion.mistakes().into_iter().take(MISTAKES) {
                let [truth, predicted] = [truth, predicted].map(|class| &self.labels[class]);
                write!(f, "\n{truth:width$}  {predicted}  {count}")?;
            }
            return Ok(());
        }
        write!(f, "\n{:width$}  taken for", "true class")?;
        write!(f, "\n{:width$}", "")?;
        let columns: Vec<usize> = self.labels.iter().map(|label| chars(label).max(6)).collect();
        for (label, column) in self.labels.iter().zip(&columns) {
            write!(f, "  {label:>column$}")?;
        }
        for (truth, label) in self.labels.iter().enumerate() {
            write!(f, "\n{label:width$}")?;
            for (predicted, column) in columns.iter().enumerate() {
                write!(f, "  {:>column$}", self.confusion.count(truth, predicted))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, threshold, precision, recall, f1 } = self;
        write!(
            f,
            "{label} from {threshold:.6} on: precision {precision:.4}, recall {recall:.4}, F1 {f1:.4}"
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_figures_are_those_worked_out_by_hand() {
        let mut tally = Tally::new(&["a".into(), "b".into(), "c".into()], 2);
        tally.add(0, &[0.7, 0.2, 0.1]);
        tally.add(1, &[0.5, 0.4, 0.1]);
        tally.add(2, &[0.1, 0.4, 0.5]);
        tally.add(2, &[0.6, 0.3, 0.1]);
        let evaluation = tally.finish();
        assert_eq!((evaluation.examples, evaluation.accuracy), (4, 0.5));
        assert_eq!((evaluation.precision_at_k, evaluation.recall_at_k), (3.0 / 8.0, 3.0 / 4.0));
        let expected = -(0.7f64.ln() + 0.4f64.ln() + 0.5f64.ln() + 0.1f64.ln()) / 4.0;
        assert!((evaluation.cross_entropy - expected).abs() < 1e-12);
        assert!(evaluation.to_string().contains("P@2, R@2       0.3750, 0.7500"));
    }

    #[test]
    fn a_class_that_the_network_does_not_know_is_an_error() {
        let mut tally = Tally::new(&["a".into(), "b".into(), "new".into()], 1);
        tally.add(0, &[0.7, 0.3]);
        tally.add(2, &[0.6, 0.4]);
        let evaluation = tally.finish();
        assert_eq!((evaluation.examples, evaluation.accuracy), (2, 0.5));
        assert!((evaluation.cross_entropy + 0.7f64.ln()).abs() < 1e-12);
        assert_eq!((evaluation.labels[2].as_str(), evaluation.classes[2].support), ("new", 1));
        let mut unseen = Tally::new(&["a".into(), "b".into(), "new".into()], 1);
        unseen.add(2, &[0.6, 0.4]);
        let unseen = unseen.finish();
        assert_eq!(serde_json::json!(unseen)["cross_entropy"], serde_json::Value::Null);
        assert!(unseen.to_string().contains("cross-entropy  - (the model knows no label"));
    }

    #[test]
    fn a_table_of_thousands_of_classes_names_the_worst_pairs() {
        let labels: Vec<String> = (0..2000).map(|class| format!("class {class}")).collect();
        let mut tally = Tally::new(&labels, 1);
        let mut probabilities = vec![0.0; 2000];
        probabilities[7] = 1.0;
        (0..30).for_each(|class| tally.add(100 * (class % 20), &probabilities));
        let evaluation = tally.finish();
        let text = evaluation.to_string();
        let json = serde_json::json!(evaluation).to_string();
        assert!(text.contains("class 900   class 7  2\n"), "{text}");
        assert!(text.len() < 200_000 && json.len() < 500_000, "{} {}", text.len(), json.len());
    }

    proptest! {
        #[test]
        fn no_other_threshold_has_a_better_f1(scores in prop::collection::vec((0u8..8, any::<bool>()), 1..30)) {
            let scores: Vec<(f64, bool)> = scores.into_iter().map(|(p, is)| (f64::from(p) / 8.0, is)).collect();
            let positive = scores.iter().filter(|(_, is)| *is).count();
            let f1 = |threshold: f64| {
                let chosen = scores.iter().filter(|(p, _)| *p >= threshold);
                let right = chosen.clone().filter(|(_, is)| *is).count();
                2.0 * right as f64 / (chosen.count() + positive) as f64
            };
            match best_f1("a", scores.clone()) {
                None => prop_assert_eq!(positive, 0),
                Some(best) => {
                    prop_assert!((f1(best.threshold) - best.f1).abs() < 1e-12);
                    prop_assert!((0..=9).all(|at| f1(f64::from(at) / 8.0) <= best.f1 + 1e-12));
                }
            }
        }
    }
}
