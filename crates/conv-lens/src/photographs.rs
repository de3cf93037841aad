//! The photographs of a folder, one after the other.

use crate::{Error, Result};
use conv_vision::data::{Skipped, find, load};
use conv_vision::{Limits, Picture};
use std::path::Path;

/// Photographs that are opened together.
const TOGETHER: usize = 16;

/// Hands on every photograph in `folder` and below it, and says how many they were and which files
/// were left out.
pub(crate) fn each(
    folder: &Path,
    mut take: impl FnMut(&Path, &Picture) -> Result<()>,
) -> Result<(usize, Vec<Skipped>)> {
    let mut photographs = 0;
    let mut skipped = Vec::new();
    for files in find(&[folder]).chunks(TOGETHER) {
        let (read, failed) = load(files, &Limits::default());
        skipped.extend(failed);
        photographs += read.len();
        read.iter().try_for_each(|(at, picture)| take(&files[*at], picture))?;
    }
    if photographs == 0 {
        let hint = skipped.first().map_or(String::new(), |file| format!("; {file}"));
        return Err(Error::NoPhotographs { place: folder.display().to_string(), hint });
    }
    Ok((photographs, skipped))
}
