//! Features on disk, so that a second run need not compute them.

use crate::frontend::FrontEnd;
use crate::{Error, Result};
use conv_nn::rng::Fingerprint;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder of log-mel energies, a file a recording. It is called by a fingerprint of what the
/// energies come from, samples and settings both, so that a recording that was changed, or is heard
/// otherwise, is another file; and a file that was damaged is none. The folder may be deleted at
/// any time, and several runs may share it.
#[derive(Debug)]
pub struct FeatureCache {
    folder: PathBuf,
    found: AtomicUsize,
    made: AtomicUsize,
}

/// What a file begins with. Another way to compute energies is another one.
const MAGIC: &[u8; 8] = b"logmel01";

impl FeatureCache {
    /// The folder at `path`, which is made if it is not there.
    ///
    /// # Errors
    /// A folder that cannot be made.
    pub fn open(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(Error::io(path))?;
        let [found, made] = [(); 2].map(|()| AtomicUsize::new(0));
        Ok(Self { folder: path.into(), found, made })
    }

    /// The `count` numbers that `make` makes of samples, from the file of them or anew.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn features(
        &self,
        front_end: &FrontEnd,
        rate: u32,
        samples: &[f32],
        count: usize,
        make: impl FnOnce() -> Vec<f32>,
    ) -> Result<Vec<f32>> {
        let mut key = Fingerprint::default();
        key.bytes(format!("{:?} {rate} {}", front_end.log_mel(), samples.len()).as_bytes());
        let [before, own] = front_end.log_mel_window(rate);
        [before, own].iter().for_each(|&size| key.number(size as u64));
        samples.iter().for_each(|sample| key.number(sample.to_bits().into()));
        let path = self.folder.join(format!("{:016x}", key.value()));
        if let Some(features) = read(&path, count) {
            self.found.fetch_add(1, Ordering::Relaxed);
            return Ok(features);
        }
        let features = make();
        let mut bytes = MAGIC.to_vec();
        features.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        bytes.extend(checksum(&features).to_le_bytes());
        conv_hub::files::write_atomic(&path, &bytes).map_err(Error::io(&path))?;
        self.made.fetch_add(1, Ordering::Relaxed);
        Ok(features)
    }
}

fn checksum(features: &[f32]) -> u64 {
    let mut sum = Fingerprint::default();
    features.iter().for_each(|value| sum.number(value.to_bits().into()));
    sum.value()
}

/// The numbers of a file, if it is whole and has so many.
fn read(path: &Path, count: usize) -> Option<Vec<f32>> {
    let size = (MAGIC.len() + 8).checked_add(count.checked_mul(4)?)?;
    if std::fs::metadata(path).ok()?.len() != size as u64 {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    let (numbers, sum) = bytes.strip_prefix(MAGIC)?.split_at_checked(4 * count)?;
    let number = |bytes: &[u8]| Some(f32::from_le_bytes(bytes.try_into().ok()?));
    let features: Vec<f32> = numbers.chunks_exact(4).map(number).collect::<Option<_>>()?;
    (checksum(&features).to_le_bytes() == sum).then_some(features)
}

impl fmt::Display for FeatureCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [found, made] = [&self.found, &self.made].map(|count| count.load(Ordering::Relaxed));
        let folder = self.folder.display();
        write!(f, "features of {found} recordings were in {folder}, {made} are new or changed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::LogMelConfig;

    #[test]
    fn what_changed_is_made_anew_and_what_is_damaged_too() -> Result<()> {
        let place = tempfile::tempdir().map_err(Error::io(Path::new("a folder")))?;
        let cache = FeatureCache::open(&place.path().join("features"))?;
        let plain = FrontEnd::LogMel(LogMelConfig::default());
        let other = FrontEnd::LogMel(LogMelConfig { filters: 41, ..LogMelConfig::default() });
        let made = std::cell::Cell::new(0);
        let get = |front_end: &FrontEnd, rate: u32, samples: &[f32]| {
            cache.features(front_end, rate, samples, 3, || {
                made.set(made.get() + 1);
                vec![samples[0], 2.0, f32::MIN_POSITIVE]
            })
        };
        let samples = [0.5, -0.25];
        let expected = vec![0.5, 2.0, f32::MIN_POSITIVE];
        for _ in 0..3 {
            assert_eq!(get(&plain, 8000, &samples)?, expected);
        }
        assert_eq!(made.get(), 1);
        for (front_end, rate, samples) in [
            (&plain, 8000, &[0.5, -0.25000003][..]),
            (&plain, 8001, &samples[..]),
            (&other, 8000, &samples[..]),
            (&plain, 8000, &[0.5, -0.25, 0.0][..]),
        ] {
            get(front_end, rate, samples)?;
        }
        assert_eq!(made.get(), 5);
        assert!(cache.to_string().starts_with("features of 2 recordings were in "), "{cache}");

        // Every byte of every file counts, and so does its length.
        let files = std::fs::read_dir(&cache.folder).map_err(Error::io(&cache.folder))?;
        for file in files.filter_map(|entry| Some(entry.ok()?.path())) {
            let whole = std::fs::read(&file).map_err(Error::io(&file))?;
            for damaged in [&whole[..whole.len() - 1], &[], &[&whole[..], &[0]].concat()] {
                std::fs::write(&file, damaged).map_err(Error::io(&file))?;
                assert_eq!(read(&file, 3), None);
            }
            for at in 0..whole.len() {
                let mut damaged = whole.clone();
                damaged[at] ^= 1;
                std::fs::write(&file, damaged).map_err(Error::io(&file))?;
                assert_eq!(read(&file, 3), None, "byte {at}");
            }
        }
        assert_eq!(get(&plain, 8000, &samples)?, expected);
        assert_eq!(made.get(), 6);
        Ok(())
    }
}
