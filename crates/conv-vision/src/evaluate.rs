//! How often a classifier is right, and where it is wrong.

use crate::data::{Skipped, find, truth};
use crate::page::Classified;
use crate::picture::{Limits, Picture};
use crate::{Classifier, Error, Guess, Result};
use conv_train::metrics::Confusion;
use conv_train::report::Report;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Pairs of classes, and pictures on the page, at most.
const SHOWN: usize = 24;

/// What a classifier got right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Pictures that were classified.
    pub images: usize,
    /// Those whose most probable class is theirs.
    pub top1: usize,
    /// Those whose class is among the five most probable.
    pub top5: usize,
    /// `top1 / images`.
    pub top1_accuracy: f64,
    /// `top5 / images`.
    pub top5_accuracy: f64,
    /// The classes most often taken for another, the most frequent pair first.
    pub mistaken: Vec<Mistaken>,
    /// Files that were not classified, and are neither right nor wrong.
    pub skipped: Vec<Skipped>,
    /// Which class was taken for which, by the labels' numbers.
    #[serde(skip)]
    pub confusion: Confusion,
    /// The worst mistakes: those that give the truth the least probability.
    #[serde(skip)]
    pub worst: Vec<Mistake>,
}

/// A class that was taken for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistaken {
    /// The true class's label.
    pub truth: String,
    /// The other's.
    pub taken_for: String,
    /// How often.
    pub count: u64,
}

/// A picture whose most probable class is not its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    /// Its file.
    pub path: PathBuf,
    /// Its class, by the labels' number.
    pub truth: usize,
    /// What the truth is given, 0 to 1.
    pub probability: f64,
    /// The five most probable classes.
    pub guesses: Vec<Guess>,
}

/// Classifies every picture in `folder` whose name or folder tells its class ([`truth`]).
///
/// # Errors
/// A folder in which there is no picture of a class.
pub fn evaluate(classifier: &Classifier, folder: &Path, limits: &Limits) -> Result<Evaluation> {
    let mut files = Vec::new();
    let mut classes = Vec::new();
    let mut skipped = Vec::new();
    for path in find(&[folder]) {
        match truth(&path, folder, classifier.labels()) {
            Some(class) => {
                files.push(path);
                classes.push(class);
            }
            None => {
                let reason = "neither its name nor its folder is called as a class".into();
                skipped.push(Skipped { path, reason });
            }
        }
    }
    let labels = classifier.labels().all();
    let (mut images, mut top1, mut top5) = (0, 0, 0);
    let mut confusion = Confusion::new(labels.len());
    let mut worst = Vec::new();
    let class_of: HashMap<&Path, usize> = files.iter().map(AsRef::as_ref).zip(classes).collect();
    skipped.extend(classifier.predict_files(&files, limits, |path, _, prediction| {
        let top = prediction.top(5);
        let class = class_of[path];
        images += 1;
        top5 += usize::from(top.contains(&class));
        let first = top.first().copied().unwrap_or_default();
        confusion.add(class, first);
        if first == class {
            top1 += 1;
            return Ok(());
        }
        worst.push(Mistake {
            path: path.to_path_buf(),
            truth: class,
            probability: prediction.probabilities[class],
            guesses: classifier.guesses(&prediction, 5),
        });
        worst.sort_by(|a, b| a.probability.total_cmp(&b.probability));
        worst.truncate(SHOWN);
        Ok::<(), Error>(())
    })?);
    if images == 0 {
        let hint = skipped.first().map_or_else(String::new, |first| format!("; {first}"));
        return Err(Error::NoPictures { place: folder.display().to_string(), hint });
    }
    skipped.sort_by(|a, b| a.path.cmp(&b.path));
    let share = |right: usize| right as f64 / images as f64;
    let top1_accuracy = share(top1);
    let top5_accuracy = share(top5);
    let named = |(truth, other, count): (usize, usize, u64)| {
        let [truth, taken_for] = [truth, other].map(|class: usize| labels[class].label.clone());
        Mistaken { truth, taken_for, count }
    };
    let mistaken = confusion.mistakes().into_iter().take(SHOWN).map(named).collect();
    Ok(Evaluation {
        images,
        top1,
        top5,
        top1_accuracy,
        top5_accuracy,
        mistaken,
        skipped,
        confusion,
        worst,
    })
}

impl Evaluation {
    /// A page: figures, confusion, and the worst mistakes as pictures. `name` is what was measured.
    ///
    /// # Errors
    /// A picture that cannot be read any more.
    pub fn report(&self, classifier: &Classifier, name: &str, limits: &Limits) -> Result<Report> {
        let labels = classifier.labels().all();
        let names: Vec<&str> = labels.iter().map(|label| label.name.as_str()).collect();
        let subtitle = format!("{} pictures of {name}", self.images);
        let mut page = Classified::default();
        for Mistake { path, truth, guesses, .. } in &self.worst {
            page.add_of(path, &Picture::open(path, limits)?, guesses, &labels[*truth].label)?;
        }
        let figures = [("top-1", self.top1_accuracy), ("top-5", self.top5_accuracy)];
        let report = Report::new(classifier.model().network.name(), &subtitle).metrics(figures);
        let report = report.confusion(name, &names, &self.confusion);
        Ok(if page.is_empty() { report } else { report.section("Worst mistakes", page.section()) })
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { images, top1, top5, .. } = self;
        let percent = |share: f64| 100.0 * share;
        writeln!(f, "images           {images}")?;
        writeln!(f, "right            {top1} ({:.1} %)", percent(self.top1_accuracy))?;
        write!(f, "among five       {top5} ({:.1} %)", percent(self.top5_accuracy))?;
        for Mistaken { truth, taken_for, count } in self.mistaken.iter().take(5) {
            write!(f, "\ntaken for        {taken_for} instead of {truth}, {count} times")?;
        }
        if !self.skipped.is_empty() {
            write!(f, "\nnot classified   {}", self.skipped.len())?;
        }
        Ok(())
    }
}
