//! Files and folders of pictures. One that cannot be used is told and stops nothing.

use crate::picture::{Limits, Picture};
use crate::{Error, Result};
use rayon::prelude::*;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A file that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The file.
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
/// begins with a dot. Whether a file is a picture is seen when it is read.
///
/// # Errors
/// A folder that cannot be listed. A file that is not there is found out when it is read.
pub fn find(paths: &[impl AsRef<Path>]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        match path.as_ref().is_dir() {
            true => walk(path.as_ref(), 0, &mut files)?,
            false => files.push(path.as_ref().to_path_buf()),
        }
    }
    Ok(files)
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    /// A link to a folder above would lead round for ever.
    const DEEPEST: usize = 32;
    if depth > DEEPEST {
        let reason = format!("it lies more than {DEEPEST} folders deep");
        return Err(Error::Unreadable { path: folder.to_path_buf(), reason });
    }
    let mut entries = Vec::new();
    for entry in folder.read_dir().map_err(Error::unreadable(folder))? {
        let entry = entry.map_err(Error::unreadable(folder))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            entries.push(entry.path());
        }
    }
    entries.sort();
    for path in entries {
        match path.is_dir() {
            true => walk(&path, depth + 1, files)?,
            false => files.push(path),
        }
    }
    Ok(())
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
