//! Recordings in memory.

use super::{Audio, Manifest};
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
    /// Reads every recording of `manifest` into memory, on all threads. They must be of `rate`, or else of the first one's.
    ///
    /// # Errors
    /// A file that cannot be read or has another rate, with its line in the list; an empty list.
    pub fn read(manifest: &Manifest, rate: Option<u32>) -> Result<Self> {
        let read = manifest.utterances.par_iter().map(|utterance| {
            let path = utterance.path.display().to_string();
            let name = match &utterance.at {
                Some(at) => format!("{path} ({at})"),
                None => path,
            };
            let audio = Audio::read(&utterance.path).map_err(|source| match &utterance.at {
                Some(at) => Error::Listed { at: at.clone(), source: Box::new(source) },
                None => source,
            })?;
            Ok(Recording { name, audio, text: utterance.text.clone() })
        });
        let read: Vec<Result<Recording>> = read.collect();
        let recordings = read.into_iter().collect::<Result<Vec<_>>>()?;
        let first = recordings.first().map(|recording| recording.audio.rate);
        let Some(rate) = rate.or(first) else {
            let (place, found) = (manifest.name.clone(), "no recording".into());
            return Err(Error::Empty { place, found, expected: "some" });
        };
        for Recording { name, audio, .. } in &recordings {
            check_rate(name, audio, rate)?;
        }
        Ok(Self { name: manifest.name.clone(), rate, recordings })
    }

    /// How long they are together, in seconds.
    pub fn seconds(&self) -> f64 {
        self.recordings.iter().map(|recording| recording.audio.seconds()).sum()
    }
}

pub(crate) fn check_rate(name: &str, audio: &Audio, expected: u32) -> Result<()> {
    if audio.rate == expected {
        return Ok(());
    }
    Err(Error::Rate { name: name.into(), found: audio.rate, expected })
}
