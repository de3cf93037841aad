//! How much of a picture is noise between neighbouring pixels.

use crate::{Result, waves};
use candle_core::{DType, Device};
use conv_vision::Picture;

/// The share of a picture's energy, from 0 to 1, in frequencies above half the Nyquist frequency:
/// waves of fewer than four pixels, in whatever direction. Energy is the sum of the squares of the
/// waves of red, green and blue, without each colour's mean; a picture of one colour has none, and
/// a share of 0.
///
/// # Errors
/// Only what the tensor library refuses.
pub fn high_frequencies(picture: &Picture) -> Result<f64> {
    let height = picture.height();
    let width = picture.width();
    let pixels = picture.tensor(&Device::Cpu)?.squeeze(0)?.to_dtype(DType::F64)?;
    let waves = waves(&pixels)?.flatten_all()?.to_vec1::<f64>()?;
    let half = width / 2 + 1;
    let (mut high, mut all, mut means) = (0.0, 0.0, 0.0);
    for (at, wave) in waves.chunks_exact(2).enumerate() {
        let k = at % half;
        let j = at / half % height;
        if (j, k) == (0, 0) {
            means += wave[0] * wave[0];
            continue;
        }
        // A column that has a twin in the half that is left out.
        let times = if k == 0 || 2 * k == width { 1.0 } else { 2.0 };
        let energy = times * (wave[0] * wave[0] + wave[1] * wave[1]);
        let down = j.min(height - j) as f64 / height as f64;
        all += energy;
        if down.hypot(k as f64 / width as f64) > 0.25 {
            high += energy;
        }
    }
    // What rounding leaves of a single colour is none; a grey level in a picture of any size is
    // more.
    Ok(if all > 1e-20 * means { high / all } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_is_high_or_is_not() {
        fn wave(phase: f64) -> f64 {
            127.0 + 100.0 * (std::f64::consts::TAU * phase).sin()
        }
        let share = |height: usize, width: usize, level: fn(usize, usize) -> f64| {
            let pixels = (0..height * width).flat_map(|at| {
                let level = level(at / width, at % width).round() as u8;
                [level, 255 - level, 100]
            });
            high_frequencies(&Picture::new(width, height, pixels.collect()).unwrap()).unwrap()
        };
        assert_eq!(share(8, 12, |_, _| 50.0), 0.0);
        // A checkerboard has the highest frequency that there is, whatever the sides.
        assert!((share(9, 12, |r, c| (255 * ((r + c) % 2)) as f64) - 1.0).abs() < 0.1);
        assert!((share(8, 12, |r, c| (255 * ((r + c) % 2)) as f64) - 1.0).abs() < 1e-12);
        // Three pixels a wave, and six.
        assert!(share(12, 12, |_, c| wave(c as f64 / 3.0 + 0.1)) > 0.999);
        assert!(share(12, 12, |r, _| wave(r as f64 / 6.0 + 0.1)) < 0.001);
        // 0.2 cycles down and 0.2 across are 0.28 together.
        assert!(share(20, 20, |r, c| wave((r + c) as f64 * 0.2 + 0.1)) > 0.999);
        // Of two waves of the same height, half the energy is high.
        let both = |_: usize, c: usize| (wave(c as f64 / 3.0) + wave(c as f64 / 12.0)) / 2.0;
        assert!((share(12, 12, both) - 0.5).abs() < 0.01);
    }
}
