//! Samples as they come through a pipe.

use super::{Audio, wav};
use crate::{Error, Result};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Bytes that are read at a time, at most.
const AT_ONCE: usize = 1 << 14;

/// The longest header that is looked through for the samples.
const LONGEST_HEADER: usize = 1 << 20;

/// Sound from a reader: WAV of any format that [`Audio::read`] knows, or samples alone. It gives
/// what is there as soon as it is.
#[derive(Debug)]
pub struct Samples<R> {
    reader: R,
    /// The `fmt ` chunk.
    format: Vec<u8>,
    /// Bytes of a sample of all channels.
    frame: usize,
    /// Bytes that have been read and make no frame yet.
    pending: Vec<u8>,
    /// Bytes of samples that the header still promises.
    left: Option<usize>,
    rate: u32,
}

impl<R: Read> Samples<R> {
    /// Of a WAV file, whose header is read at once. A length of 0 and one beyond the end are those
    /// of pipes: all that comes is samples.
    ///
    /// # Errors
    /// What cannot be read, or is no such file.
    pub fn wav(mut reader: R) -> Result<Self> {
        let mut bytes = Vec::new();
        loop {
            let is_end = fill(&mut reader, &mut bytes)?;
            if let Some(header) = wav::header(&bytes).map_err(bad)? {
                let wav::Header { format, frame, start, size } = header;
                let format = format.to_vec();
                let rate = wav::rate(&format).map_err(bad)?;
                let left = (size > 0).then_some(size);
                let pending = bytes.split_off(start);
                return Ok(Self { reader, format, frame, pending, left, rate });
            }
            if is_end || bytes.len() > LONGEST_HEADER {
                return Err(bad("no `data` chunk, which holds the samples".into()));
            }
        }
    }

    /// Of samples of 16 bits, the lower byte first, of one channel.
    pub fn pcm(reader: R, rate: u32) -> Self {
        let format = wav::pcm_format(rate);
        Self { reader, format, frame: 2, pending: Vec::new(), left: None, rate }
    }

    /// Samples a second, in Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The next samples, the channels' mean; nothing at the end.
    ///
    /// # Errors
    /// What cannot be read; a sample that is no number.
    pub fn next_samples(&mut self) -> Result<Option<Vec<f32>>> {
        loop {
            let is_end = fill(&mut self.reader, &mut self.pending)?;
            let held = self.left.map_or(self.pending.len(), |left| left.min(self.pending.len()));
            let whole = held - held % self.frame;
            if whole > 0 {
                let bytes: Vec<u8> = self.pending.drain(..whole).collect();
                self.left = self.left.map(|left| left - whole);
                let Audio { samples, .. } = wav::samples(&self.format, &bytes).map_err(bad)?;
                return Ok(Some(samples));
            }
            if is_end || self.left.is_some_and(|left| left < self.frame) {
                return Ok(None);
            }
        }
    }
}

/// Reads what is there, up to [`AT_ONCE`] bytes; says whether it was the end.
fn fill(reader: &mut impl Read, bytes: &mut Vec<u8>) -> Result<bool> {
    let before = bytes.len();
    bytes.resize(before + AT_ONCE, 0);
    let count = loop {
        match reader.read(&mut bytes[before..]) {
            Ok(count) => break count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(source) => return Err(Error::Io { path: NAME.into(), source }),
        }
    };
    bytes.truncate(before + count);
    Ok(count == 0)
}

/// What a reader is called in errors.
const NAME: &str = "standard input";

fn bad(reason: String) -> Error {
    Error::Audio { path: Path::new(NAME).into(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one to three bytes at a time, as a slow pipe does.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = (self.0.len() % 3 + 1).min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn all(mut samples: Samples<Slow>) -> Result<Vec<f32>> {
        let mut found = Vec::new();
        while let Some(some) = samples.next_samples()? {
            found.extend(some);
        }
        Ok(found)
    }

    #[test]
    fn a_pipe_gives_what_the_file_does() -> Result<()> {
        let bytes: Vec<u8> = (0..40u8).map(|at| at.wrapping_mul(37)).collect();
        let file = wav::file(&wav::pcm_format(8000), &bytes);
        let expected = Audio::from_bytes(file.clone()).map_err(bad)?;
        assert_eq!(all(Samples::pcm(Slow(&bytes), 8000))?, expected.samples);
        let at = file.len() - bytes.len() - 4;
        for size in [40u32, 0, 0x7fff_ffff, 0xffff_ffff] {
            let mut file = file.clone();
            file[at..at + 4].copy_from_slice(&size.to_le_bytes());
            let samples = Samples::wav(Slow(&file))?;
            assert_eq!((samples.rate(), all(samples)?), (8000, expected.samples.clone()), "{size}");
        }
        // What follows the samples is none.
        let file = [&file[..], b"LIST\x04\0\0\0abcd"].concat();
        assert_eq!(all(Samples::wav(Slow(&file))?)?, expected.samples);
        assert!(Samples::wav(Slow(b"no sound, no sound")).is_err());
        assert!(Samples::wav(Slow(&file[..30])).is_err());
        Ok(())
    }
}
