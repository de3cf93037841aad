//! Recordings by the names of files and folders.

use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// How the names of recordings end.
const ENDINGS: [&str; 6] = ["wav", "flac", "mp3", "ogg", "oga", "sph"];

/// Files as they are named, and in place of a folder the recordings in it, in the order of their
/// names.
///
/// # Errors
/// A folder that cannot be read, or in which no name ends as a recording's.
pub fn find(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(Error::io(path))?;
        let within = entries.map(|entry| Ok(entry.map_err(Error::io(path))?.path()));
        let mut within = within.collect::<Result<Vec<PathBuf>>>()?;
        within.retain(|path| path.is_file() && is_recording(path));
        if within.is_empty() {
            let reason =
                format!("no recording in it, expected a name that ends in {}", ENDINGS.join(", "));
            return Err(Error::Audio { path: path.clone(), reason });
        }
        within.sort();
        files.extend(within);
    }
    Ok(files)
}

fn is_recording(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
    ENDINGS.contains(&ending.to_ascii_lowercase().as_str())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn folders_stand_for_their_recordings_of_any_kind() -> Result<(), Box<dyn std::error::Error>> {
        let place = tempfile::tempdir()?;
        let folder = place.path().join("sound");
        std::fs::create_dir_all(folder.join("c.wav"))?;
        let none = find(std::slice::from_ref(&folder)).map_err(|error| error.to_string());
        assert!(none.is_err_and(|error| error.contains("no recording in it")));
        for name in ["b.MP3", "a.ogg", "README.md", "d.sph"] {
            std::fs::write(folder.join(name), "")?;
        }
        let named = [place.path().join("named.raw"), folder.clone()];
        let expected = ["a.ogg", "b.MP3", "d.sph"].map(|name| folder.join(name));
        assert_eq!(find(&named)?, [&named[..1], &expected].concat());
        Ok(())
    }
}
