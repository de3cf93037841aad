//! Pictures with their classes, from a tree of folders or a table, each of them looked at before
//! anything is learnt.

use super::{Skipped, find};
use crate::picture::{Limits, Picture};
use crate::{Error, Result};
use conv_nn::rng::Fingerprint;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// A picture and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The file.
    pub path: PathBuf,
    /// The class, by its place in [`Examples::labels`].
    pub class: u32,
    /// Of the pixels: tells the picture from others.
    pub fingerprint: u64,
}

/// Pictures that were read once, with the names of their classes and what was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examples {
    /// The classes by name.
    pub labels: Vec<String>,
    /// The pictures: of a folder by name, of a table in its order.
    pub examples: Vec<Example>,
    /// What is no picture, or of no class, and why.
    pub skipped: Vec<Skipped>,
}

impl Examples {
    /// Reads what is at `path`: a folder in which each class has a folder of its pictures, whose
    /// path is the class's name; or a table, `.csv` or `.tsv`, whose rows are a picture's path,
    /// from the table's folder, and its class. A first row `path,…` is a heading.
    ///
    /// Every picture is decoded once, so that one that cannot be used is known before training.
    /// With `labels`, those of another set, pictures of other classes are left out.
    ///
    /// # Errors
    /// A table that cannot be read, with the line; no picture of a class at all.
    pub fn read(path: &Path, labels: Option<&[String]>, limits: &Limits) -> Result<Self> {
        let (named, mut skipped) =
            if path.is_dir() { of_folder(path) } else { (of_table(path)?, Vec::new()) };
        let read = |(path, label): &(PathBuf, String)| match labels {
            Some(labels) if !labels.contains(label) => {
                Err(format!("is of class {label:?}, which training does not see"))
            }
            _ => match Picture::open(path, limits) {
                Ok(picture) => Ok(fingerprint(&picture)),
                Err(Error::Picture { defect, .. }) => Err(defect.to_string()),
                Err(error) => Err(error.to_string()),
            },
        };
        let found: Vec<Result<u64, String>> = named.par_iter().map(read).collect();
        let mut kept = Vec::new();
        for ((path, label), found) in named.into_iter().zip(found) {
            match found {
                Ok(fingerprint) => kept.push((path, label, fingerprint)),
                Err(reason) => skipped.push(Skipped { path, reason }),
            }
        }
        if kept.is_empty() {
            let hint = skipped.first().map_or_else(String::new, |first| format!("; {first}"));
            return Err(Error::NoPictures { place: path.display().to_string(), hint });
        }
        let labels = labels.map_or_else(|| names(&kept), <[String]>::to_vec);
        let class = |label: &String| labels.iter().position(|known| known == label);
        let examples = kept.into_iter().filter_map(|(path, label, fingerprint)| {
            let class = u32::try_from(class(&label)?).ok()?;
            Some(Example { path, class, fingerprint })
        });
        Ok(Self { examples: examples.collect(), labels, skipped })
    }
}

fn names(kept: &[(PathBuf, String, u64)]) -> Vec<String> {
    let mut names: Vec<String> = kept.iter().map(|(_, label, _)| label.clone()).collect();
    names.sort();
    names.dedup();
    names
}

fn fingerprint(picture: &Picture) -> u64 {
    let mut fingerprint = Fingerprint::default();
    fingerprint.number(picture.width() as u64);
    fingerprint.bytes(picture.pixels());
    fingerprint.value()
}

/// The files below `root` with the paths of their folders.
fn of_folder(root: &Path) -> (Vec<(PathBuf, String)>, Vec<Skipped>) {
    let mut named = Vec::new();
    let mut skipped = Vec::new();
    for path in find(&[root]) {
        let folder = path.strip_prefix(root).unwrap_or(&path).parent();
        match folder.and_then(Path::to_str).filter(|name| is_label(name)) {
            Some(name) => named.push((path.clone(), name.replace('\\', "/"))),
            None => {
                let reason = "lies in no folder whose name could be a class's".into();
                skipped.push(Skipped { path, reason });
            }
        }
    }
    (named, skipped)
}

