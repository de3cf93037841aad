//! What a store's first bytes say, checked before anything is believed.

use conv_nn::rng::Fingerprint;

const MAGIC: &[u8; 8] = b"convpair";
const VERSION: u32 = 1;

/// The header's bytes.
pub(super) const LENGTH: u64 = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes a number: 2 or 4.
    pub width: u64,
    pub vocabularies: [u32; 2],
    pub pairs: u64,
    pub fingerprint: u64,
}

impl Header {
    pub fn new(vocabularies: [u32; 2]) -> Self {
        let small = vocabularies.iter().all(|&size| size <= 1 << 16);
        Self { width: if small { 2 } else { 4 }, vocabularies, pairs: 0, fingerprint: 0 }
    }

    pub fn bytes(&self) -> [u8; LENGTH as usize] {
        let mut bytes = [0; LENGTH as usize];
        bytes[..8].copy_from_slice(MAGIC);
        let [source, target] = self.vocabularies;
        let words = [VERSION, self.width as u32, source, target];
        for (place, word) in bytes[8..24].chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes[24..32].copy_from_slice(&self.pairs.to_le_bytes());
        bytes[32..].copy_from_slice(&self.fingerprint.to_le_bytes());
        bytes
    }

    pub fn parse(bytes: &[u8; LENGTH as usize]) -> Result<Self, String> {
        if bytes[..8] != *MAGIC {
            return Err(
                "it does not begin with `convpair`, expected a finished file of encoded pairs"
                    .into(),
            );
        }
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let [version, width] = [word(8), word(12)];
        if version != VERSION {
            return Err(format!("version {version}, expected {VERSION}"));
        }
        let header = Self::new([word(16), word(20)]);
        if u64::from(width) != header.width {
            return Err(format!(
                "numbers of {width} bytes, expected {} for vocabularies of {} and {}",
                header.width, header.vocabularies[0], header.vocabularies[1]
            ));
        }
        Ok(Self { pairs: long(24), fingerprint: long(32), ..header })
    }

    /// How many numbers a file of `size` bytes holds.
    pub fn numbers(&self, size: u64) -> Result<u64, String> {
        let body = size.saturating_sub(LENGTH);
        let left = self.pairs.checked_mul(8).and_then(|table| body.checked_sub(table));
        match left {
            Some(left) if left.is_multiple_of(self.width) => Ok(left / self.width),
            _ => Err(format!(
                "{size} bytes, expected {LENGTH}, 8 for each of {} pairs and {} for each number",
                self.pairs, self.width
            )),
        }
    }

    /// The numbers in `bytes`, or the first that is not below `size`.
    pub fn ids(&self, bytes: &[u8], size: u32) -> Result<Vec<u32>, u32> {
        let check = |id: u32| if id < size { Ok(id) } else { Err(id) };
        match self.width {
            2 => bytes
                .chunks_exact(2)
                .map(|id| check(u32::from(u16::from_le_bytes([id[0], id[1]]))))
                .collect(),
            _ => bytes
                .chunks_exact(4)
                .map(|id| check(u32::from_le_bytes([id[0], id[1], id[2], id[3]])))
                .collect(),
        }
    }

    /// The fingerprint of a store of this header, of numbers hashed so far and of these lengths.
    pub fn fingerprint(&self, mut numbers: Fingerprint, lengths: &[[u32; 2]]) -> u64 {
        for length in lengths.iter().flatten() {
            numbers.bytes(&length.to_le_bytes());
        }
        numbers.bytes(&Self { fingerprint: 0, ..*self }.bytes());
        numbers.value()
    }
}
