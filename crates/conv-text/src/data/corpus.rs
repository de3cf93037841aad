//! Labelled texts in memory: what training and evaluation take, whatever they were read from.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::format::ReadOptions;
use super::records::Records;
use crate::error::{Error, Result};

/// A text and its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The text, not yet tokenised.
    pub text: String,
    /// The class: a position in [`Corpus::labels`].
    pub label: u32,
}

/// Examples and the names of their classes.
///
/// Every example's label has a name, and the names are distinct, one line of text each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corpus {
    labels: Vec<String>,
    /// The first so many of them are the classes; the others were met in held-out examples alone.
    classes: usize,
    examples: Vec<Example>,
    /// On which line of its file each begins, from 1; none where there was no file.
    lines: Vec<u64>,
}

impl Corpus {
    /// A corpus of examples whose labels are positions in `labels`.
    ///
    /// # Errors
    /// [`Error::Corpus`] where an example's label has no name, or a name is empty, has several
    /// lines or comes twice.
    pub fn new(labels: Vec<String>, examples: Vec<Example>) -> Result<Self> {
        let mut seen = HashSet::new();
        for label in &labels {
            if label.trim().is_empty() || label.contains(['\n', '\r']) || !seen.insert(label) {
                let found = format!("class name {label:?} (of {})", labels.len());
                return Err(Error::Corpus { found, expected: "distinct names of one line each" });
            }
        }
        if let Some(wrong) = examples.iter().find(|example| example.label as usize >= labels.len())
        {
            let found = format!("label {} with {} class names", wrong.label, labels.len());
            return Err(Error::Corpus { found, expected: "labels below the number of names" });
        }
        Ok(Self { classes: labels.len(), labels, examples, lines: Vec::new() })
    }

    /// Reads a data file of the user's own.
    ///
    /// Without `labels` the classes are the names found, in alphabetical order, or by value where
    /// all are whole numbers; where more than half of ten or more examples have a label of their
    /// own, something else was taken for labels. With `labels` (those of the training data, or of a
    /// model) they are the classes; a name that is not among them stands behind them, and no
    /// classifier can get its examples right.
    ///
    /// # Errors
    /// Those of [`Records`], [`Error::NoExamples`], [`Error::ManyLabels`].
    pub fn read(path: &Path, options: &ReadOptions, labels: Option<&[String]>) -> Result<Self> {
        let file = path.display().to_string();
        let mut names = labels.map(<[String]>::to_vec).unwrap_or_default();
        let mut ids: HashMap<String, u32> = names.iter().cloned().zip(0..).collect();
        let mut examples = Vec::new();
        let mut lines = Vec::new();
        for record in Records::open_labelled(path, options)? {
            let record = record?;
            let name = record.label.unwrap_or_default();
            let label = match ids.get(&name) {
                Some(&label) => label,
                None => {
                    let label = names.len() as u32;
                    names.push(name.clone());
                    ids.insert(name, label);
                    label
                }
            };
            examples.push(Example { text: record.text, label });
            lines.push(record.line);
        }
        if examples.is_empty() {
            return Err(Error::NoExamples { file });
        }
        if labels.is_none() && examples.len() >= 10 && names.len() * 2 > examples.len() {
            let labels = names.len();
            let examples = examples.len();
            let first = names.swap_remove(0);
            return Err(Error::ManyLabels { file, labels, examples, first });
        }
        let corpus = Self { lines, ..Self::new(names, examples)? };
        Ok(match labels {
            Some(labels) => Self { classes: labels.len(), ..corpus },
            None => corpus.in_name_order(),
        })
    }