fn of_table(path: &Path) -> Result<Vec<(PathBuf, String)>> {
    let is_tsv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tsv"));
    let wrong = |line: u64, found: String| Error::Table { path: path.to_path_buf(), line, found };
    let unreadable = |error: csv::Error| match error.kind() {
        csv::ErrorKind::Io(error) => {
            Error::Unreadable { path: path.to_path_buf(), reason: error.to_string() }
        }
        _ => {
            let line = error.position().map_or(0, csv::Position::line);
            wrong(line, error.to_string())
        }
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(if is_tsv { b'\t' } else { b',' })
        .has_headers(false)
        .flexible(true)
        .from_path(path)
        .map_err(unreadable)?;
    let mut named = Vec::new();
    for (at, row) in reader.records().enumerate() {
        let row = row.map_err(unreadable)?;
        let line = row.position().map_or(0, csv::Position::line);
        let fields: Vec<&str> = row.iter().map(str::trim).collect();
        match fields.as_slice() {
            ["path" | "file" | "filename" | "image", ..] if at == 0 => {}
            &[file, label] if !file.is_empty() && is_label(label) => {
                named.push((path.with_file_name("").join(file), label.to_string()));
            }
            _ => return Err(wrong(line, format!("has the columns {fields:?}"))),
        }
    }
    Ok(named)
}

/// Whether a name can be a line of a list of classes.
fn is_label(name: &str) -> bool {
    !name.trim().is_empty() && name.lines().count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for (name, grey) in [("b/1.png", 1), ("a/x/1.png", 2), ("a/x/2.png", 3), ("0.png", 4)] {
            let path = place.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let picture = Picture::new(2, 2, vec![grey; 12]).unwrap();
            std::fs::write(path, picture.to_png().unwrap()).unwrap();
        }
        std::fs::write(place.path().join("b/notes.txt"), "no picture").unwrap();
        place
    }

    #[test]
    fn classes_are_folders_and_what_is_no_picture_is_told() {
        let place = tree();
        let found = Examples::read(place.path(), None, &Limits::default()).unwrap();
        assert_eq!(found.labels, ["a/x", "b"]);
        let classes: Vec<u32> = found.examples.iter().map(|example| example.class).collect();
        assert_eq!(classes, [0, 0, 1]);
        let told: Vec<String> = found.skipped.iter().map(ToString::to_string).collect();
        assert!(told[0].contains("0.png: lies in no folder") && told[1].contains("is no picture"));
        assert_ne!(found.examples[0].fingerprint, found.examples[1].fingerprint);
    }

    #[test]
    fn a_table_names_paths_and_classes() {
        let place = tree();
        let table = place.path().join("all.csv");
        std::fs::write(&table, "path,class\nb/1.png,\"b, or not\"\na/x/1.png,c\nnone.png,c\n")
            .unwrap();
        let found = Examples::read(&table, None, &Limits::default()).unwrap();
        assert_eq!((found.labels.len(), found.examples.len()), (2, 2));
        assert_eq!(found.labels[0], "b, or not");
        assert!(found.skipped[0].to_string().contains("none.png: cannot be read"));
        let known = ["c".to_string()];
        let of_known = Examples::read(&table, Some(&known), &Limits::default()).unwrap();
        assert_eq!((of_known.labels.len(), of_known.examples.len()), (1, 1));

        std::fs::write(&table, "b/1.png,b\na/x/1.png\n").unwrap();
        let error = Examples::read(&table, None, &Limits::default()).unwrap_err().to_string();
        assert!(error.contains("all.csv: line 2: has the columns [\"a/x/1.png\"]"), "{error}");
        let error = Examples::read(&place.path().join("no.csv"), None, &Limits::default());
        assert!(error.unwrap_err().to_string().contains("no.csv cannot be read"));
    }
}
