//! Sequences made of recordings of single words.

use super::{Audio, Recording, Recordings};
use crate::{Error, Result};
use conv_nn::rng::seeded;
use rand::Rng;
use std::collections::BTreeMap;

impl Recordings {
    /// So many sequences of `length` recordings of one speaker each, one behind the other, drawn
    /// from the seed: connected digits, say, from single ones. Those whose speaker is not named are
    /// of one.
    ///
    /// # Errors
    /// No recordings.
    pub fn connected(&self, count: usize, length: usize, seed: u64) -> Result<Self> {
        let mut speakers: BTreeMap<Option<&str>, Vec<&Recording>> = BTreeMap::new();
        for recording in &self.recordings {
            speakers.entry(recording.speaker.as_deref()).or_default().push(recording);
        }
        let speakers: Vec<_> = speakers.into_iter().collect();
        if speakers.is_empty() {
            let place = self.name.clone();
            let found = "no recording".into();
            return Err(Error::Empty { place, found, expected: "some" });
        }
        let mut rng = seeded(seed, "connected");
        let sequence = |number: usize| {
            let (speaker, all) = &speakers[number % speakers.len()];
            let parts: Vec<&Recording> =
                (0..length).map(|_| all[rng.random_range(0..all.len())]).collect();
            let samples = parts.iter().flat_map(|part| part.audio.samples.iter().copied());
            let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
            Recording {
                name: format!("{} sequence {}", self.name, number + 1),
                audio: Audio { samples: samples.collect(), rate: self.rate },
                text: texts.join(" "),
                speaker: speaker.map(Into::into),
            }
        };
        let recordings = (0..count).map(sequence).collect();
        Ok(Self { name: self.name.clone(), rate: self.rate, recordings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_of_one_speaker_and_from_the_seed() -> Result<()> {
        let recording = |at: usize| Recording {
            name: at.to_string(),
            audio: Audio { samples: vec![at as f32; 100 + at], rate: 8000 },
            text: ["ONE", "TWO", "THREE"][at % 3].into(),
            speaker: Some(["anna", "bert"][at / 3 % 2].into()),
        };
        let recordings = (0..6).map(recording).collect();
        let single = Recordings { name: "list".into(), rate: 8000, recordings };
        let connected = single.connected(20, 4, 1)?;
        assert_eq!(connected, single.connected(20, 4, 1)?);
        assert_ne!(connected, single.connected(20, 4, 2)?);
        for (number, one) in connected.recordings.iter().enumerate() {
            let speaker = ["anna", "bert"][number % 2];
            assert_eq!(one.speaker.as_deref(), Some(speaker));
            // What is heard says who speaks, and what.
            let heard: Vec<usize> = one
                .audio
                .samples
                .chunk_by(|a, b| a == b)
                .flat_map(|run| {
                    let at = run[0] as usize;
                    assert_eq!((at / 3, run.len() % (100 + at)), (number % 2, 0));
                    vec![at % 3; run.len() / (100 + at)]
                })
                .collect();
            let said: Vec<&str> = heard.iter().map(|&at| ["ONE", "TWO", "THREE"][at]).collect();
            assert_eq!(one.text, said.join(" "));
            assert_eq!(said.len(), 4);
        }
        let none = Recordings { recordings: Vec::new(), ..single };
        assert!(matches!(none.connected(1, 1, 1), Err(Error::Empty { .. })));
        Ok(())
    }
}
