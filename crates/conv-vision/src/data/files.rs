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

/// The files that `paths` stand for, in order: a folder for all files in it and below it by name,
/// but for those whose name begins with a dot. A link that leads back to a folder above it is not
/// followed. Whether a file is a picture, and a folder can be listed, is seen when it is read.
pub fn find(paths: &[impl AsRef<Path>]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        walk(path.as_ref(), &mut Vec::new(), &mut files);
    }
    files
}

/// `above` are the folders that lead to this path, without links.
fn walk(path: &Path, above: &mut Vec<PathBuf>, files: &mut Vec<PathBuf>) {
    let here = path.canonicalize().ok().filter(|here| here.is_dir() && !above.contains(here));
    let list = || path.read_dir().and_then(|entries| entries.collect::<Result<Vec<_>, _>>()).ok();
    let Some((here, mut entries)) = here.and_then(|here| Some((here, list()?))) else {
        return files.push(path.to_path_buf());
    };
    above.push(here);
    entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    entries.sort_by_key(std::fs::DirEntry::file_name);
    entries.iter().for_each(|entry| walk(&entry.path(), above, files));
    above.pop();
}

/// For serde: a path that is not Unicode, with what is not replaced, rather than an error.
pub(crate) fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// Reads `files`, in parallel: those that are pictures, with their place in `files`, and those that
/// are not.
pub fn load(
    files: &[impl AsRef<Path> + Sync],
    limits: &Limits,
) -> (Vec<(usize, Picture)>, Vec<Skipped>) {
    let read = files.par_iter().map(|path| Picture::open(path.as_ref(), limits));
    let mut pictures = Vec::new();
    let mut skipped = Vec::new();
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
