//! How well a recogniser does on recordings whose words are known.

use crate::data::Recordings;
use crate::metrics::{Errors, Tally};
use crate::model::Prepared;
use crate::{Recognizer, Result};
use rayon::prelude::*;
use serde::Serialize;
use std::fmt;

/// An utterance with what was written of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Written {
    /// The recording.
    pub name: String,
    /// What is said.
    pub reference: String,
    /// What was written.
    pub hypothesis: String,
}

/// What [`evaluate`] finds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Utterances.
    pub utterances: u64,
    /// Those without an error.
    pub right: u64,
    /// Errors a word, over all words.
    pub wer: f64,
    /// Errors a character, over all characters.
    pub cer: f64,
    /// Of words.
    pub words: Errors,
    /// Of characters.
    pub characters: Errors,
    /// How long the recordings are together, in seconds.
    pub seconds: f64,
}

impl Evaluation {
    fn new(tally: Tally, seconds: f64) -> Self {
        let Tally { utterances, right, words, characters } = tally;
        let (wer, cer) = (words.rate(), characters.rate());
        Self { utterances, right, wer, cer, words, characters, seconds }
    }
}

/// Writes down every recording, and counts the errors.
///
/// # Errors
/// Audio of another rate than the model's, or shorter than a window, by name.
pub fn evaluate(
    recognizer: &Recognizer,
    recordings: &Recordings,
) -> Result<(Evaluation, Vec<Written>)> {
    let prepared: Vec<Result<Prepared>> = recordings
        .recordings
        .par_iter()
        .map(|recording| recognizer.prepared(&recording.name, &recording.audio))
        .collect();
    let prepared = prepared.into_iter().collect::<Result<Vec<_>>>()?;
    let prepared: Vec<&Prepared> = prepared.iter().collect();
    let names: Vec<&str> = recordings.recordings.iter().map(|one| one.name.as_str()).collect();
    let mut tally = Tally::default();
    let mut written = Vec::new();
    for (recording, posteriors) in
        recordings.recordings.iter().zip(recognizer.posteriors(&prepared, &names)?)
    {
        let (_, transcript) = recognizer.read(&posteriors, recording.audio.seconds());
        tally.add(&recording.text, &transcript.text);
        written.push(Written {
            name: recording.name.clone(),
            reference: recording.text.clone(),
            hypothesis: transcript.text,
        });
    }
    Ok((Evaluation::new(tally, recordings.seconds()), written))
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { utterances, right, words, characters, seconds, .. } = self;
        for (name, errors) in [("WER", words), ("CER", characters)] {
            let Errors { substitutions, deletions, insertions, reference } = errors;
            let (percent, count) = (100.0 * errors.rate(), errors.count());
            writeln!(
                f,
                "{name:<16} {percent:.2} %: {count} errors in {reference}, {substitutions} substitutions, {deletions} deletions, \
                 {insertions} insertions"
            )?;
        }
        write!(f, "{:<16} {utterances} of {seconds:.0} s, {right} without an error", "utterances")
    }
}
