//! Sound as the networks take it.

use super::wav;
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
    /// Reads a WAV file: integers of 8, 16, 24 and 32 bits and 32-bit floats, of any number of channels, also as
    /// `WAVE_FORMAT_EXTENSIBLE`. Where the header claims another length than the file has, as headers of pipes and of
    /// interrupted recordings do, what is there is read. Memory is bounded by the file's own length.
    ///
    /// # Errors
    /// A file that cannot be read, is something else than such a WAV, is larger than 1 GiB, or holds a sample that is no
    /// number.
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        let length = file.metadata().map_err(Error::io(path))?.len();
        let bad = |reason| Error::Audio { path: path.into(), reason };
        if length > LARGEST {
            return Err(bad(format!("{length} bytes, expected at most {LARGEST}")));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes).map_err(Error::io(path))?;
        Self::from_wav(bytes).map_err(bad)
    }

    /// The same of a file's bytes; the error says what was found and what was expected.
    ///
    /// # Errors
    /// As [`Audio::read`].
    pub fn from_wav(bytes: Vec<u8>) -> Result<Self, String> {
        wav::decode(bytes)
    }

    /// How long it is, in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate)
    }
}
