//! The names of a network's classes.

use crate::{Error, Result};
use conv_hub::folder;
use serde::Serialize;
use std::collections::HashMap;
use std::path::Path;

/// A class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// What it is called in files and folders, such as `n01440764`.
    pub label: String,
    /// What people call it, such as `tench, Tinca tinca`.
    pub name: String,
}

/// The classes in the order of a network's outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    all: Vec<Label>,
    by_text: HashMap<String, usize>,
}

impl Labels {
    /// Reads a list with a class a line. Where every line begins with a number of WordNet, as in
    /// Caffe's `synset_words.txt` (`n01440764 tench, Tinca tinca`), that is the label and the rest
    /// the name; otherwise the line is both.
    ///
    /// # Errors
    /// A file that cannot be read, or an empty line.
    pub fn read(path: &Path) -> Result<Self> {
        let text = folder::text(path)?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        if let Some(at) = lines.iter().position(|line| line.is_empty()) {
            return Err(Error::EmptyLabel { path: path.to_path_buf(), line: at + 1 });
        }
        Ok(Self::parse(&lines))
    }

    /// As [`Labels::read`], from the lines.
    pub fn parse(lines: &[&str]) -> Self {
        let split = lines.iter().all(|line| is_synset(line.split(' ').next().unwrap_or(line)));
        let label = |line: &&str| match line.split_once(' ').filter(|_| split) {
            Some((label, name)) => Label { label: label.into(), name: name.trim().into() },
            None => Label { label: (*line).into(), name: (*line).into() },
        };
        let all: Vec<Label> = lines.iter().map(label).collect();
        let mut by_text = HashMap::new();
        // Two of ImageNet's classes share a name; their labels differ.
        for (at, Label { label, name }) in all.iter().enumerate() {
            by_text.entry(name.clone()).or_insert(at);
            by_text.insert(label.clone(), at);
        }
        Self { all, by_text }
    }

    /// The lines that they are read from ([`Labels::parse`]).
    pub fn lines(&self) -> Vec<String> {
        let line = |Label { label, name }: &Label| {
            if label == name { label.clone() } else { format!("{label} {name}") }
        };
        self.all.iter().map(line).collect()
    }

    /// All of them.
    pub fn all(&self) -> &[Label] {
        &self.all
    }

    /// The number of the class with this label, or else this name.
    pub fn find(&self, text: &str) -> Option<usize> {
        self.by_text.get(text).copied()
    }
}

/// Whether a word is a number of a noun of WordNet: `n` and eight digits.
fn is_synset(word: &str) -> bool {
    word.strip_prefix('n').is_some_and(|digits| {
        digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synsets_are_split_and_other_lines_are_not() {
        let labels = Labels::parse(&["n02012849 crane", "n03126707 crane", "n00000001"]);
        let first = Label { label: "n02012849".into(), name: "crane".into() };
        assert_eq!(labels.all()[0], first);
        assert_eq!((labels.find("crane"), labels.find("n03126707")), (Some(0), Some(1)));
        let labels = Labels::parse(&["sea lion", "n02012849 crane"]);
        assert_eq!((labels.find("sea lion"), labels.find("sea")), (Some(0), None));
    }
}
