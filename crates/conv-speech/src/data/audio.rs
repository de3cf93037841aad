//! Sound as the networks take it.

use super::{Resampler, Span, compressed, sphere, wav};
use crate::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// One channel of sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// The samples, full scale being -1 to 1; several channels are mixed to their mean.
    pub samples: Vec<f32>,
    /// Samples a second, in Hz.
    pub rate: u32,
}

/// The most bytes that are read of a file: ten hours of 16 kHz speech in 16 bits.
const LARGEST: u64 = 1 << 30;

impl Audio {
    /// Reads a file of WAV, NIST SPHERE (not packed), FLAC, MP3, or Vorbis in Ogg, by what it
    /// begins with. WAV: integers of 8, 16, 24 and 32 bits, floats of 32 and 64, A-law and µ-law,
    /// of any number of channels, also as `WAVE_FORMAT_EXTENSIBLE`. Where the header claims another
    /// length than the file has, as headers of pipes and of interrupted recordings do, what is
    /// there is read. Memory is bounded by the file's own length.
    ///
    /// # Errors
    /// A file that cannot be read, is something else than these, is larger than 1 GiB, or holds a
    /// sample that is no number.
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        let length = file.metadata().map_err(Error::io(path))?.len();
        let bad = |reason| Error::Audio { path: path.into(), reason };
        if length > LARGEST {
            return Err(bad(format!("{length} bytes, expected at most {LARGEST}")));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes).map_err(Error::io(path))?;
        Self::from_bytes(bytes).map_err(bad)
    }

    /// The same of a file's bytes; the error says what was found and what was expected.
    ///
    /// # Errors
    /// As [`Audio::read`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.starts_with(b"RIFF") {
            wav::decode(bytes)
        } else if bytes.starts_with(sphere::MAGIC) {
            sphere::decode(&bytes)
        } else {
            compressed::decode(bytes)
        }
    }

    /// The same at another rate.
    ///
    /// # Errors
    /// A rate of 0, or one more than 256 times as high or as low.
    pub fn at_rate(self, rate: u32) -> Result<Self> {
        if self.rate == rate {
            return Ok(self);
        }
        let mut resampler = Resampler::new(self.rate, rate)?;
        let mut samples = resampler.push(&self.samples)?;
        samples.extend(resampler.finish()?);
        Ok(Self { samples, rate })
    }

    /// A part of it; `name` is what it is called in errors.
    ///
    /// # Errors
    /// A part that begins behind the end.
    pub fn part(&self, name: &str, span: Span) -> Result<Self> {
        let at = |seconds: f64| (seconds * f64::from(self.rate)).round() as usize;
        let count = self.samples.len();
        let start = span.start.map_or(0, at);
        let end = span.end.map_or(count, at).min(count);
        if start >= end && span != Span::default() {
            let name = name.into();
            let start = span.start.unwrap_or(0.0);
            return Err(Error::Behind { name, start, seconds: self.seconds() });
        }
        Ok(Self { samples: self.samples[start..end].to_vec(), rate: self.rate })
    }

    /// How long it is, in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_lies_between_its_times() -> Result<()> {
        let audio = Audio { samples: (0..100).map(|at| at as f32).collect(), rate: 10 };
        let part = |start, end| audio.part("a.wav", Span { start, end });
        assert_eq!(part(Some(2.0), Some(2.3))?.samples, [20.0, 21.0, 22.0]);
        assert_eq!(part(None, Some(0.1))?.samples, [0.0]);
        assert_eq!(part(Some(9.9), Some(20.0))?.samples, [99.0]);
        assert_eq!(part(None, None)?, audio);
        let message = part(Some(10.0), None).err().map(|error| error.to_string());
        let expected = "a.wav lasts 10 s, expected more than the 10 s at which a part begins";
        assert_eq!(message.as_deref(), Some(expected));
        Ok(())
    }

    /// What files of each kind begin with, and a WAV file of ten samples.
    fn beginnings() -> Vec<Vec<u8>> {
        let wav = wav::file(&wav::pcm_format(8000), &[7; 20]);
        let kinds: [&[u8]; 6] = [
            b"fLaC\0\0\0\x22",
            b"OggS\0\x02",
            b"ID3\x04\0\0",
            &[0xff, 0xfb, 0x90],
            b"RIFF",
            b"NIST_1A\n   1024\n",
        ];
        kinds.into_iter().map(<[u8]>::to_vec).chain([wav]).collect()
    }

    proptest::proptest! {
        /// Whatever follows, it is a refusal or no more samples than the bytes can hold.
        #[test]
        fn hostile_bytes_are_refused_or_are_few_samples(
            kind in 0usize..7,
            rest in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
            change in (0usize..44, proptest::prelude::any::<u8>()),
        ) {
            let mut bytes = beginnings().swap_remove(kind);
            let (at, value) = change;
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            bytes.extend(rest);
            let most = 8 * bytes.len();
            match Audio::from_bytes(bytes) {
                // A frame of MP3 or Vorbis may stand for some thousand samples.
                Ok(audio) if kind < 4 => proptest::prop_assert!(audio.samples.len() <= 1 << 20),
                Ok(audio) => proptest::prop_assert!(audio.samples.len() <= most),
                Err(reason) => proptest::prop_assert!(!reason.is_empty()),
            }
        }
    }
}
