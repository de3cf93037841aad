//! Folders in the layouts of known sets, which are told by what lies in them.

mod cmu;
mod digits;
mod libri_speech;
mod speech_commands;
mod yes_no;

pub use yes_no::{YesNo, yes_no};

use super::{Manifest, Span, Utterance};
use crate::{Error, Result};
use std::fmt;
use std::path::{Path, PathBuf};

/// What recordings are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// To learn from.
    Train,
    /// To choose by.
    Dev,
    /// To measure on.
    Test,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Train => "train",
            Part::Dev => "dev",
            Part::Test => "test",
        })
    }
}

/// A part of the recordings of a folder, in the layout of
///
/// - tables of its parts, such as Common Voice's: `train.tsv`, `dev.tsv` and `test.tsv`, or the same with `.jsonl` ([`Manifest::read`]);
/// - AN4, as CMU gives it: `etc/an4_train.fileids` and `.transcription`, `wav/…`; its dev part is none;
/// - LibriSpeech: `*.trans.txt` beside the recordings, any folders deep up to four; all of it is whatever part is asked for;
/// - Speech Commands: a folder a word, `validation_list.txt` and `testing_list.txt`;
/// - FSDD: `7_jackson_32.wav`; takes 0 to 4 are the test part, and none the dev part;
/// - yes/no: `0_1_0_1_1_0_0_1.wav`; the first half is to learn from and the second to measure on.
///
/// # Errors
/// A folder that cannot be read or of another layout, a part that it does not have, a line of a
/// list that is not as it should be.
pub fn recordings_of(folder: &Path, part: Part) -> Result<Manifest> {
    for ending in ["tsv", "jsonl"] {
        let list = folder.join(format!("{part}.{ending}"));
        if list.is_file() {
            return Manifest::read(&list);
        }
    }
    let read = [
        cmu::read(folder, part)?,
        speech_commands::read(folder, part)?,
        digits::read(folder, part)?,
        libri_speech::read(folder)?,
    ];
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
    if let Some(utterances) = read.into_iter().flatten().next() {
        if utterances.is_empty() {
            return Err(Error::Empty {
                place: folder.display().to_string(),
                found: format!("no {part} part"),
                expected: "one, or a list of the recordings in its place",
            });
        }
        return Ok(Manifest { name: format!("{name}, {part}"), utterances });
    }
    match (yes_no(folder), part) {
        (Ok(YesNo { train, .. }), Part::Train) => Ok(train),
        (Ok(YesNo { test, .. }), Part::Test) => Ok(test),
        _ => Err(Error::Empty {
            place: folder.display().to_string(),
            found: format!("no {part}.tsv and no layout that is known"),
            expected: "that of AN4, LibriSpeech, Common Voice, Speech Commands, FSDD or yes/no",
        }),
    }
}

/// A recording that no list names.
fn named(path: PathBuf, text: String, speaker: Option<String>) -> Utterance {
    Utterance { path, speaker, span: Span::default(), text, at: None }
}

/// What lies in a folder, in the order of names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder))?;
    let paths = entries.map(|entry| Ok(entry.map_err(Error::io(folder))?.path()));
    let mut paths = paths.collect::<Result<Vec<PathBuf>>>()?;
    paths.sort();
    Ok(paths)
}

/// A file's name, unless it is no UTF-8.
fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// The file `stem` with one of the endings of recordings; the first where there is none, so that
/// what is missing is named.
fn recording(folder: &Path, stem: &str, endings: &[&str]) -> PathBuf {
    let file = |ending: &&str| folder.join(format!("{stem}.{ending}"));
    let found = endings.iter().map(file).find(|path| path.is_file());
    found.unwrap_or_else(|| folder.join(format!("{stem}.{}", endings.first().unwrap_or(&"wav"))))
}

#[cfg(test)]
mod tests;