    /// The names of the classes, and behind them those met in held-out examples alone.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.labels[..self.classes]
    }

    /// The labels that are none of the classes, and how many examples each has.
    pub fn unseen(&self) -> Vec<(&str, u64)> {
        let all = self.labels.iter().map(String::as_str).zip(self.counts());
        all.skip(self.classes).collect()
    }

    /// The examples, in the order of their file.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// The line of its file on which an example begins, from 1; none where it did not come from a
    /// file.
    pub fn line(&self, example: usize) -> Option<u64> {
        self.lines.get(example).copied()
    }

    /// The texts, in the same order.
    pub fn texts(&self) -> Vec<&str> {
        self.examples.iter().map(|example| example.text.as_str()).collect()
    }

    /// How many examples each class has.
    pub fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.labels.len()];
        for example in &self.examples {
            counts[example.label as usize] += 1;
        }
        counts
    }

    /// The examples of both, in this order.
    ///
    /// # Errors
    /// [`Error::Corpus`] where the classes are not the same.
    pub fn and(mut self, other: Self) -> Result<Self> {
        if self.classes() != other.classes() {
            let [other, own] = [&other, &self].map(|corpus| corpus.classes().join(", "));
            return Err(Error::Corpus {
                found: format!("classes {other} beside {own}"),
                expected: "the same classes in all parts",
            });
        }
        let mut numbers = Vec::with_capacity(other.labels.len());
        for label in other.labels {
            let known = self.labels.iter().position(|known| *known == label);
            numbers.push(known.unwrap_or(self.labels.len()) as u32);
            if known.is_none() {
                self.labels.push(label);
            }
        }
        if self.lines.len() == self.examples.len() {
            self.lines.extend(other.lines);
        }
        let renumber = |Example { text, label }| Example { text, label: numbers[label as usize] };
        self.examples.extend(other.examples.into_iter().map(renumber));
        Ok(self)
    }

    fn in_name_order(self) -> Self {
        let mut order: Vec<u32> = (0..self.labels.len() as u32).collect();
        let name = |id: &u32| self.labels[*id as usize].as_str();
        match self.labels.iter().map(|label| label.parse::<i64>()).collect::<Result<Vec<_>, _>>() {
            Ok(values) => order.sort_by_key(|&id| (values[id as usize], name(&id))),
            Err(_) => order.sort_by_key(name),
        }
        let mut rank = vec![0; order.len()];
        for (new, &old) in (0..).zip(&order) {
            rank[old as usize] = new;
        }
        let labels = order.iter().map(|id| name(id).to_owned()).collect();
        let renumber =
            |example: Example| Example { label: rank[example.label as usize], ..example };
        let examples = self.examples.into_iter().map(renumber).collect();
        Self { labels, classes: self.classes, examples, lines: self.lines }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str, labels: Option<&[String]>) -> Result<Corpus> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.tsv");
        std::fs::write(&path, text).unwrap();
        Corpus::read(&path, &ReadOptions::default(), labels)
    }

    #[test]
    fn classes_are_sorted_by_name_or_by_value() {
        let corpus = read("so so\ta\nsehr gut\tb\nso so\t\n", None).unwrap();
        assert_eq!(corpus.labels(), ["sehr gut", "so so"]);
        assert_eq!(corpus.counts(), [1, 2]);
        assert_eq!(corpus.examples()[2], Example { text: String::new(), label: 1 });
        assert_eq!(read("10\ta\n9\tb\n-1\tc\n", None).unwrap().labels(), ["-1", "9", "10"]);
    }

    #[test]
    fn a_label_unknown_to_the_model_stands_behind_its_classes() {
        let known = ["bad".to_owned(), "good".to_owned()];
        let dev = read("good\tx\ngreat\ty\n", Some(&known)).unwrap();
        assert_eq!((dev.examples()[0].label, dev.examples()[1].label), (1, 2));
        assert_eq!((dev.classes(), dev.unseen()), (&known[..], vec![("great", 1)]));
        let test = read("worse\tx\ngreat\ty\ngreat\tz\n", Some(&known)).unwrap();
        let both = dev.and(test).unwrap();
        assert_eq!(both.labels(), ["bad", "good", "great", "worse"]);
        assert_eq!(both.unseen(), [("great", 3), ("worse", 1)]);
        assert_eq!((both.examples()[2].label, both.examples()[3].label), (3, 2));
    }

    #[test]
    fn texts_taken_for_labels_are_noticed() {
        let lines = |labels: usize| {
            let line = |at: usize| format!("{}\tx\n", if at < labels { at } else { 0 });
            read(&(0..10).map(line).collect::<String>(), None)
        };
        assert_eq!(lines(5).unwrap().labels().len(), 5);
        let error = lines(6).unwrap_err().to_string();
        assert!(error.contains("data.tsv: 6 different labels in 10 examples"), "{error}");
    }

    #[test]
    fn nothing_to_read_and_broken_invariants_are_errors() {
        assert!(matches!(read("\n\n", None), Err(Error::NoExamples { .. })));
        let example = Example { text: "x".into(), label: 2 };
        assert!(Corpus::new(vec!["a".into(), "b".into()], vec![example]).is_err());
        assert!(Corpus::new(vec!["a".into(), "a".into()], vec![]).is_err());
    }
}
