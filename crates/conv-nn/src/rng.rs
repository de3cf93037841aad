//! Seeds: every random stream is a function of (seed, purpose), so that none depends on what was
//! drawn before it.

use candle_core::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// The random stream of `purpose` under `seed`: a parameter's name, `"epoch 3"`, `"step 120"`.
///
/// Two purposes give unrelated streams, so adding a layer or a draw elsewhere leaves this one as it
/// was. ChaCha8 gives the same numbers on every platform.
///
/// ```
/// use rand::Rng;
/// let mut first = conv_nn::rng::seeded(1, "conv.weight");
/// let mut again = conv_nn::rng::seeded(1, "conv.weight");
/// assert_eq!(first.random::<u64>(), again.random::<u64>());
/// ```
pub fn seeded(seed: u64, purpose: &str) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    // Two FNV-1a hashes with different offsets: 128 bits keep distinct purposes apart.
    for (slot, offset) in [(8, Fingerprint::OFFSET), (16, 0x6c62_272e_07bb_0142)] {
        let mut hash = Fingerprint(offset);
        hash.bytes(purpose.as_bytes());
        key[slot..slot + 8].copy_from_slice(&hash.value().to_le_bytes());
    }
    key[24..].copy_from_slice(&(purpose.len() as u64).to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// FNV-1a with 64 bits: notices that data or weights are others. It finds accidents, not attacks.
///
/// ```
/// let mut fingerprint = conv_nn::rng::Fingerprint::default();
/// fingerprint.bytes(b"train.tsv");
/// assert_eq!(fingerprint.value(), 0x2f57_ca78_275a_1cd2);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(Self::OFFSET)
    }
}

impl Fingerprint {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

    /// Takes in bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.number(byte.into()));
    }

    /// Takes in a number as a whole, where bytes would take longer.
    pub fn number(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x0100_0000_01b3);
    }

    /// Takes in tensors of f32 with their names, which tells a model's parameters from others.
    ///
    /// # Errors
    /// A tensor of another type.
    pub fn tensors(&mut self, tensors: &BTreeMap<String, Tensor>) -> candle_core::Result<()> {
        for (name, tensor) in tensors {
            self.bytes(name.as_bytes());
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            values.iter().for_each(|value| self.number(value.to_bits().into()));
        }
        Ok(())
    }

    /// Of all that was taken in.
    pub fn value(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::seeded;
    use rand::Rng;

    #[test]
    fn streams_differ_by_seed_and_by_purpose() {
        let draw = |seed, purpose| seeded(seed, purpose).random::<u64>();
        let draws = [draw(1, "a"), draw(2, "a"), draw(1, "b"), draw(1, "aa"), draw(1, "")];
        for (i, first) in draws.iter().enumerate() {
            assert!(draws[i + 1..].iter().all(|other| other != first));
        }
    }

    #[test]
    fn the_stream_is_the_same_on_every_machine_and_version() {
        assert_eq!(seeded(42, "conv.weight").random::<u64>(), 4_206_656_221_992_272_068);
    }
}
