//! Recordings as other speakers would have said them: what is drawn anew for each recording and epoch.

use crate::Result;
use crate::data::resample;
use conv_hub::InvalidField;
use conv_nn::rng::seeded;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// How much recordings are changed in training. Each draw is uniform between its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Perturbation {
    /// The lowest and the highest speed at which a recording is played, its own being 1. The pitch goes with it (Ko et al. 2015, "Audio
    /// Augmentation for Speech Recognition").
    pub speed: [f64; 2],
    /// The most by which the mel filters are moved up or down, as a share of their frequency: a vocal tract that is so much shorter or
    /// longer (Jaitly and Hinton 2013, "Vocal Tract Length Perturbation"). A front end that is learnt has no such filters.
    pub warp: f64,
    /// The most by which a recording is made louder or softer, in dB.
    pub gain: f64,
    /// The most pauses that are put into a recording where it is quiet, each of up to a second and made of its quietest stretch. Where
    /// recordings are quiet for long only before what they all begin with, silence alone would tell the word.
    #[serde(skip_serializing_if = "is_zero")]
    pub pauses: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Default for Perturbation {
    /// Every recording as it is.
    fn default() -> Self {
        Self { speed: [1.0, 1.0], warp: 0.0, gain: 0.0, pauses: 0 }
    }
}

/// What was drawn for a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Drawn {
    pub speed: f64,
    /// What the mel filters' frequencies are multiplied by.
    pub warp: f64,
    gain: f64,
    pauses: usize,
    /// What the pauses' places and lengths are drawn from.
    seed: u64,
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
        InvalidField::unless(fits, "perturbation.gain", &self.gain, "0 to 40 dB")?;
        let fits = self.pauses <= 64;
        Ok(InvalidField::unless(fits, "perturbation.pauses", &self.pauses, "at most 64")?)
    }

    /// Whether recordings stay as they are.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn draw(&self, rng: &mut impl Rng) -> Drawn {
        let [slowest, fastest] = self.speed;
        let mut within = |low: f64, high: f64| low + (high - low) * rng.random::<f64>();
        let (speed, warp) = (within(slowest, fastest), 1.0 + within(-self.warp, self.warp));
        let gain = within(-self.gain, self.gain);
        // Nothing more is drawn where there are none, so that the numbers of earlier versions stay.
        let (pauses, seed) = match self.pauses {
            0 => (0, 0),
            most => (rng.random_range(0..=most), rng.random()),
        };
        Drawn { speed, warp, gain, pauses, seed }
    }
}

impl Drawn {
    /// Samples of a recording so long at the drawn speed.
    pub fn length(&self, samples: usize) -> usize {
        (samples as f64 / self.speed).ceil() as usize
    }

    /// The recording, of `rate` Hz, at the drawn speed and loudness and with the drawn pauses.
    pub fn samples(&self, samples: &[f32], rate: u32) -> Result<Vec<f32>> {
        let factor = 10f64.powf(self.gain / 20.0) as f32;
        let mut played = resample(samples, 1.0 / self.speed)?;
        played.iter_mut().for_each(|sample| *sample *= factor);
        Ok(match self.pauses {
            0 => played,
            count => with_pauses(&played, rate, count, &mut seeded(self.seed, "pauses")),
        })
    }
}

/// Puts in pauses of a tenth of a second to a second, at places drawn among the quietest quarter of the recording.
fn with_pauses(samples: &[f32], rate: u32, count: usize, rng: &mut impl Rng) -> Vec<f32> {
    /// Pieces whose loudness is taken together.
    const AROUND: usize = 4;
    let hop = (rate as usize / 100).max(1);
    let energy: Vec<f64> = samples
        .chunks(hop)
        .map(|piece| piece.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / piece.len() as f64)
        .collect();
    if energy.len() <= 2 * AROUND {
        return samples.to_vec();
    }
    let around = |at: usize| energy[at - AROUND..=at + AROUND].iter().sum::<f64>();
    let mut places: Vec<usize> = (AROUND..energy.len() - AROUND).collect();
    places.sort_by(|&a, &b| around(a).total_cmp(&around(b)).then(a.cmp(&b)));
    // The quietest stretch, forth and back, so that it has no edges.
    let first = (places[0] - AROUND) * hop;
    let stretch = &samples[first..(first + (2 * AROUND + 1) * hop).min(samples.len())];
    let silence = || stretch.iter().chain(stretch.iter().rev()).copied().cycle();
    places.truncate((places.len() / 4).max(1));
    let mut pauses: Vec<(usize, usize)> = (0..count)
        .map(|_| {
            let place = places[rng.random_range(0..places.len())] * hop;
            (place, rng.random_range(10 * hop..=100 * hop))
        })
        .collect();
    pauses.sort_unstable();
    let mut with = Vec::with_capacity(samples.len() + pauses.iter().map(|p| p.1).sum::<usize>());
    let mut done = 0;
    for (place, length) in pauses {
        with.extend_from_slice(&samples[done..place]);
        with.extend(silence().take(length));
        done = place;
    }
    with.extend_from_slice(&samples[done..]);
    with
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_within_their_bounds_and_come_from_the_seed() -> Result<()> {
        let perturbation = Perturbation { speed: [0.8, 1.25], warp: 0.1, gain: 6.0, pauses: 0 };
        perturbation.check()?;
        let mut slow = 0;
        for example in 0..200 {
            let stream = || seeded(1, &format!("augment 0 {example}"));
            let drawn = perturbation.draw(&mut stream());
            assert_eq!(drawn, perturbation.draw(&mut stream()));
            assert!((0.8..=1.25).contains(&drawn.speed) && (0.9..=1.1).contains(&drawn.warp));
            assert!(drawn.gain.abs() <= 6.0);
            let samples = drawn.samples(&vec![0.25; 1000], 8000)?;
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
    fn pauses_are_put_in_where_it_is_quiet_and_nothing_is_lost() -> Result<()> {
        // Three loud words of half a second between quiet stretches of as much, each sample unlike the others.
        let sample = |at: usize| {
            let loud = at / 4000 % 2 == 1;
            if loud { 0.5 + at as f32 * 1e-5 } else { at as f32 * 1e-7 }
        };
        let samples: Vec<f32> = (0..28_000).map(sample).collect();
        let perturbation = Perturbation { pauses: 5, ..Perturbation::default() };
        let mut longer = 0;
        for example in 0..20 {
            let drawn = perturbation.draw(&mut seeded(1, &format!("augment 0 {example}")));
            let heard = drawn.samples(&samples, 8000)?;
            assert_eq!(heard, drawn.samples(&samples, 8000)?);
            assert!(heard.len() <= samples.len() + 5 * 8000);
            longer += usize::from(heard.len() > samples.len());
            // The words are whole, in their order, and nothing loud was added.
            let loud = |samples: &[f32]| -> Vec<f32> {
                samples.iter().copied().filter(|sample| *sample > 0.4).collect()
            };
            assert_eq!(loud(&heard), loud(&samples));
        }
        assert!(longer > 10, "{longer}");
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
            (Perturbation { pauses: 65, ..none }, "perturbation.pauses is 65"),
        ] {
            assert!(message(bad).contains(field), "{}", message(bad));
        }
    }
}
