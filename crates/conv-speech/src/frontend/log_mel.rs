//! Log-mel energies: the spectrum of each window, gathered by triangular filters on the mel scale.

use super::samples;
use conv_hub::InvalidField;
use realfft::{RealFftPlanner, RealToComplex};
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;
use std::fmt;
use std::sync::Arc;

/// How log-mel energies are computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogMelConfig {
    /// F: mel filters.
    pub filters: usize,
    /// Length of a window, in ms.
    pub window_ms: f64,
    /// From one window to the next, in ms.
    pub hop_ms: f64,
    /// Where the lowest filter begins, in Hz.
    pub lowest: f64,
    /// Where the highest filter ends, in Hz; half the rate where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub highest: Option<f64>,
}

impl Default for LogMelConfig {
    /// 40 filters from 20 Hz on, windows of 25 ms each 10 ms.
    fn default() -> Self {
        Self { filters: 40, window_ms: 25.0, hop_ms: 10.0, lowest: 20.0, highest: None }
    }
}

impl LogMelConfig {
    fn highest(&self, rate: u32) -> f64 {
        self.highest.unwrap_or(f64::from(rate) / 2.0)
    }

    pub(super) fn check(&self, rate: u32) -> Result<(), InvalidField> {
        let lowest = self.lowest;
        let highest = self.highest(rate);
        let nyquist = f64::from(rate) / 2.0;
        let fits = 0.0 <= lowest && lowest < highest && highest <= nyquist;
        let found = format!("{lowest} to {highest} Hz");
        InvalidField::unless(fits, "front_end.highest", &found, "a band from 0 to half the rate")
    }
}

/// A filter: its weights of the spectrum's bins from the first on that it takes in.
#[derive(Clone)]
struct Filter {
    first: usize,
    weights: Vec<f32>,
}

/// Log-mel energies at one rate: a Hann window, the power spectrum of the next power of 2,
/// triangles that are equally wide on the mel scale 2595 log10(1 + f / 700), and ln(energy + 10⁻⁶),
/// where a full-scale sample is 1.
#[derive(Clone)]
pub struct LogMel {
    filters: Vec<Filter>,
    /// Where the triangles stand, in Hz.
    corners: Vec<f64>,
    rate: u32,
    window: Vec<f32>,
    hop: usize,
    transform: Arc<dyn RealToComplex<f32>>,
}

/// What is added to an energy: below the noise of 8 kHz telephone speech, and above that of 16
/// bits.
const FLOOR: f32 = 1e-6;

/// How much of the band is warped evenly; what is above is speech's least.
const WARPED: f64 = 0.6;

/// Where the triangles begin, are the highest and end, each with its neighbours', in Hz: evenly on
/// the mel scale. The second is the first filter's centre.
pub(crate) fn mel_corners(config: &LogMelConfig, rate: u32) -> Vec<f64> {
    let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
    let hertz = |mel: f64| 700.0 * (10f64.powf(mel / 2595.0) - 1.0);
    let low = mel(config.lowest);
    let high = mel(config.highest(rate));
    let corner = |i: usize| hertz(low + (high - low) * i as f64 / (config.filters + 1) as f64);
    (0..config.filters + 2).map(corner).collect()
}

/// Triangles between each three neighbouring corners, over the bins of a transform of `size`
/// samples.
fn filters(corners: &[f64], size: usize, rate: u32) -> Vec<Filter> {
    let filter = |corners: &[f64]| {
        let &[left, centre, right] = corners else { unreachable!("windows of 3") };
        let weight = |bin: usize| {
            let hertz = bin as f64 * f64::from(rate) / size as f64;
            let up = (hertz - left) / (centre - left);
            let down = (right - hertz) / (right - centre);
            up.min(down).max(0.0) as f32
        };
        let weights: Vec<f32> = (0..=size / 2).map(weight).collect();
        let first = weights.iter().position(|&weight| weight > 0.0).unwrap_or(0);
        let end = weights.iter().rposition(|&weight| weight > 0.0).map_or(first, |last| last + 1);
        Filter { first, weights: weights[first..end].to_vec() }
    };
    corners.windows(3).map(filter).collect()
}

