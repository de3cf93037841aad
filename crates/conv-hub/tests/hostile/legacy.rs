//! Damaged and malicious PyTorch checkpoints in the form before 1.6.

use proptest::prelude::*;

use super::pth::{error, tensor_pickle, tensors};
use super::{every_byte_flipped, every_truncation_is_an_error, read_within_bounds};

/// A checkpoint of a magic number, these pickles and storages.
fn legacy(pickles: &[&[u8]], storages: &[u8]) -> Vec<u8> {
    const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    [MAGIC, &pickles.concat(), storages].concat()
}

const VERSION: &[u8] = b"\x80\x02M\xe9\x03.";
const SYSTEM: &[u8] = b"\x80\x02}X\x0d\0\0\0little_endian\x88s.";
const KEYS: &[u8] = b"\x80\x02]X\x01\0\0\x000a.";

#[test]
fn cut_anywhere() {
    for file in [
        include_bytes!("../reference/types_legacy.pth").as_slice(),
        include_bytes!("../reference/training_legacy.pth"),
    ] {
        every_truncation_is_an_error(file, tensors);
    }
}

#[test]
fn one_bit_flipped_anywhere() {
    // It has no checksums: what must hold is that there is neither a panic nor more memory.
    every_byte_flipped(include_bytes!("../reference/types_legacy.pth"), tensors, drop);
}

#[test]
fn what_does_not_add_up_is_named() {
    let three = |elements: u64| [&elements.to_le_bytes(), [1; 12].as_slice()].concat();
    let pickle = tensor_pickle(b"K\x03", b"K\x01", b"K\x02\x85", b"K\x01\x85");
    let good = legacy(&[VERSION, SYSTEM, &pickle, KEYS], &three(3));
    assert_eq!(read_within_bounds(&good, tensors).unwrap()["w"].dims(), [2]);

    let huge = tensor_pickle(b"\x8a\x08\0\0\0\0\0\0\0\x40", b"K\x00", b"K\x03\x85", b"K\x01\x85");
    let none = b"\x80\x02].".as_slice();
    let twice = b"\x80\x02]X\x01\0\0\x000q\0ah\0a.".as_slice();
    let other = b"\x80\x02]X\x01\0\0\x001a.".as_slice();
    let replaced = |from: &[u8], to: &[u8]| {
        let at = pickle.windows(from.len()).position(|window| window == from).unwrap();
        [&pickle[..at], to, &pickle[at + from.len()..]].concat()
    };
    let unknown = replaced(b"FloatStorage", b"FancyStorage");
    let part = replaced(b"K\x03tQ", b"K\x03X\x04\0\0\0viewtQ");
    let both = b"\x80\x02]((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000NK\x03tQ\
        (X\x07\0\0\0storagectorch\nLongStorage\nX\x01\0\0\x000NK\x03tQe.";
    type Case<'c> = (&'c [&'c [u8]], Vec<u8>, &'c str);
    let cases: [Case; 14] = [
        (&[], vec![], "ends within an instruction"),
        (&[b"\x80\x02M\xe8\x03.", SYSTEM, &pickle, KEYS], three(3), "the version Some(1000)"),
        (
            &[VERSION, b"\x80\x02}X\x0d\0\0\0little_endian\x89s.", &pickle, KEYS],
            three(3),
            "big-endian",
        ),
        (&[VERSION, SYSTEM, &pickle, b"\x80\x02K\0."], three(3), "has no list of storages"),
        (&[VERSION, SYSTEM, &pickle, none], vec![], "does not list storage `0`"),
        (&[VERSION, SYSTEM, &pickle, other], three(3), "lists storage `1`, which no tensor has"),
        (&[VERSION, SYSTEM, &pickle, twice], three(3).repeat(2), "lists storage `0` twice"),
        (&[VERSION, SYSTEM, &pickle, KEYS], vec![3, 0, 0], "ends before storage `0`"),
        (&[VERSION, SYSTEM, &pickle, KEYS], three(2), "has 2 elements, expected 3"),
        (
            &[VERSION, SYSTEM, &huge, KEYS],
            three(1 << 62),
            "storage `0` would take 18446744073709551615 bytes, and 12 follow",
        ),
        (
            &[VERSION, SYSTEM, &pickle, KEYS],
            [three(3), vec![0]].concat(),
            "goes on after its last storage, at byte",
        ),
        (&[VERSION, SYSTEM, &unknown, KEYS], three(3), "the unknown type torch.FancyStorage"),
        (&[VERSION, SYSTEM, &part, KEYS], three(3), "a storage that is part of another"),
        (&[VERSION, SYSTEM, both, KEYS], three(3), "with two types or lengths"),
    ];
    for (pickles, storages, expected) in cases {
        let found = error(&legacy(pickles, &storages));
        assert!(found.contains(expected), "{found}\nexpected: {expected}");
    }
}

proptest! {
    #[test]
    fn any_bytes(
        pickles in 0..5usize,
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let pickle = tensor_pickle(b"K\x03", b"K\x01", b"K\x02\x85", b"K\x01\x85");
        let whole: [&[u8]; 4] = [VERSION, SYSTEM, &pickle, KEYS];
        let _ = read_within_bounds(&legacy(&whole[..pickles], &bytes), tensors);
    }
}
