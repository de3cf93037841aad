//! Recordings as training knows them, and those that it cannot learn from.

use crate::data::{Recording, Recordings, check_rate};
use crate::model::{Preparation, Prepared};
use crate::{Config, Error, FeatureCache, Result, States};
use conv_nn::ctc_frames;
use rayon::prelude::*;
use std::fmt;

/// An utterance that training knows.
pub(super) struct Example {
    pub name: String,
    pub prepared: Prepared,
    /// The recording, where it is changed in training.
    pub samples: Vec<f32>,
    pub text: String,
    pub letters: Vec<u32>,
    /// The class of each frame, where it is trained by frames.
    pub states: States,
}

/// A recording that is not trained on, since no alignment of its text fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The recording.
    pub name: String,
    /// U: letters of its text.
    pub letters: usize,
    /// Letters that repeat the one before, which CTC parts by a blank.
    pub repeats: usize,
    /// T': steps that the network has for it.
    pub steps: usize,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, letters, repeats, steps } = self;
        write!(
            f,
            "{name} is left out: its text has {letters} letters and {repeats} repeats, more than the network's {steps} steps"
        )
    }
}

pub(super) fn examples(
    recordings: &Recordings,
    config: &Config,
    preparation: &Preparation,
    cache: Option<&FeatureCache>,
) -> Result<Vec<Example>> {
    let Config { rate, front_end, letters, .. } = config;
    let least = front_end.window(*rate);
    let example = |recording: &Recording| {
        let name = recording.name.clone();
        check_rate(&name, &recording.audio, *rate)?;
        let found = recording.audio.samples.len();
        if found < least {
            return Err(Error::Short { name, found, least, rate: *rate });
        }
        let prepared = preparation.prepare_once(&recording.audio.samples, cache)?;
        let letters = letters.encode(&recording.text);
        let samples = recording.audio.samples.clone();
        let text = recording.text.clone();
        Ok(Example { name, prepared, samples, text, letters, states: States::new() })
    };
    let examples: Vec<Result<Example>> = recordings.recordings.par_iter().map(example).collect();
    examples.into_iter().collect()
}

/// The steps that a text needs at least: but for CTC any number of letters may be written at one.
pub(super) fn needed(letters: &[u32], config: &Config) -> usize {
    if config.has_ctc() { ctc_frames(letters) } else { 1 }
}

/// An example whose text needs more steps than there are.
pub(super) fn misfit(example: &Example, config: &Config) -> Option<LeftOut> {
    let steps = config.steps(example.prepared.frames);
    let letters = example.letters.len();
    let needed = needed(&example.letters, config);
    let name = example.name.clone();
    (needed > steps).then_some(LeftOut {
        name,
        letters,
        repeats: needed.saturating_sub(letters),
        steps,
    })
}

pub(super) fn fitting(examples: Vec<Example>, config: &Config) -> (Vec<Example>, Vec<LeftOut>) {
    let mut fitting = Vec::new();
    let mut left_out = Vec::new();
    for example in examples {
        match misfit(&example, config) {
            Some(misfit) => left_out.push(misfit),
            None => fitting.push(example),
        }
    }
    (fitting, left_out)
}
