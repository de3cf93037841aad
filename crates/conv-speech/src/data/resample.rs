//! Other rates: windowed sincs, by the `rubato` crate.

use crate::{Error, Result};
use rubato::audioadapter_buffers::owned::InterleavedOwned;
use rubato::{
    Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};
use std::fmt;

/// Samples that are computed at a time. What comes in other pieces waits for the rest, so that the
/// result does not depend on them.
const CHUNK: usize = 256;

/// The most by which a rate is raised or lowered.
const FARTHEST: f64 = 256.0;

/// Brings sound from one rate to another as it comes: the result is the same bits however the sound
/// is cut, and as long in seconds.
///
/// ```
/// use conv_speech::data::Resampler;
/// let tone: Vec<f32> = (0..4410).map(|t| (t as f32 * 0.1).sin()).collect();
/// let mut resampler = Resampler::new(44_100, 16_000)?;
/// let mut whole = resampler.push(&tone)?;
/// whole.extend(resampler.finish()?);
/// assert_eq!(whole.len(), 1600);
/// # Ok::<(), conv_speech::Error>(())
/// ```
pub struct Resampler {
    inner: Async<f32>,
    /// Samples that make no chunk yet.
    pending: Vec<f32>,
    /// Samples that came and were given.
    came: u64,
    given: u64,
    /// Samples at the beginning that are the filter's and not the sound's.
    skipped: usize,
    rates: [u32; 2],
    ratio: f64,
}

impl Resampler {
    /// From `from` Hz to `to` Hz.
    ///
    /// # Errors
    /// A rate of 0, or one more than 256 times as high or as low.
    pub fn new(from: u32, to: u32) -> Result<Self> {
        Self::by(f64::from(to) / f64::from(from), [from, to])
    }

    fn by(ratio: f64, rates: [u32; 2]) -> Result<Self> {
        let [from, to] = rates;
        if !(1.0 / FARTHEST..=FARTHEST).contains(&ratio) {
            let reason = "expected rates that differ by a factor of at most 256".into();
            return Err(Error::Resample { from, to, reason });
        }
        // What is too high for a lower rate is told from what is not by longer filters.
        let length = 64 * (1.0 / ratio).round().max(1.0) as usize;
        let parameters = SincInterpolationParameters::new(length, WindowFunction::BlackmanHarris2)
            .oversampling_factor(256)
            .interpolation(SincInterpolationType::Linear);
        let inner = Async::new_sinc(ratio, 1.0, &parameters, CHUNK, 1, FixedAsync::Input)
            .map_err(|error| Error::Resample { from, to, reason: error.to_string() })?;
        let skipped = inner.output_delay();
        Ok(Self { inner, pending: Vec::new(), came: 0, given: 0, skipped, rates, ratio })
    }

    /// Takes in samples, and gives those of the other rate that they decide.
    ///
    /// # Errors
    /// The filter refuses, which it never should.
    pub fn push(&mut self, samples: &[f32]) -> Result<Vec<f32>> {
        self.came += samples.len() as u64;
        self.pending.extend_from_slice(samples);
        let mut out = Vec::new();
        let whole = self.pending.len() - self.pending.len() % CHUNK;
        let rest = self.pending.split_off(whole);
        for chunk in std::mem::replace(&mut self.pending, rest).chunks(CHUNK) {
            self.process(chunk.to_vec(), &mut out)?;
        }
        self.given += out.len() as u64;
        Ok(out)
    }

    /// The samples that are left when no more come.
    ///
    /// # Errors
    /// As [`Resampler::push`].
    pub fn finish(mut self) -> Result<Vec<f32>> {
        let left = (self.came as f64 * self.ratio).ceil() as u64 - self.given;
        let mut out = Vec::new();
        let mut chunk = std::mem::take(&mut self.pending);
        while (out.len() as u64) < left {
            // Behind the end there is silence.
            chunk.resize(CHUNK, 0.0);
            self.process(std::mem::take(&mut chunk), &mut out)?;
        }
        out.truncate(left as usize);
        Ok(out)
    }

    fn process(&mut self, chunk: Vec<f32>, out: &mut Vec<f32>) -> Result<()> {
        let [from, to] = self.rates;
        let failed = |reason: String| Error::Resample { from, to, reason };
        let count = chunk.len();
        let chunk =
            InterleavedOwned::new_from(chunk, 1, count).map_err(|e| failed(e.to_string()))?;
        let found =
            self.inner.process(&chunk, None).map_err(|e| failed(e.to_string()))?.take_data();
        let skipped = self.skipped.min(found.len());
        self.skipped -= skipped;
        out.extend_from_slice(&found[skipped..]);
        Ok(())
    }
}

/// Samples at `ratio` times their rate.
pub(crate) fn resample(samples: &[f32], ratio: f64) -> Result<Vec<f32>> {
    if ratio == 1.0 {
        return Ok(samples.to_vec());
    }
    let mut resampler = Resampler::by(ratio, [0, 0])?;
    let mut out = resampler.push(samples)?;
    out.extend(resampler.finish()?);
    Ok(out)
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, to] = self.rates;
        write!(f, "Resampler({from} to {to} Hz, {} samples given)", self.given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn tone(hertz: f64, rate: u32, count: usize) -> Vec<f32> {
        (0..count).map(|t| (hertz * t as f64 / f64::from(rate) * TAU).sin() as f32).collect()
    }

    #[test]
    fn a_tone_is_the_same_tone_and_what_is_too_high_is_gone() -> Result<()> {
        for (from, to) in [(44_100, 16_000), (48_000, 16_000), (8000, 16_000), (192_000, 8000)] {
            let count = from as usize / 5;
            let low = resample(&tone(440.0, from, count), f64::from(to) / f64::from(from))?;
            assert_eq!(low.len(), (count as f64 * f64::from(to) / f64::from(from)).ceil() as usize);
            let expected = tone(440.0, to, low.len());
            let middle = low.len() / 4..low.len() * 3 / 4;
            // The filter's delay is that of whole samples.
            let most = 2.0 * TAU as f32 * 440.0 / to.min(from) as f32;
            for at in middle.clone() {
                assert!((low[at] - expected[at]).abs() < most, "{from} to {to}");
            }
            if from > to {
                let high = tone(f64::from(to) * 0.7, from, count);
                let high = resample(&high, f64::from(to) / f64::from(from))?;
                let loudest = high[middle].iter().fold(0f32, |most, value| most.max(value.abs()));
                assert!(loudest < 0.01, "{from} to {to}: {loudest}");
            }
        }
        Ok(())
    }

    #[test]
    fn however_it_is_cut_the_bits_are_the_same() -> Result<()> {
        for count in [0, 1, 159, 255, 256, 257, 5000] {
            let sound = tone(300.0, 11_025, count);
            let whole = resample(&sound, 16_000.0 / 11_025.0)?;
            for size in [1, 37, 256, 4999] {
                let mut resampler = Resampler::new(11_025, 16_000)?;
                let mut found = Vec::new();
                for piece in sound.chunks(size) {
                    found.extend(resampler.push(piece)?);
                }
                found.extend(resampler.finish()?);
                assert_eq!(found, whole, "{count} samples, {size} at a time");
            }
        }
        Ok(())
    }

    #[test]
    fn rates_that_are_none_are_refused() {
        for (from, to) in [(0, 16_000), (16_000, 0), (0, 0), (1, 16_000)] {
            let error = Resampler::new(from, to).err().map(|error| error.to_string());
            assert!(error.is_some_and(|error| error.contains("cannot be made")), "{from} {to}");
        }
    }
}
