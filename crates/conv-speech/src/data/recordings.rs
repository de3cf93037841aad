//! Recordings in memory.

use super::{Audio, Manifest, Utterance};
use crate::{Error, Result};
use rayon::prelude::*;

/// A recording with what is said in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// What it is called in errors: its file, and its line in the list.
    pub name: String,
    /// The sound.
    pub audio: Audio,
    /// What is said.
    pub text: String,
    /// Who speaks, where the list says so.
    pub speaker: Option<String>,
}

/// The recordings of a list, all of one rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Recordings {
    /// The list's name.
    pub name: String,
    /// Samples a second, in Hz.
    pub rate: u32,
    /// The recordings, in the list's order.
    pub recordings: Vec<Recording>,
}

impl Recordings {
    /// Reads every recording of `manifest` into memory, on all threads, at `rate`, or else at the
    /// first one's: those of another are resampled. A file of which several utterances in a row are
    /// parts is read once.
    ///
    /// # Errors
    /// A file that cannot be read, or ends before a part of it, with its line in the list; an empty
    /// list.
    pub fn read(manifest: &Manifest, rate: Option<u32>) -> Result<Self> {
        let Some(first) = manifest.utterances.first() else {
            let place = manifest.name.clone();
            let found = "no recording".into();
            return Err(Error::Empty { place, found, expected: "some" });
        };
        let rate = match rate {
            Some(rate) => rate,
            None => Audio::read(&first.path).map_err(|error| listed(first, error))?.rate,
        };
        let files: Vec<&[Utterance]> =
            manifest.utterances.chunk_by(|a, b| a.path == b.path).collect();
        let read: Vec<Result<Vec<Recording>>> =
            files.par_iter().map(|utterances| parts(utterances, rate)).collect();
        let read: Vec<Vec<Recording>> = read.into_iter().collect::<Result<_>>()?;
        let recordings = read.into_iter().flatten().collect();
        Ok(Self { name: manifest.name.clone(), rate, recordings })
    }

    /// How long they are together, in seconds.
    pub fn seconds(&self) -> f64 {
        self.recordings.iter().map(|recording| recording.audio.seconds()).sum()
    }
}

/// The recordings of a file's utterances.
fn parts(utterances: &[Utterance], rate: u32) -> Result<Vec<Recording>> {
    let Some(first) = utterances.first() else { return Ok(Vec::new()) };
    let file = Audio::read(&first.path).and_then(|audio| audio.at_rate(rate));
    let file = file.map_err(|error| listed(first, error))?;
    let part = |utterance: &Utterance| {
        let path = utterance.path.display().to_string();
        let audio = file.part(&path, utterance.span).map_err(|error| listed(utterance, error))?;
        let name = match &utterance.at {
            Some(at) => format!("{path} ({at})"),
            None => path,
        };
        let text = utterance.text.clone();
        let speaker = utterance.speaker.clone();
        Ok(Recording { name, audio, text, speaker })
    };
    utterances.iter().map(part).collect()
}

/// An error with the line of the list that names the recording.
fn listed(utterance: &Utterance, error: Error) -> Error {
    match &utterance.at {
        Some(at) => Error::Listed { at: at.clone(), source: Box::new(error) },
        None => error,
    }
}

pub(crate) fn check_rate(name: &str, audio: &Audio, expected: u32) -> Result<()> {
    if audio.rate == expected {
        return Ok(());
    }
    Err(Error::Rate { name: name.into(), found: audio.rate, expected })
}
