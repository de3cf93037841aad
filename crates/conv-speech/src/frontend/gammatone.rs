//! Gammatone filters: where the filters over the waveform start, as Sainath et al. (2015), section
//! 3.1, have it.

use std::f64::consts::TAU;

/// Filters `[filters, width]`, row by row: t³ e^(−2πbt) cos(2πft), with b 1.019 times the
/// equivalent rectangular bandwidth 24.7 (4.37 f / 1000 + 1) of Glasberg and Moore (1990). Centre
/// frequencies are evenly spaced on that scale from 100 Hz to nine tenths of half the rate; the
/// gain at each is 1. They are turned around in time, since a convolution's kernel is.
///
/// ```
/// let filters = conv_speech::frontend::gammatone(40, 400, 16_000);
/// assert_eq!(filters.len(), 40 * 400);
/// ```
pub fn gammatone(filters: usize, width: usize, rate: u32) -> Vec<f32> {
    let rate = f64::from(rate);
    let scale = |hertz: f64| 21.4 * (4.37e-3 * hertz + 1.0).log10();
    let hertz = |scale: f64| (10f64.powf(scale / 21.4) - 1.0) / 4.37e-3;
    let low = scale(100.0);
    let high = scale(0.45 * rate);
    let mut weights = Vec::new();
    for number in 0..filters {
        let place = number as f64 / (filters.max(2) - 1) as f64;
        let centre = hertz(low + (high - low) * place);
        let bandwidth = 1.019 * 24.7 * (4.37e-3 * centre + 1.0);
        let response = |at: usize| {
            let t = at as f64 / rate;
            t.powi(3) * (-TAU * bandwidth * t).exp() * (TAU * centre * t).cos()
        };
        let response: Vec<f64> = (0..width).map(response).collect();
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (at, value) in response.iter().enumerate() {
            let (sine, cosine) = (TAU * centre * at as f64 / rate).sin_cos();
            real += value * cosine;
            imaginary += value * sine;
        }
        let gain = real.hypot(imaginary).max(f64::MIN_POSITIVE);
        weights.extend(response.iter().rev().map(|value| (value / gain) as f32));
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_filter_hears_its_own_frequency_best() {
        let (filters, width, rate) = (40, 400, 16_000);
        let weights = gammatone(filters, width, rate);
        let mut last = 0.0;
        for filter in weights.chunks(width) {
            let gain = |hertz: f64| {
                let step = TAU * hertz / f64::from(rate);
                let sum = |f: fn(f64) -> f64| -> f64 {
                    filter.iter().enumerate().map(|(t, &w)| f64::from(w) * f(step * t as f64)).sum()
                };
                sum(f64::cos).hypot(sum(f64::sin))
            };
            let hertz = (20..8000).step_by(20).map(f64::from);
            let best = hertz.max_by(|a, b| gain(*a).total_cmp(&gain(*b))).unwrap_or(0.0);
            assert!((gain(best) - 1.0).abs() < 0.05, "{best} Hz: {}", gain(best));
            assert!(best > last, "{best} after {last}");
            last = best;
        }
        assert!((7000.0..7400.0).contains(&last), "{last}");
    }
}
