//! Files that were cut, damaged or made to do harm: each gives an error or a right answer, never a
//! panic, and never takes more memory than a small multiple of its length.
#![allow(clippy::unwrap_used)]

mod folder;
mod legacy;
mod memory;
mod pth;
mod safetensors;
mod vectors;

use std::path::Path;

/// Runs `read` on a file of these bytes and checks what it took at once. A whole file may be held,
/// and its tensors.
fn read_within_bounds<T>(
    bytes: &[u8],
    read: impl FnOnce(&Path) -> conv_hub::Result<T>,
) -> conv_hub::Result<T> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let (result, peak) = memory::peak_of(|| read(file.path()));
    let most = 16 * bytes.len() + (4 << 20);
    assert!(peak <= most, "{peak} bytes taken for a file of {}", bytes.len());
    result
}

/// Every shorter length of `bytes` must be an error.
fn every_truncation_is_an_error<T>(bytes: &[u8], read: impl Fn(&Path) -> conv_hub::Result<T>) {
    for length in 0..bytes.len() {
        let result = read_within_bounds(&bytes[..length], &read);
        assert!(result.is_err(), "cut to {length} of {} bytes and still read", bytes.len());
    }
}

/// Each byte with one of its bits flipped, another bit in the next; `check` sees what was read in
/// spite of it.
fn every_byte_flipped<T>(
    bytes: &[u8],
    read: impl Fn(&Path) -> conv_hub::Result<T>,
    check: impl Fn(T),
) {
    let mut flipped = bytes.to_vec();
    for position in 0..bytes.len() {
        flipped[position] ^= 1 << (position % 8);
        if let Ok(value) = read_within_bounds(&flipped, &read) {
            check(value);
        }
        flipped[position] = bytes[position];
    }
}
