//! Recordings as they sound elsewhere: in other rooms, and with noise.

mod convolution;
mod room;
#[cfg(test)]
mod tests;

pub use room::Room;

use crate::data::{Audio, Recording, Recordings, find};
use crate::{Error, Result};
use conv_hub::InvalidField;
use conv_nn::rng::{Fingerprint, seeded};
use convolution::convolved;
use rand::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How often recordings are heard elsewhere, and how.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SurroundingsConfig {
    /// The share of recordings with a noise, 0 to 1.
    pub noise: f64,
    /// The lowest and the highest ratio of the recording's power to the noise's, in dB. It is drawn
    /// uniformly between them.
    pub snr: [f64; 2],
    /// The share of recordings in a room, 0 to 1.
    pub room: f64,
}

impl Default for SurroundingsConfig {
    /// None.
    fn default() -> Self {
        Self { noise: 0.0, snr: [5.0, 20.0], room: 0.0 }
    }
}

/// Noises, and what rooms make of a click, both at one rate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Surroundings {
    noises: Vec<Vec<f32>>,
    /// Each from its direct sound on.
    rooms: Vec<Vec<f32>>,
}

impl SurroundingsConfig {
    pub(crate) fn is_none(&self) -> bool {
        self.noise == 0.0 && self.room == 0.0
    }

    /// Whether its numbers are in their ranges, and there is what it asks for.
    pub(crate) fn check(&self, surroundings: Option<&Surroundings>) -> Result<()> {
        let check = InvalidField::unless;
        for (field, share) in [("surroundings.noise", self.noise), ("surroundings.room", self.room)]
        {
            check((0.0..=1.0).contains(&share), field, &share, "0 to 1")?;
        }
        let [low, high] = self.snr;
        let fits = -100.0 <= low && low <= high && high <= 100.0;
        let expected = "-100 to 100 dB, the lower one first";
        check(fits, "surroundings.snr", &format!("{low} to {high}"), expected)?;
        let count = |of: fn(&Surroundings) -> usize| surroundings.map_or(0, of);
        let (noises, rooms) = (count(|all| all.noises.len()), count(|all| all.rooms.len()));
        let fits = noises > 0 || self.noise == 0.0;
        check(fits, "surroundings.noise", &self.noise, "0, or noises to draw from")?;
        let fits = rooms > 0 || self.room == 0.0;
        Ok(check(fits, "surroundings.room", &self.room, "0, or rooms to draw from")?)
    }
}

impl Surroundings {
    /// Reads noises and responses of rooms to a click, in any file that [`Audio::read`] knows, at
    /// `rate`. In place of a folder stand the files in it, in the order of their names.
    ///
    /// # Errors
    /// A file that cannot be read or is silent, by name.
    pub fn read(noises: &[PathBuf], rooms: &[PathBuf], rate: u32) -> Result<Self> {
        let all = |paths: &[PathBuf]| -> Result<Vec<Vec<f32>>> {
            find(paths)?.par_iter().map(|path| sound(path, rate)).collect()
        };
        let rooms = all(rooms)?.into_iter().map(from_direct_sound).collect();
        Ok(Self { noises: all(noises)?, rooms })
    }

    /// Of given sounds; a response begins with its loudest sample, and what is before it is cut.
    pub fn new(noises: Vec<Vec<f32>>, rooms: Vec<Vec<f32>>) -> Self {
        Self { noises, rooms: rooms.into_iter().map(from_direct_sound).collect() }
    }

    /// With so many rooms more, drawn from `seed` and simulated ([`Room`]).
    #[must_use]
    pub fn with_simulated(mut self, count: usize, rate: u32, seed: u64) -> Self {
        let room = |number| Room::draw(&mut seeded(seed, &format!("room {number}"))).response(rate);
        let rooms: Vec<Vec<f32>> = (0..count).into_par_iter().map(room).collect();
        self.rooms.extend(rooms.into_iter().map(from_direct_sound));
        self
    }

