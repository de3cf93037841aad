//! How well a recogniser does on recordings whose words are known.

use crate::data::{Recording, Recordings};
use crate::metrics::{Errors, Tally};
use crate::model::Prepared;
use crate::search::Guides;
use crate::{Recognizer, Result};
use conv_train::metrics::{Estimate, bootstrap};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
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
    /// Where the error rate of words lies with 95 %, from speakers drawn anew (of fewer than two,
    /// from utterances).
    pub interval: [f64; 2],
    /// Of each speaker that the list names, in the order of their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub speakers: BTreeMap<String, Rates>,
    /// The same without the language model, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_language_model: Option<Rates>,
    /// How long the recordings are together, in seconds.
    pub seconds: f64,
}

/// Error rates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rates {
    /// Utterances.
    pub utterances: u64,
    /// Errors a word.
    pub wer: f64,
    /// Errors a character.
    pub cer: f64,
    /// Of words.
    pub words: Errors,
}

impl From<Tally> for Rates {
    fn from(Tally { utterances, words, characters, .. }: Tally) -> Self {
        Self { utterances, wer: words.rate(), cer: characters.rate(), words }
    }
}

/// Writes down every recording, and counts the errors.
///
/// # Errors
/// Audio shorter than a window, by name.
pub fn evaluate(
    recognizer: &Recognizer,
    recordings: &Recordings,
) -> Result<(Evaluation, Vec<Written>)> {
    let all = posteriors(recognizer, recordings)?;
    let written = written(recognizer, recognizer.guides(), recordings, &all)?;
    let plain = match recognizer.language() {
        Some(_) => {
            let guides = Guides::default();
            Some(tally(&self::written(recognizer, guides, recordings, &all)?).into())
        }
        None => None,
    };
    Ok((Evaluation::new(recordings, &written, plain), written))
}

/// What the network makes of every recording, as [`Recognizer::read_with`] takes it.
pub(crate) fn posteriors(
    recognizer: &Recognizer,
    recordings: &Recordings,
) -> Result<Vec<Vec<Vec<f32>>>> {
    let prepared: Vec<Result<Prepared>> = recordings
        .recordings
        .par_iter()
        .map(|recording| recognizer.prepared(&recording.name, &recording.audio))
        .collect();
    let prepared = prepared.into_iter().collect::<Result<Vec<_>>>()?;
    let prepared: Vec<&Prepared> = prepared.iter().collect();
    let names: Vec<&str> = recordings.recordings.iter().map(|one| one.name.as_str()).collect();
    recognizer.posteriors(&prepared, &names)
}

/// What is written of every recording by some guides or none.
pub(crate) fn written(
    recognizer: &Recognizer,
    guides: Guides,
    recordings: &Recordings,
    posteriors: &[Vec<Vec<f32>>],
) -> Result<Vec<Written>> {
    let one = |(recording, steps): (&Recording, &Vec<Vec<f32>>)| {
        let hypothesis = recognizer.read_with(guides, steps, 0.0)?.transcript.text;
        let name = recording.name.clone();
        let reference = recording.text.clone();
        Ok(Written { name, reference, hypothesis })
    };
    let all: Vec<Result<Written>> =
        recordings.recordings.par_iter().zip(posteriors).map(one).collect();
    all.into_iter().collect()
}

/// The errors of what was written.
pub(crate) fn tally(written: &[Written]) -> Tally {
    let mut tally = Tally::default();
    written.iter().for_each(|one| tally.add(&one.reference, &one.hypothesis));
    tally
}

impl Evaluation {
    fn new(recordings: &Recordings, written: &[Written], plain: Option<Rates>) -> Self {
        let Tally { utterances, right, words, characters } = tally(written);
        let mut speakers: BTreeMap<String, Tally> = BTreeMap::new();
        let mut alone = Vec::new();
        for (recording, one) in recordings.recordings.iter().zip(written) {
            let errors = Errors::of_words(&one.reference, &one.hypothesis);
            alone.push((errors.count() as f64, errors.reference as f64));
            if let Some(speaker) = &recording.speaker {
                speakers.entry(speaker.clone()).or_default().add(&one.reference, &one.hypothesis);
            }
        }
        let of_speakers = speakers.values().map(|tally| &tally.words);
        let of_speakers: Vec<(f64, f64)> =
            of_speakers.map(|words| (words.count() as f64, words.reference as f64)).collect();
        let groups = if of_speakers.len() < 2 { alone } else { of_speakers };
        let Estimate { low, high, .. } = bootstrap(&groups, 1);
        Self {
            utterances,
            right,
            wer: words.rate(),
            cer: characters.rate(),
            words,
            characters,
            interval: [low, high],
            speakers: speakers.into_iter().map(|(name, tally)| (name, tally.into())).collect(),
            without_language_model: plain,
            seconds: recordings.seconds(),
        }
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { utterances, right, words, characters, seconds, .. } = self;
        for (name, errors) in [("WER", words), ("CER", characters)] {
            let Errors { substitutions, deletions, insertions, reference } = errors;
            let percent = 100.0 * errors.rate();
            let count = errors.count();
            writeln!(
                f,
                "{name:<16} {percent:.2} %: {count} errors in {reference}, {substitutions} substitutions, {deletions} deletions, \
                 {insertions} insertions"
            )?;
        }
        let [low, high] = self.interval.map(|share| 100.0 * share);
        let of = if self.speakers.len() < 2 { "utterances" } else { "speakers" };
        writeln!(f, "{:<16} {low:.2} to {high:.2} % over {of}, with 95 %", "WER")?;
        if let Some(Rates { wer, cer, .. }) = &self.without_language_model {
            let [wer, cer] = [wer, cer].map(|share| 100.0 * share);
            writeln!(f, "{:<16} WER {wer:.2} %, CER {cer:.2} %", "letters alone")?;
        }
        for (name, Rates { utterances, wer, cer, .. }) in &self.speakers {
            let [wer, cer] = [wer, cer].map(|share| 100.0 * share);
            writeln!(f, "{name:<16} WER {wer:.2} %, CER {cer:.2} %, {utterances} utterances")?;
        }
        write!(f, "{:<16} {utterances} of {seconds:.0} s, {right} without an error", "utterances")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Audio;

    #[test]
    fn errors_are_told_by_speaker_and_the_interval_holds_the_rate() {
        let recording = |at: usize| Recording {
            name: at.to_string(),
            audio: Audio { samples: vec![0.0; 8000], rate: 8000 },
            text: "A B".into(),
            speaker: Some(["anna", "bert"][at % 2].into()),
        };
        let recordings: Vec<Recording> = (0..4).map(recording).collect();
        let written: Vec<Written> = recordings
            .iter()
            .map(|one| Written {
                name: one.name.clone(),
                reference: one.text.clone(),
                hypothesis: if one.name == "1" { "A" } else { "A B" }.into(),
            })
            .collect();
        let recordings = Recordings { name: "list".into(), rate: 8000, recordings };
        let found = Evaluation::new(&recordings, &written, None);
        assert_eq!((found.wer, found.words.deletions, found.right), (0.125, 1, 3));
        assert_eq!((found.speakers["anna"].wer, found.speakers["bert"].wer), (0.0, 0.25));
        assert_eq!(found.interval, [0.0, 0.25]);
        assert!(found.to_string().contains("bert             WER 25.00 %"), "{found}");
    }
}
