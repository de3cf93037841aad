//! Files and folders of pictures. One that cannot be used is told and stops nothing.

use crate::Error;
use crate::picture::{Limits, Picture};
use rayon::prelude::*;
use serde::{Serialize, Serializer};
use std::path::{Path, PathBuf};

/// A file that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The file.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// What was found and what was expected.
    pub reason: String,
}

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

/// The files that `paths` stand for, in order: a folder for all files in it and below it by name, but for those whose name
/// begins with a dot; links to folders are not followed. Whether a file is a picture, and a folder can be listed, is seen when
/// it is read.
pub fn find(paths: &[impl AsRef<Path>]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        match path.as_ref().is_dir() {
            true => walk(path.as_ref(), &mut files),
            false => files.push(path.as_ref().to_path_buf()),
        }
    }
    files
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let listed = folder.read_dir().and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let Ok(mut entries) = listed else {
        return files.push(folder.to_path_buf());
    };
    entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => walk(&entry.path(), files),
            false => files.push(entry.path()),
        }
    }
}

/// For serde: a path that is not Unicode, with what is not replaced, rather than an error.
pub(crate) fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// Reads `files`, in parallel: those that are pictures, with their place in `files`, and those that are not.
pub fn load(
    files: &[impl AsRef<Path> + Sync],
    limits: &Limits,
) -> (Vec<(usize, Picture)>, Vec<Skipped>) {
    let read = files.par_iter().map(|path| Picture::open(path.as_ref(), limits));
    let (mut pictures, mut skipped) = (Vec::new(), Vec::new());
    for (at, picture) in read.collect::<Vec<_>>().into_iter().enumerate() {
        match picture {
            Ok(picture) => pictures.push((at, picture)),
            Err(error) => {
                let reason = match error {
                    Error::Picture { defect, .. } => defect.to_string(),
                    other => other.to_string(),
                };
                skipped.push(Skipped { path: files[at].as_ref().to_path_buf(), reason });
            }
        }
    }
    (pictures, skipped)
}
