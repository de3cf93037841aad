//! AN4 as CMU gives it: `etc/an4_train.fileids` names the recordings below `wav/`, and
//! `etc/an4_train.transcription` says line by line what is said: `<s> GO ON </s> (an406-fcaw-b)`.
//! The recordings are SPHERE, WAV or FLAC, not those without a header.

use super::{Part, recording};
use crate::data::manifest::words;
use crate::data::{Span, Utterance};
use crate::{Error, Result};
use conv_hub::text::{Encoding, Lines};
use std::path::{Component, Path};

/// The recordings of a part, if the folder has such lists.
pub(super) fn read(folder: &Path, part: Part) -> Result<Option<Vec<Utterance>>> {
    let list = |part: Part, ending: &str| folder.join(format!("etc/an4_{part}.{ending}"));
    if !list(Part::Train, "fileids").is_file() {
        return Ok(None);
    }
    if part == Part::Dev {
        return Ok(Some(Vec::new()));
    }
    let ids = Lines::open(&list(part, "fileids"), Encoding::Utf8)?;
    let mut transcripts = Lines::open(&list(part, "transcription"), Encoding::Utf8)?;
    let mut utterances = Vec::new();
    for id in ids {
        let (at, id) = id?;
        let id = Path::new(id.trim());
        let name = id.file_name().and_then(|name| name.to_str()).unwrap_or("");
        let bad =
            |at, found: &str, expected| Err(Error::Line { at, found: found.into(), expected });
        if name.is_empty() || !id.components().all(|part| matches!(part, Component::Normal(_))) {
            let expected = "a recording below wav/, without its ending";
            return bad(at, &format!("{id:?}"), expected);
        }
        let Some(line) = transcripts.next() else {
            return bad(at, "no line of the transcription for it", "one a recording");
        };
        let (at, line) = line?;
        let Some(text) = transcript(&line, name) else {
            let expected =
                "what is said and the recording's name in brackets, in the order of the other list";
            return bad(at, &format!("{line:?}"), expected);
        };
        let within = id.parent().unwrap_or(Path::new(""));
        utterances.push(Utterance {
            path: recording(&folder.join("wav").join(within), name, &["sph", "wav", "flac"]),
            // `an406-fcaw-b`: a recording, its speaker, and the kind of what is said.
            speaker: name.split('-').nth(1).map(str::to_string),
            span: Span::default(),
            text,
            at: Some(at),
        });
    }
    Ok(Some(utterances))
}

/// The text of a line, if it is that of the recording.
fn transcript(line: &str, name: &str) -> Option<String> {
    let text = line.trim().strip_suffix(')')?.strip_suffix(name)?.strip_suffix('(')?.trim();
    let text = text.strip_prefix("<s>").unwrap_or(text);
    Some(words(text.strip_suffix("</s>").unwrap_or(text)))
}
