//! Recordings as other speakers would have said them: what is drawn anew for each recording and
//! epoch.

use crate::Result;
use crate::data::resample;
use conv_hub::InvalidField;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// How much recordings are changed in training. Each draw is uniform between its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Perturbation {
    /// The lowest and the highest speed at which a recording is played, its own being 1. The pitch
    /// goes with it (Ko et al. 2015, "Audio Augmentation for Speech Recognition").
    pub speed: [f64; 2],
    /// The most by which the mel filters are moved up or down, as a share of their frequency: a
    /// vocal tract that is so much shorter or longer (Jaitly and Hinton 2013, "Vocal Tract Length
    /// Perturbation"). A front end that is learnt has no such filters.
    pub warp: f64,
    /// The most by which a recording is made louder or softer, in dB.
    pub gain: f64,
}

impl Default for Perturbation {
    /// Every recording as it is.
    fn default() -> Self {
        Self { speed: [1.0, 1.0], warp: 0.0, gain: 0.0 }
    }
}

/// What was drawn for a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Drawn {
    pub speed: f64,
    /// What the mel filters' frequencies are multiplied by.
    pub warp: f64,
    gain: f64,
}

impl Perturbation {
    pub(crate) fn check(&self) -> Result<()> {
        let [slowest, fastest] = self.speed;
        let fits = 0.5 <= slowest && slowest <= fastest && fastest <= 2.0;
        let found = format!("{slowest} to {fastest}");
        InvalidField::unless(fits, "perturbation.speed", &found, "0.5 to 2, the lower one first")?;
        let fits = (0.0..=0.5).contains(&self.warp);
        InvalidField::unless(fits, "perturbation.warp", &self.warp, "0 to 0.5")?;
        let fits = (0.0..=40.0).contains(&self.gain);
        Ok(InvalidField::unless(fits, "perturbation.gain", &self.gain, "0 to 40 dB")?)
    }

    /// Whether recordings stay as they are.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn draw(&self, rng: &mut impl Rng) -> Drawn {
        let [slowest, fastest] = self.speed;
        let mut within = |low: f64, high: f64| low + (high - low) * rng.random::<f64>();
        Drawn {
            speed: within(slowest, fastest),
            warp: 1.0 + within(-self.warp, self.warp),
            gain: within(-self.gain, self.gain),
        }
    }
}

impl Drawn {
    /// Samples of a recording so long at the drawn speed.
    pub fn length(&self, samples: usize) -> usize {
        (samples as f64 / self.speed).ceil() as usize
    }

    /// The recording at the drawn speed and loudness.
    pub fn samples(&self, samples: &[f32]) -> Result<Vec<f32>> {
        let factor = 10f64.powf(self.gain / 20.0) as f32;
        let mut played = resample(samples, 1.0 / self.speed)?;
        played.iter_mut().for_each(|sample| *sample *= factor);
        Ok(played)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conv_nn::rng::seeded;

    #[test]
    fn draws_stay_within_their_bounds_and_come_from_the_seed() -> Result<()> {
        let perturbation = Perturbation { speed: [0.8, 1.25], warp: 0.1, gain: 6.0 };
        perturbation.check()?;
        let mut slow = 0;
        for example in 0..200 {
            let stream = || seeded(1, &format!("augment 0 {example}"));
            let drawn = perturbation.draw(&mut stream());
            assert_eq!(drawn, perturbation.draw(&mut stream()));
            assert!((0.8..=1.25).contains(&drawn.speed) && (0.9..=1.1).contains(&drawn.warp));
            assert!(drawn.gain.abs() <= 6.0);
            let samples = drawn.samples(&vec![0.25; 1000])?;
            assert_eq!(samples.len(), drawn.length(1000));
            // In the middle, far from where it begins and ends, a constant stays one.
            let middle = samples[samples.len() / 2] / 0.25;
            assert!((f64::from(middle).log10() * 20.0 - drawn.gain).abs() < 0.05, "{middle}");
            slow += u32::from(drawn.speed < 1.0);
        }
        assert!((60..120).contains(&slow), "{slow}");
        Ok(())
    }

    #[test]
    fn bounds_that_make_no_sense_are_named() {
        let message = |perturbation: Perturbation| {
            perturbation.check().err().map(|error| error.to_string()).unwrap_or_default()
        };
        let none = Perturbation::default();
        assert!(none.is_none() && message(none).is_empty());
        for (bad, field) in [
            (Perturbation { speed: [1.2, 1.1], ..none }, "perturbation.speed is 1.2 to 1.1"),
            (Perturbation { speed: [f64::NAN, 1.1], ..none }, "perturbation.speed"),
            (Perturbation { warp: 0.6, ..none }, "perturbation.warp is 0.6"),
            (Perturbation { gain: -1.0, ..none }, "perturbation.gain is -1"),
        ] {
            assert!(message(bad).contains(field), "{}", message(bad));
        }
    }
}
