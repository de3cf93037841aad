//! The yes/no set (OpenSLR 1): sixty recordings of one speaker who says "yes" or "no" in Hebrew,
//! eight words each.

use super::named;
use crate::data::{Manifest, Utterance};
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// The set in its usual halves, in the order of the files' names.
#[derive(Debug, Clone, PartialEq)]
pub struct YesNo {
    /// The first half: 30 of the set's 60.
    pub train: Manifest,
    /// The second.
    pub test: Manifest,
}

/// Reads the folder. A file's name is its transcript: `0_1_1.wav` is `NO YES YES` (the words spoken
/// are *lo* and *ken*). Files of other names are left alone.
///
/// # Errors
/// A folder that cannot be read, or with fewer than two recordings.
pub fn yes_no(folder: &Path) -> Result<YesNo> {
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder))?;
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(Error::io(folder))?.path());
    }
    paths.sort();
    let utterance = |path: PathBuf| {
        let text = transcript(path.file_name()?.to_str()?)?;
        Some(named(path, text, None))
    };
    let mut train: Vec<Utterance> = paths.into_iter().filter_map(utterance).collect();
    if train.len() < 2 {
        return Err(Error::Empty {
            place: folder.display().to_string(),
            found: format!("{} recordings of yes and no", train.len()),
            expected: "files such as 0_1_0_1_1_0_0_1.wav",
        });
    }
    let test = train.split_off(train.len() / 2);
    let manifest = |part: &str, utterances| Manifest { name: format!("yesno, {part}"), utterances };
    Ok(YesNo { train: manifest("the first half", train), test: manifest("the second half", test) })
}

fn transcript(name: &str) -> Option<String> {
    let word = |digit| match digit {
        "1" => Some("YES"),
        "0" => Some("NO"),
        _ => None,
    };
    let words = name.strip_suffix(".wav")?.split('_').map(word).collect::<Option<Vec<_>>>()?;
    Some(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_transcript_and_halves_are_in_its_order() -> Result<(), Box<dyn std::error::Error>>
    {
        let folder = tempfile::tempdir()?;
        for name in ["1_0.wav", "0_1.wav", "0_0.wav", "1_1.wav", "README", "2_1.wav"] {
            std::fs::write(folder.path().join(name), "")?;
        }
        let set = yes_no(folder.path())?;
        let texts = |part: &Manifest| -> Vec<String> {
            part.utterances.iter().map(|utterance| utterance.text.clone()).collect()
        };
        assert_eq!(texts(&set.train), ["NO NO", "NO YES"]);
        assert_eq!(texts(&set.test), ["YES NO", "YES YES"]);
        let empty = tempfile::tempdir()?;
        let error = yes_no(empty.path()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("0 recordings of yes and no"), "{error}");
        Ok(())
    }
}
