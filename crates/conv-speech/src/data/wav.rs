//! WAV files as they come, whose headers do not always say what is there.

use super::Audio;
use hound::{SampleFormat, WavReader};
use std::io::Cursor;

/// Mono samples of a WAV file.
pub(super) fn decode(bytes: Vec<u8>) -> Result<Audio, String> {
    if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err("no WAV (it does not begin with RIFF … WAVE)".into());
    }
    let reader = WavReader::new(Cursor::new(mended(&bytes)?)).map_err(|error| error.to_string())?;
    let spec = reader.spec();
    let channels = usize::from(spec.channels);
    if channels == 0 || spec.sample_rate == 0 {
        let rate = spec.sample_rate;
        return Err(format!("{channels} channels of {rate} samples a second, expected some"));
    }
    let samples = match spec.sample_format {
        SampleFormat::Float => mixed(reader.into_samples::<f32>(), channels, 1.0)?,
        SampleFormat::Int => {
            // Full scale; hound has moved 8 bits, which have no sign in the file, to around 0.
            let scale = 2f32.powi(1 - i32::from(spec.bits_per_sample));
            mixed(reader.into_samples::<i32>(), channels, scale)?
        }
    };
    Ok(Audio { samples, rate: spec.sample_rate })
}

/// A sample as a number around 0.
trait Sample {
    fn value(self) -> f32;
}

impl Sample for f32 {
    fn value(self) -> f32 {
        self
    }
}

impl Sample for i32 {
    fn value(self) -> f32 {
        self as f32
    }
}

/// The mean of the channels, times `scale`.
fn mixed<S: Sample>(
    samples: impl Iterator<Item = hound::Result<S>>,
    channels: usize,
    scale: f32,
) -> Result<Vec<f32>, String> {
    let share = scale / channels as f32;
    let (mut mono, mut sum) = (Vec::new(), 0.0);
    for (at, sample) in samples.enumerate() {
        let value = sample.map_err(|error| error.to_string())?.value();
        if !value.is_finite() {
            return Err(format!("sample {} is {value}, expected a number", at / channels));
        }
        sum += value;
        if at % channels == channels - 1 {
            mono.push(sum * share);
            sum = 0.0;
        }
    }
    Ok(mono)
}

/// The file with nothing but format and samples, whose header says how many bytes of samples there are: those of a pipe or of an
/// interrupted recording have 0, 0x7fffffff or 0xffffffff there, and others are off by some bytes.
fn mended(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let number = |at: usize, len: usize| -> Option<usize> {
        let bytes = bytes.get(at..at + len)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    let (mut at, mut format) = (12, None);
    while let Some(size) = number(at + 4, 4) {
        let start = at + 8;
        let rest = &bytes[start..];
        let held = &rest[..size.min(rest.len())];
        match (&bytes[at..at + 4], format) {
            (b"fmt ", _) => {
                format =
                    number(start + 12, 2).filter(|frame| *frame > 0).map(|frame| (held, frame));
            }
            (b"data", None) => {
                return Err("samples before any `fmt ` chunk that says what they are".into());
            }
            (b"data", Some((format, frame))) => {
                let samples = if size == 0 { rest } else { held };
                let samples = &samples[..samples.len() - samples.len() % frame];
                let of = |bytes: &[u8]| (bytes.len() as u32).to_le_bytes();
                let mut file = Vec::with_capacity(28 + format.len() + samples.len());
                for part in [b"RIFF", &of(samples)[..], b"WAVEfmt ", &of(format), format, b"data"] {
                    file.extend_from_slice(part);
                }
                file.extend_from_slice(&of(samples));
                file.extend_from_slice(samples);
                return Ok(file);
            }
            _ => {}
        }
        // Chunks begin at even places.
        at = start.saturating_add(held.len() + held.len() % 2);
    }
    Err("no `data` chunk, which holds the samples".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hound::{WavSpec, WavWriter};

    type Outcome = std::result::Result<(), Box<dyn std::error::Error>>;

    fn spec(channels: u16, bits_per_sample: u16, sample_format: SampleFormat) -> WavSpec {
        WavSpec { channels, sample_rate: 8000, bits_per_sample, sample_format }
    }

    /// Ten samples of 16 bits.
    fn plain() -> Result<Vec<u8>, hound::Error> {
        let mut out = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut out, spec(1, 16, SampleFormat::Int))?;
        (0..10).try_for_each(|at| writer.write_sample(i16::from(at as i8 - 5) * 1000))?;
        writer.finalize()?;
        Ok(out.into_inner())
    }

    #[test]
    fn every_width_is_of_one_scale_and_channels_are_mixed() -> Outcome {
        for (bits, format) in [(8, 0), (16, 0), (24, 0), (32, 0), (32, 1)] {
            let format = [SampleFormat::Int, SampleFormat::Float][format];
            let mut out = Cursor::new(Vec::new());
            let mut writer = WavWriter::new(&mut out, spec(2, bits, format))?;
            for value in [0.5f64, -0.25, 0.25, 0.75] {
                match format {
                    SampleFormat::Float => writer.write_sample(value as f32)?,
                    SampleFormat::Int => {
                        writer.write_sample((value * 2f64.powi(i32::from(bits) - 1)) as i32)?;
                    }
                }
            }
            writer.finalize()?;
            let audio = decode(out.into_inner())?;
            assert_eq!((audio.rate, &audio.samples[..]), (8000, &[0.125, 0.5][..]), "{bits} bits");
        }
        Ok(())
    }

    #[test]
    fn a_length_that_lies_is_that_of_the_file() -> Outcome {
        let clean = plain()?;
        let expected = decode(clean.clone())?;
        let at = clean.windows(4).position(|bytes| bytes == b"data").unwrap_or(0) + 4;
        for size in [0u32, 0x7fff_ffff, 0xffff_ffff, 28, 21] {
            let mut bytes = clean.clone();
            bytes[at..at + 4].copy_from_slice(&size.to_le_bytes());
            assert_eq!(decode(bytes)?, expected, "{size:#x}");
        }
        // A chunk before the samples, of an odd length.
        let mut bytes = clean.clone();
        bytes.splice(12..12, *b"LIST\x03\0\0\0abc\0");
        assert_eq!(decode(bytes)?, expected);
        // And one behind them, which is no sample.
        let bytes = [&clean[..], b"LIST\x04\0\0\0abcd"].concat();
        assert_eq!(decode(bytes)?, expected);
        Ok(())
    }

    #[test]
    fn hostile_bytes_are_refused() -> Outcome {
        let clean = plain()?;
        for end in 0..clean.len() {
            // A cut within the samples loses no more than they do.
            if let Ok(audio) = decode(clean[..end].to_vec()) {
                assert!(audio.samples.len() < 10);
            }
        }
        for at in 0..44 {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = clean.clone();
                bytes[at] = value;
                if let Ok(audio) = decode(bytes) {
                    assert!(audio.samples.len() <= 20);
                }
            }
        }
        let error = decode(b"OggS, and more than twelve".to_vec()).err().unwrap_or_default();
        assert!(error.starts_with("no WAV"), "{error}");
        Ok(())
    }

    #[test]
    fn a_sample_that_is_no_number_is_named() -> Outcome {
        let mut out = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut out, spec(1, 32, SampleFormat::Float))?;
        [0.0, f32::NAN].into_iter().try_for_each(|value| writer.write_sample(value))?;
        writer.finalize()?;
        let error = decode(out.into_inner()).err();
        assert_eq!(error.as_deref(), Some("sample 1 is NaN, expected a number"));
        Ok(())
    }
}
