//! Training frame by frame: which sound each moment is, from a forced alignment (Sainath et al.
//! 2015, section 3, who have the states of a larger system for it).

use crate::align::align;
use crate::data::{Recording, Recordings};
use crate::search::of_ctc;
use crate::{Config, Error, Objective, Recognizer, Result};
use conv_hub::InvalidField;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Of each frame of a recording its class: that of a letter, or 0 where nothing is said.
pub type States = Vec<u32>;

/// How a network is trained frame by frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FramesConfig {
    /// Frames after one at which its class is written, so that a network that reads forward has
    /// heard what is behind it (Sainath et al. 2015: 5).
    pub delay: usize,
}

impl Default for FramesConfig {
    /// The paper's five frames, 50 ms.
    fn default() -> Self {
        Self { delay: 5 }
    }
}

impl FramesConfig {
    pub(crate) fn check(&self) -> Result<(), InvalidField> {
        InvalidField::unless(self.delay <= 100, "frames.delay", &self.delay, "at most 100")
    }

    /// The class that each of `steps` steps is to have, of a recording that is played so many times
    /// as fast as the one of the states. A step is asked for the frame in its middle.
    pub(crate) fn targets(
        &self,
        states: &[u32],
        steps: usize,
        reduction: usize,
        speed: f64,
    ) -> Vec<u32> {
        let of = |step: usize| {
            let frame = (step * reduction + reduction / 2).checked_sub(self.delay)?;
            states.get((frame as f64 * speed) as usize).copied()
        };
        (0..steps).map(|step| of(step).unwrap_or(0)).collect()
    }
}

/// Frames that a sound lasts before the step that shows it first, and behind the one that shows it
/// last, where no other sound is near.
const AROUND: usize = 6;

/// Frames from the end of a sound to the beginning of the next one at most, without silence between
/// them.
const NEAR: usize = 15;

/// The classes of frames, each letter being shown by some of them, from its first one to the one
/// behind its last. CTC shows a letter where it is sure of it: the frames between two that are near
/// are shared by both evenly.
fn states(spans: &[[usize; 2]], classes: &[u32], frames: usize) -> States {
    let mut states = vec![0; frames];
    for (at, (&[first, end], &class)) in spans.iter().zip(classes).enumerate() {
        let before = at.checked_sub(1).and_then(|at| spans.get(at)).map(|span| span[1]);
        let start = match before {
            Some(before) if first.saturating_sub(before) <= NEAR => (before + first) / 2,
            _ => first.saturating_sub(AROUND),
        };
        let stop = match spans.get(at + 1) {
            Some(&[next, _]) if next.saturating_sub(end) <= NEAR => (end + next) / 2,
            _ => end + AROUND,
        };
        let stop = stop.clamp(first + 1, frames.max(first + 1)).min(frames);
        states[start.min(stop)..stop].fill(class);
    }
    states
}

impl Recognizer {
    /// Of each recording the classes of its frames, by the best alignment of its text by CTC.
    ///
    /// # Errors
    /// As [`Recognizer::align`].
    pub fn states(&self, recordings: &Recordings) -> Result<Vec<States>> {
        recordings.recordings.par_iter().map(|one| self.states_of(one)).collect()
    }

    pub(crate) fn states_of(&self, recording: &Recording) -> Result<States> {
        let name = &recording.name;
        let prepared = self.prepared(name, &recording.audio)?;
        let steps = self.posteriors(&[&prepared], &[name])?.swap_remove(0);
        let Some(shares) = of_ctc(self.model(), &steps, self.device())? else {
            return Err(Error::NotCtc);
        };
        let config = self.config();
        let classes = config.letters.encode(&recording.text);
        let spans = align(&shares, &classes).ok_or_else(|| Error::Unaligned {
            name: name.clone(),
            found: format!("{} letters", classes.len()),
            expected: format!("a text that fits its {} steps", shares.len()),
        })?;
        let reduction = config.time_reduction();
        let spans: Vec<[usize; 2]> =
            spans.iter().map(|span| span.map(|step| step * reduction)).collect();
        Ok(states(&spans, &classes, prepared.frames))
    }
}

/// Whether a network can be trained by these states of recordings.
pub(crate) fn check(aligner: &Config, config: &Config) -> Result<()> {
    let check = InvalidField::unless;
    let is_ctc = config.objective == Objective::Ctc;
    let expected = "ctc, whose classes frames have, too";
    check(is_ctc, "objective", &config.objective, expected)?;
    let same = aligner.letters == config.letters;
    let found = format!("{:?}{:?}", config.letters.letters(), config.letters.spelled());
    let expected = format!(
        "{:?}{:?} as the aligner has",
        aligner.letters.letters(),
        aligner.letters.spelled()
    );
    check(same, "letters", &found, &expected)?;
    let hop = |config: &Config| config.front_end.hop(config.rate) * 1000 / config.rate as usize;
    let found = hop(config);
    let expected = format!("{} as the aligner has", hop(aligner));
    Ok(check(hop(aligner) == found, "front_end.hop_ms", &found, &expected)?)
}

#[cfg(test)]
mod tests;