    /// What is the same for the same sounds.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut fingerprint = Fingerprint::default();
        for sound in self.noises.iter().chain(&self.rooms) {
            fingerprint.number(sound.len() as u64);
            sound.iter().for_each(|value| fingerprint.number(value.to_bits().into()));
        }
        fingerprint.value()
    }

    /// Samples as they are heard where a draw has them: as long, and the words where they were. The
    /// speech is as loud as before.
    pub(crate) fn heard(
        &self,
        config: &SurroundingsConfig,
        samples: &[f32],
        rng: &mut impl Rng,
    ) -> Vec<f32> {
        // As many numbers are drawn whatever becomes of them.
        let [in_room, which_room, with_noise, which_noise, offset, snr]: [f64; 6] = rng.random();
        let at = |share: f64, count: usize| ((share * count as f64) as usize).min(count - 1);
        let mut heard = samples.to_vec();
        if in_room < config.room && !self.rooms.is_empty() {
            let room = &self.rooms[at(which_room, self.rooms.len())];
            heard = convolved(samples, room);
            let before = power(samples);
            let after = power(&heard);
            if after > 0.0 {
                scale(&mut heard, before / after);
            }
        }
        if with_noise < config.noise && !self.noises.is_empty() {
            let noise = &self.noises[at(which_noise, self.noises.len())];
            let first = at(offset, noise.len());
            let mut noise: Vec<f32> =
                noise.iter().cycle().skip(first).take(heard.len()).copied().collect();
            let [low, high] = config.snr;
            let ratio = 10f64.powf((low + (high - low) * snr) / 10.0);
            let speech = power(&heard);
            let own = power(&noise);
            // Neither silence has a ratio to anything.
            if speech > 0.0 && own > 0.0 {
                scale(&mut noise, speech / own / ratio);
                heard.iter_mut().zip(noise).for_each(|(sample, noise)| *sample += noise);
            }
        }
        heard
    }
}

impl Recordings {
    /// The same recordings elsewhere. What is drawn for one comes from the seed and its place in
    /// the list.
    ///
    /// # Errors
    /// A number out of its range, or a share of noises or rooms of which there are none.
    pub fn within(
        self,
        surroundings: &Surroundings,
        config: &SurroundingsConfig,
        seed: u64,
    ) -> Result<Self> {
        config.check(Some(surroundings))?;
        let elsewhere = |(number, recording): (usize, Recording)| {
            let mut rng = seeded(seed, &format!("surroundings {number}"));
            let Audio { samples, rate } = recording.audio;
            let samples = surroundings.heard(config, &samples, &mut rng);
            Recording { audio: Audio { samples, rate }, ..recording }
        };
        let recordings = self.recordings.into_par_iter().enumerate().map(elsewhere).collect();
        Ok(Self { recordings, ..self })
    }
}

/// The mean square.
fn power(samples: &[f32]) -> f64 {
    let sum: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    sum / samples.len().max(1) as f64
}

/// So many times the power.
fn scale(samples: &mut [f32], power: f64) {
    let factor = power.sqrt() as f32;
    samples.iter_mut().for_each(|sample| *sample *= factor);
}

fn from_direct_sound(response: Vec<f32>) -> Vec<f32> {
    let louder = |best: usize, at: usize| {
        if response[at].abs() > response[best].abs() { at } else { best }
    };
    let direct = (1..response.len()).fold(0, louder);
    response[direct.min(response.len())..].to_vec()
}

fn sound(path: &Path, rate: u32) -> Result<Vec<f32>> {
    let samples = Audio::read(path)?.at_rate(rate)?.samples;
    if power(&samples) > 0.0 {
        return Ok(samples);
    }
    let reason = "silence, expected a noise or what a room makes of a click".into();
    Err(Error::Audio { path: path.into(), reason })
}