impl LogMel {
    /// Ready for audio of `rate` Hz.
    ///
    /// ```
    /// use conv_speech::frontend::{LogMel, LogMelConfig};
    /// let log_mel = LogMel::new(&LogMelConfig::default(), 8000);
    /// // A second of a tone: 98 windows fit, and the filter around 1 kHz hears it.
    /// let tone: Vec<f32> = (0..8000).map(|t| (t as f32 * 1000.0 / 8000.0 * std::f32::consts::TAU).sin()).collect();
    /// let features = log_mel.features(&tone);
    /// assert_eq!(features.len(), 40 * 98);
    /// let loudest = (0..40).max_by(|a, b| features[a * 98].total_cmp(&features[b * 98]));
    /// assert_eq!(loudest, Some(18));
    /// ```
    pub fn new(config: &LogMelConfig, rate: u32) -> Self {
        let length = samples(config.window_ms, rate).max(1);
        let size = length.next_power_of_two();
        let hann = |at: usize| (0.5 - 0.5 * (TAU * at as f64 / length as f64).cos()) as f32;
        let transform = RealFftPlanner::new().plan_fft_forward(size);
        let corners = mel_corners(config, rate);
        Self {
            filters: filters(&corners, size, rate),
            corners,
            rate,
            window: (0..length).map(hann).collect(),
            hop: samples(config.hop_ms, rate).max(1),
            transform,
        }
    }

    /// The same with filters that stand `factor` times as high, as for a vocal tract so much
    /// shorter (Jaitly and Hinton 2013, "Vocal Tract Length Perturbation", equation 1): the highest
    /// two fifths of the band bend so that it stays within itself.
    pub fn warped(&self, factor: f64) -> Self {
        let half = f64::from(self.rate) / 2.0;
        let bend = WARPED * half * factor.min(1.0);
        let warp = |hertz: f64| {
            if hertz <= bend / factor {
                hertz * factor
            } else {
                half - (half - bend) / (half - bend / factor) * (half - hertz)
            }
        };
        let corners: Vec<f64> = self.corners.iter().map(|&hertz| warp(hertz)).collect();
        let filters = filters(&corners, self.transform.len(), self.rate);
        Self { filters, corners, ..self.clone() }
    }

    /// The features of some samples, `[F, T]` row by row; none for less than a window.
    pub fn features(&self, samples: &[f32]) -> Vec<f32> {
        let frames = match samples.len().checked_sub(self.window.len()) {
            Some(rest) => rest / self.hop + 1,
            None => return Vec::new(),
        };
        let mut features = vec![0.0; self.filters.len() * frames];
        let mut windowed = self.transform.make_input_vec();
        let mut spectrum = self.transform.make_output_vec();
        let mut scratch = self.transform.make_scratch_vec();
        let mut power = vec![0.0; spectrum.len()];
        for frame in 0..frames {
            // The transform overwrites its input.
            windowed.fill(0.0);
            let samples = &samples[frame * self.hop..];
            for (to, (sample, weight)) in windowed.iter_mut().zip(samples.iter().zip(&self.window))
            {
                *to = sample * weight;
            }
            let done =
                self.transform.process_with_scratch(&mut windowed, &mut spectrum, &mut scratch);
            debug_assert!(done.is_ok(), "the transform's own vectors fit");
            for (power, bin) in power.iter_mut().zip(&spectrum) {
                *power = bin.norm_sqr();
            }
            for (number, Filter { first, weights }) in self.filters.iter().enumerate() {
                let energy: f32 = power[*first..].iter().zip(weights).map(|(p, w)| p * w).sum();
                features[number * frames + frame] = (energy + FLOOR).ln();
            }
        }
        features
    }
}

impl fmt::Debug for LogMel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { filters, window, hop, .. } = self;
        write!(f, "LogMel({} filters, window {}, hop {hop})", filters.len(), window.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warped_filters_hear_higher_and_stay_within_the_band() {
        let plain = LogMel::new(&LogMelConfig::default(), 16_000);
        let loudest = |log_mel: &LogMel, hertz: f64| {
            let wave = |t: usize| (hertz * t as f64 / 16_000.0 * TAU).sin() as f32;
            let features = log_mel.features(&(0..400).map(wave).collect::<Vec<f32>>());
            (0..40).max_by(|&a, &b| features[a].total_cmp(&features[b]))
        };
        for factor in [0.88, 1.0, 1.12] {
            let warped = plain.warped(factor);
            // What is said so much higher falls into the same filter.
            for hertz in [500.0, 1000.0, 2000.0] {
                assert_eq!(loudest(&warped, hertz * factor), loudest(&plain, hertz), "{factor}");
            }
            assert!(warped.corners.windows(2).all(|pair| pair[0] < pair[1]), "{factor}");
            assert!((warped.corners[41] - 8000.0).abs() < 1e-6, "{factor}");
        }
    }
}
