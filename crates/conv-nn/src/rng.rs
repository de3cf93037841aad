//! Seeds: every random stream is a function of (seed, purpose), so that none depends on what was drawn before it.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The random stream of `purpose` under `seed`: a parameter's name, `"epoch 3"`, `"step 120"`.
///
/// Two purposes give unrelated streams, so adding a layer or a draw elsewhere leaves this one as it was.
/// ChaCha8 gives the same numbers on every platform.
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
    for (slot, offset) in [(8, 0xcbf2_9ce4_8422_2325_u64), (16, 0x6c62_272e_07bb_0142)] {
        let hash = purpose
            .bytes()
            .fold(offset, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        key[slot..slot + 8].copy_from_slice(&hash.to_le_bytes());
    }
    key[24..].copy_from_slice(&(purpose.len() as u64).to_le_bytes());
    ChaCha8Rng::from_seed(key)
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
