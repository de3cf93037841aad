//! WAV files as they come, whose headers do not always say what is there.

use super::Audio;
use hound::{SampleFormat, WavReader};
use std::io::Cursor;

/// Mono samples of a WAV file.
pub(super) fn decode(bytes: Vec<u8>) -> Result<Audio, String> {
    let Some(Header { format, frame, start, size }) = header(&bytes)? else {
        return Err("no `data` chunk, which holds the samples".into());
    };
    let rest = &bytes[start..];
    let held = if size == 0 { rest } else { &rest[..size.min(rest.len())] };
    samples(format, &held[..held.len() - held.len() % frame])
}

/// Mono samples of whole frames, which are what the `fmt ` chunk says.
pub(super) fn samples(format: &[u8], samples: &[u8]) -> Result<Audio, String> {
    let number = |at: usize| number(format, at, 2).unwrap_or(0);
    let channels = number(2).max(1);
    let rate = rate(format)?;
    // The last bytes of the extended form say which of the others it is.
    let kind = if number(0) == EXTENSIBLE { number(24) } else { number(0) };
    let own = |samples: Vec<f32>| {
        let samples = mixed(samples.into_iter().map(Ok), channels, 1.0)?;
        Ok(Audio { samples, rate })
    };
    // What hound does not read.
    match (kind, number(14)) {
        (FLOAT, 32) => own(numbers(samples, f32::from_le_bytes)),
        (FLOAT, 64) => own(numbers(samples, |bytes| f64::from_le_bytes(bytes) as f32)),
        (A_LAW, 8) => own(samples.iter().map(|&byte| a_law(byte)).collect()),
        (MU_LAW, 8) => own(samples.iter().map(|&byte| mu_law(byte)).collect()),
        _ => {
            // Nobody needs the bytes a second that some headers have wrong.
            let mut format = format.to_vec();
            let frame = self::number(&format, 12, 2).unwrap_or(0) as u32;
            if let Some(bytes) = format.get_mut(8..12) {
                bytes.copy_from_slice(&rate.wrapping_mul(frame).to_le_bytes());
            }
            integers(file(&format, samples), rate)
        }
    }
}

/// Kinds of samples, as a header numbers them.
const FLOAT: usize = 3;
const A_LAW: usize = 6;
const MU_LAW: usize = 7;
const EXTENSIBLE: usize = 0xfffe;

fn numbers<const N: usize>(samples: &[u8], number: fn([u8; N]) -> f32) -> Vec<f32> {
    samples.as_chunks::<N>().0.iter().map(|&bytes| number(bytes)).collect()
}

/// ITU-T G.711, table 1: a sign, three bits of a power of 2 and four of what lies between.
fn a_law(byte: u8) -> f32 {
    let code = byte ^ 0x55;
    let between = i32::from(code & 15) << 4;
    let size = match (code >> 4) & 7 {
        0 => between + 8,
        power => (between + 0x108) << (power - 1),
    };
    (if code & 0x80 == 0 { -size } else { size }) as f32 / 32_768.0
}

