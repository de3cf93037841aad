//! How often a classifier is right.

use crate::data::{Skipped, find, truth};
use crate::picture::Limits;
use crate::{Classifier, Error, Result};
use serde::Serialize;
use std::fmt;
use std::path::Path;

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
    /// Files that were not classified, and are neither right nor wrong.
    pub skipped: Vec<Skipped>,
}

/// Classifies every picture in `folder` whose name or folder tells its class ([`truth`]).
///
/// # Errors
/// A folder in which there is no picture of a class.
pub fn evaluate(classifier: &Classifier, folder: &Path, limits: &Limits) -> Result<Evaluation> {
    let (mut files, mut classes, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
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
    let (mut images, mut top1, mut top5) = (0, 0, 0);
    let class_of: std::collections::HashMap<&Path, usize> =
        files.iter().map(AsRef::as_ref).zip(classes).collect();
    skipped.extend(classifier.predict_files(&files, limits, |path, _, prediction| {
        let top = prediction.top(5);
        let class = class_of[path];
        images += 1;
        top1 += usize::from(top.first() == Some(&class));
        top5 += usize::from(top.contains(&class));
        Ok::<(), Error>(())
    })?);
    if images == 0 {
        let hint = skipped.first().map_or_else(String::new, |first| format!("; {first}"));
        return Err(Error::NoPictures { place: folder.display().to_string(), hint });
    }
    skipped.sort_by(|a, b| a.path.cmp(&b.path));
    let share = |right: usize| right as f64 / images as f64;
    let (top1_accuracy, top5_accuracy) = (share(top1), share(top5));
    Ok(Evaluation { images, top1, top5, top1_accuracy, top5_accuracy, skipped })
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { images, top1, top5, .. } = self;
        let percent = |share: f64| 100.0 * share;
        writeln!(f, "images           {images}")?;
        writeln!(f, "right            {top1} ({:.1} %)", percent(self.top1_accuracy))?;
        write!(f, "among five       {top5} ({:.1} %)", percent(self.top5_accuracy))?;
        if !self.skipped.is_empty() {
            write!(f, "\nnot classified   {}", self.skipped.len())?;
        }
        Ok(())
    }
}
