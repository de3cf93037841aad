//! A long sound behind a long filter, by way of their spectra.

use realfft::RealFftPlanner;

/// The first samples of the convolution of a sound with a response, as many as the sound has.
pub(super) fn convolved(samples: &[f32], response: &[f32]) -> Vec<f32> {
    if samples.is_empty() || response.is_empty() {
        return samples.to_vec();
    }
    // What is behind the sound's end is not wanted, but must not come back to its beginning.
    let response = &response[..response.len().min(samples.len())];
    let length = (samples.len() + response.len() - 1).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let forward = planner.plan_fft_forward(length);
    let inverse = planner.plan_fft_inverse(length);
    let spectrum = |sound: &[f32]| {
        let mut padded = sound.to_vec();
        padded.resize(length, 0.0);
        let mut spectrum = forward.make_output_vec();
        // All lengths are the plan's own, so nothing can fail.
        _ = forward.process(&mut padded, &mut spectrum);
        spectrum
    };
    let mut product = spectrum(samples);
    for (value, other) in product.iter_mut().zip(spectrum(response)) {
        *value *= other;
    }
    // The first and the last number of a real sound's spectrum are real, which rounding may have
    // changed.
    for end in [0, length / 2] {
        product[end].im = 0.0;
    }
    let mut sound = inverse.make_output_vec();
    _ = inverse.process(&mut product, &mut sound);
    sound.truncate(samples.len());
    let share = 1.0 / length as f32;
    sound.iter_mut().for_each(|sample| *sample *= share);
    sound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_sum_over_all_places() {
        let of = |count: usize, by: f32| -> Vec<f32> {
            (0..count).map(|at| (at as f32 * by).sin()).collect()
        };
        for (sound, response) in [(1, 1), (1, 5), (7, 3), (100, 33), (64, 200)] {
            let sound = of(sound, 0.7);
            let response = of(response, 1.3);
            let found = convolved(&sound, &response);
            assert_eq!(found.len(), sound.len());
            for (at, found) in found.iter().enumerate() {
                let parts = response.iter().take(at + 1).enumerate();
                let expected: f32 = parts.map(|(by, value)| value * sound[at - by]).sum();
                assert!((found - expected).abs() < 1e-4, "{at}: {found} {expected}");
            }
        }
        assert!(convolved(&[], &[1.0]).is_empty());
    }
}