/// The same of table 2, whose bits are turned around.
fn mu_law(byte: u8) -> f32 {
    let code = !byte;
    let size = (((i32::from(code & 15) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84;
    (if code & 0x80 == 0 { size } else { -size }) as f32 / 32_768.0
}

fn integers(bytes: Vec<u8>, rate: u32) -> Result<Audio, String> {
    let reader = WavReader::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let spec = reader.spec();
    let channels = usize::from(spec.channels);
    if channels == 0 || spec.sample_format != SampleFormat::Int {
        return Err(format!("{channels} channels of {:?}, expected some", spec.sample_format));
    }
    // Full scale; hound has moved 8 bits, which have no sign in the file, to around 0.
    let scale = 2f32.powi(1 - i32::from(spec.bits_per_sample));
    let samples = mixed(reader.into_samples::<i32>(), channels, scale)?;
    Ok(Audio { samples, rate })
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

/// What stands in front of a file's samples.
pub(super) struct Header<'a> {
    /// What they are.
    pub format: &'a [u8],
    /// Bytes of a sample of all channels.
    pub frame: usize,
    /// Where they begin.
    pub start: usize,
    /// How many bytes they are said to be: in headers of a pipe or of an interrupted recording 0,
    /// 0x7fffffff or 0xffffffff, and in others off by some bytes.
    pub size: usize,
}

/// The number of so many bytes at a place, the lowest first.
fn number(bytes: &[u8], at: usize, len: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(len)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

/// Samples a second, which a `fmt ` chunk says.
pub(super) fn rate(format: &[u8]) -> Result<u32, String> {
    let rate = number(format, 4, 4).and_then(|rate| u32::try_from(rate).ok());
    rate.filter(|&rate| rate > 0).ok_or_else(|| "0 samples a second, expected some".into())
}

/// The header of a file, if its first bytes hold it whole.
pub(super) fn header(bytes: &[u8]) -> Result<Option<Header<'_>>, String> {
    let [name, kind] = [0, 8].map(|at| bytes.get(at..at + 4));
    if name.is_some_and(|name| name != b"RIFF") || kind.is_some_and(|kind| kind != b"WAVE") {
        return Err("no WAV (it does not begin with RIFF … WAVE)".into());
    }
    let (mut at, mut format) = (12_usize, None);
    while let Some(size) = number(bytes, at.saturating_add(4), 4) {
        let start = at + 8;
        let rest = &bytes[start..];
        let held = &rest[..size.min(rest.len())];
        match (&bytes[at..at + 4], format) {
            (b"fmt ", _) => {
                format = number(held, 12, 2).filter(|frame| *frame > 0).map(|frame| (held, frame));
            }
            (b"data", None) => {
                return Err("samples before any `fmt ` chunk that says what they are".into());
            }
            (b"data", Some((format, frame))) => {
                return Ok(Some(Header { format, frame, start, size }));
            }
            _ => {}
        }
        // Chunks begin at even places.
        at = start.saturating_add(size).saturating_add(size % 2);
    }
    Ok(None)
}

/// The `fmt ` chunk of samples of 16 bits of one channel.
pub(super) fn pcm_format(rate: u32) -> Vec<u8> {
    let mut format = [1u16, 1].map(u16::to_le_bytes).concat();
    format.extend([rate, rate.saturating_mul(2)].map(u32::to_le_bytes).concat());
    format.extend([2u16, 16].map(u16::to_le_bytes).concat());
    format
}

/// A file with nothing but format and samples, whose header says how many bytes of samples there
/// are.
pub(super) fn file(format: &[u8], samples: &[u8]) -> Vec<u8> {
    let of = |bytes: &[u8]| (bytes.len() as u32).to_le_bytes();
    let mut file = Vec::with_capacity(28 + format.len() + samples.len());
    for part in [b"RIFF", &of(samples)[..], b"WAVEfmt ", &of(format), format, b"data"] {
        file.extend_from_slice(part);
    }
    file.extend_from_slice(&of(samples));
    file.extend_from_slice(samples);
    file
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

    /// A file of one channel with a format of its own.
    fn with_format(kind: u16, bits: u16, extension: &[u8], samples: &[u8]) -> Vec<u8> {
        let frame = bits / 8;
        let mut format = [kind, 1].map(u16::to_le_bytes).concat();
        format.extend([8000, 8000 * u32::from(frame)].map(u32::to_le_bytes).concat());
        format.extend([frame, bits].map(u16::to_le_bytes).concat());
        format.extend_from_slice(extension);
        file(&format, samples)
    }

    #[test]
    fn floats_and_logarithms_are_numbers() -> Outcome {
        let values = [0.0, 0.5, -1.0];
        let narrow: Vec<u8> =
            values.iter().flat_map(|&value| (value as f32).to_le_bytes()).collect();
        let wide: Vec<u8> = values.iter().flat_map(|&value: &f64| value.to_le_bytes()).collect();
        // 22 more bytes follow; zeroed in files of some makers.
        let zeros = [22, 0].into_iter().chain([0; 22]).collect::<Vec<u8>>();
        let mut extension = zeros.clone();
        extension[8] = 3;
        for file in [
            with_format(3, 32, &[], &narrow),
            with_format(3, 32, &zeros, &narrow),
            with_format(3, 64, &[], &wide),
            with_format(0xfffe, 32, &extension, &narrow),
        ] {
            assert_eq!(decode(file)?.samples, [0.0, 0.5, -1.0]);
        }
        // G.711's values as 16 bits: the softest, the loudest, and one between.
        let of =
            |samples: Vec<f32>| samples.iter().map(|value| value * 32_768.0).collect::<Vec<_>>();
        let found = of(decode(with_format(7, 8, &[], &[0xff, 0x80, 0x00, 0xcf]))?.samples);
        assert_eq!(found, [0.0, 32_124.0, -32_124.0, 924.0]);
        let found = of(decode(with_format(6, 8, &[], &[0xd5, 0x55, 0xaa, 0x2a]))?.samples);
        assert_eq!(found, [8.0, -8.0, 32_256.0, -32_256.0]);
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
