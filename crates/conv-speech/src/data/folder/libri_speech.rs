//! LibriSpeech (Panayotov et al. 2015): `84/121123/84-121123.trans.txt`, a line
//! `84-121123-0000 GO ON` for each `84-121123-0000.flac` beside it.

use super::{entries, name_of, recording};
use crate::data::manifest::words;
use crate::data::{Span, Utterance};
use crate::{Error, Result};
use conv_hub::text::{Encoding, Lines};
use std::path::Path;

/// Folders within folders that are looked through: LibriSpeech, a subset, a speaker, a chapter.
const DEPTH: usize = 4;

/// All recordings below a folder, if there are any.
pub(super) fn read(folder: &Path) -> Result<Option<Vec<Utterance>>> {
    let mut utterances = Vec::new();
    below(folder, DEPTH, &mut utterances)?;
    Ok((!utterances.is_empty()).then_some(utterances))
}

fn below(folder: &Path, depth: usize, utterances: &mut Vec<Utterance>) -> Result<()> {
    for path in entries(folder)? {
        if name_of(&path).is_some_and(|name| name.ends_with(".trans.txt")) {
            chapter(folder, &path, utterances)?;
        } else if depth > 0 && path.is_dir() {
            below(&path, depth - 1, utterances)?;
        }
    }
    Ok(())
}

fn chapter(folder: &Path, transcripts: &Path, utterances: &mut Vec<Utterance>) -> Result<()> {
    for line in Lines::open(transcripts, Encoding::Utf8)? {
        let (at, line) = line?;
        if line.trim().is_empty() {
            continue;
        }
        let (id, text) = line.split_once(' ').unwrap_or((&line, ""));
        let speaker = id.split('-').next();
        let is_name = !id.contains(['/', '\\']);
        if text.trim().is_empty() || !id.contains('-') || !is_name {
            let (found, expected) =
                (format!("{line:?}"), "a name such as 84-121123-0000 and a text");
            return Err(Error::Line { at, found, expected });
        }
        utterances.push(Utterance {
            path: recording(folder, id, &["flac", "wav"]),
            speaker: speaker.map(str::to_string),
            span: Span::default(),
            text: words(text),
            at: Some(at),
        });
    }
    Ok(())
}
