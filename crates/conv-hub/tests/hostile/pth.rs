//! Damaged and malicious PyTorch checkpoints. The malicious ones are assembled here, instruction by
//! instruction.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::Path;

use candle_core::Tensor;
use conv_hub::pth::Value;
use conv_hub::{Checkpoint, Result};
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{every_byte_flipped, every_truncation_is_an_error, read_within_bounds};

const TYPES: &[u8] = include_bytes!("../reference/types.pth");

pub fn tensors(path: &Path) -> Result<BTreeMap<String, Tensor>> {
    Checkpoint::open(path)?.tensors()
}

/// A checkpoint with this pickle and one storage, `0`.
fn checkpoint(pickle: &[u8], storage: &[u8]) -> Vec<u8> {
    archive(&[("a/data.pkl", pickle), ("a/data/0", storage)], CompressionMethod::Stored)
}

fn archive(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Instructions that leave a tensor `w` of f32 in a dictionary; sizes are given as instructions.
pub fn tensor_pickle(elements: &[u8], offset: &[u8], shape: &[u8], stride: &[u8]) -> Vec<u8> {
    [
        b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu",
        elements,
        b"tQ",
        offset,
        shape,
        stride,
        b"\x89}tRs.",
    ]
    .concat()
}

pub fn error(file: &[u8]) -> String {
    read_within_bounds(file, tensors).unwrap_err().to_string()
}

fn same(found: &BTreeMap<String, Tensor>, expected: &BTreeMap<String, Tensor>) {
    let bytes = |tensors: &BTreeMap<String, Tensor>| safetensors::serialize(tensors, None).unwrap();
    assert_eq!(bytes(found), bytes(expected));
}

#[test]
fn cut_anywhere() {
    every_truncation_is_an_error(TYPES, tensors);
}

#[test]
fn one_bit_flipped_anywhere_is_an_error_or_changes_nothing() {
    let expected = read_within_bounds(TYPES, tensors).unwrap();
    every_byte_flipped(TYPES, tensors, |found| same(&found, &expected));
}

#[test]
fn nothing_is_executed() {
    let pickle = b"\x80\x02}X\x01\0\0\0xcos\nsystem\nX\x0b\0\0\0touch pwned\x85RX\x01\0\0\0ycposix\nremove\ns\x86\x86s.";
    let husk = b"\x80\x02}X\x01\0\0\0xcos\nsystem\nX\x0b\0\0\0touch pwned\x85Rs.";
    assert!(error(&checkpoint(pickle, b"")).contains("its pickle is damaged"));
    let file = checkpoint(husk, b"");
    let value = read_within_bounds(&file, |path| {
        Ok(Checkpoint::open(path)?.root().get("x").unwrap().clone())
    })
    .unwrap();
    let Value::Object(object) = value else { panic!("{value:?}") };
    assert_eq!(&*object.class, "os.system");
    assert_eq!(object.arguments.as_list().unwrap()[0].as_str(), Some("touch pwned"));
}

#[test]
fn the_pickle_of_these_tests_is_right() {
    let file = checkpoint(&tensor_pickle(b"K\x03", b"K\x01", b"K\x02\x85", b"K\x01\x85"), &[0; 12]);
    assert_eq!(read_within_bounds(&file, tensors).unwrap()["w"].dims(), [2]);
}

/// Instructions that leave a tensor of f32 on the stack.
fn tensor() -> Vec<u8> {
    let whole = tensor_pickle(b"K\x03", b"K\x00", b"K\x03\x85", b"K\x01\x85");
    // Without the dictionary and the key before it, and `set item, stop` after it.
    whole[9..whole.len() - 2].to_vec()
}

#[test]
fn a_state_in_a_subclass_of_a_dictionary_is_read() {
    let pickle = [
        b"\x80\x02}X\x0a\0\0\0state_dictcmine\nState\n)R(X\x01\0\0\0w".as_slice(),
        &tensor(),
        b"usX\x09\0\0\0optimizer}X\x03\0\0\0exp",
        &tensor(),
        b"ss.",
    ]
    .concat();
    let found = read_within_bounds(&checkpoint(&pickle, &[0; 12]), tensors).unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), ["w"]);
}

#[test]
fn tensors_in_any_other_object_are_not_passed_over() {
    let object = |attributes: &[u8]| {
        let made = [b"cmine\nModel\n)\x81}X\x01\0\0\0w".as_slice(), attributes, b"sb"].concat();
        let dict = |key: &[u8], value: &[u8]| [key, value, b"s"].concat();
        let model = dict(b"X\x05\0\0\0model", &made);
        let other = dict(b"X\x03\0\0\0ema", &made);
        let weight = dict(b"X\x01\0\0\0w", &tensor());
        [model, other].map(|entry| [b"\x80\x02}".as_slice(), &entry, &weight, b"."].concat())
    };
    let [as_model, beside] = object(&tensor());
    for (pickle, name) in [(as_model, ""), (beside, "ema")] {
        let found = error(&checkpoint(&pickle, &[0; 12]));
        let expected = format!("tensors lie in `{name}`, an object of the class `mine.Model`");
        assert!(found.contains(&expected), "{found}");
    }
    // Without tensors it is no part of the state.
    let [_, settings] = object(b"K\x01");
    let found = read_within_bounds(&checkpoint(&settings, &[0; 12]), tensors).unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), ["w"]);
}

#[test]
fn tensors_that_do_not_fit_are_refused() {
    const HUGE: &[u8] = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
    let pair = |one: &[u8], other: &[u8]| [one, other, b"\x86"].concat();
    type Case = (&'static [u8], &'static [u8], Vec<u8>, Vec<u8>, &'static str);
    let cases: [Case; 8] = [
        (
            b"K\x02",
            b"K\x01",
            b"K\x02\x85".into(),
            b"K\x01\x85".into(),
            "reaches beyond its storage of 2 elements",
        ),
        (b"K\x02", HUGE, b"K\x02\x85".into(), b"K\x01\x85".into(), "reaches beyond its storage"),
        (
            b"K\x03",
            b"K\x00",
            b"K\x02\x85".into(),
            [HUGE, b"\x85"].concat(),
            "reaches beyond its storage",
        ),
        (b"K\x04", b"K\x00", b"K\x04\x85".into(), b"K\x01\x85".into(), "`data/0` has 12 bytes"),
        (HUGE, b"K\x00", b"K\x01\x85".into(), b"K\x01\x85".into(), "`data/0` has 12 bytes"),
        (
            b"K\x03",
            b"K\x00",
            pair(HUGE, HUGE),
            pair(b"K\x00", b"K\x00"),
            "has the impossible shape",
        ),
        // A stride of zero makes any number of elements out of one.
        (
            b"K\x03",
            b"K\x00",
            b"J\0\0\0\x40\x85".into(),
            b"K\x00\x85".into(),
            "its tensors would take more than",
        ),
        (
            b"K\x03",
            b"K\x00",
            b"J\xff\xff\xff\xff\x85".into(),
            b"K\x01\x85".into(),
            "arguments that",
        ),
    ];
    for (elements, offset, shape, stride, expected) in cases {
        let found = error(&checkpoint(&tensor_pickle(elements, offset, &shape, &stride), &[0; 12]));
        assert!(found.contains(expected), "{found}\nexpected: {expected}");
    }
}

#[test]
fn damaged_pickles_are_named() {
    let overfull = [b"\x80\x02".as_slice(), &[b'('; 4_000_001], b"."].concat();
    let deep = [b"\x80\x02".as_slice(), &[b']'; 500], &[b'a'; 499], b"."].concat();
    let cases: [(&[u8], &str); 12] = [
        (b"", "ends within an instruction, at byte 0"),
        (b"\x80\x02", "ends within an instruction, at byte 2"),
        (b"X\xff\xff\xff\xffabc", "ends within an instruction, at byte 5"),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc", "ends within an instruction, at byte 9"),
        (b"\x80\x02cos\nsystem", "ends within an instruction"),
        (b".", "an empty stack"),
        (b"(K\x00(K\x0100.", "an empty stack"),
        (b"h\x05.", "an unknown object referred to"),
        (b"}(K\x01u.", "a key without a value"),
        (b"I42\n.", "unsupported instruction 0x49 at byte 0"),
        (&overfull, "holds more than 4000000 objects"),
        (&deep, "holds more than 200 objects within each other"),
    ];
    for (pickle, expected) in cases {
        let found = error(&checkpoint(pickle, b""));
        assert!(found.contains(expected), "{found}\nexpected: {expected}");
    }
    assert!(error(&checkpoint(b"]q\x00h\x00a.", b"")).contains("contains itself"));
    assert!(error(&checkpoint(b"K\x01.", b"")).contains("has no tensors there: a single value"));
}

#[test]
fn an_object_within_itself_is_only_its_class() {
    // As omegaconf's containers are saved: each of a container's children names it as its parent.
    let pickle =
        b"\x80\x02}X\x03\0\0\0cfgcmine\nNode\n)\x81q\0}(X\x05\0\0\0childcmine\nNode\n)\x81\
        }X\x06\0\0\0parenth\0sbX\x05\0\0\0othercmine\nNode\n)\x81}X\x06\0\0\0parenth\0sbubs.";
    let file = checkpoint(pickle, b"");
    let cfg = read_within_bounds(&file, |path| {
        Ok(Checkpoint::open(path)?.root().get("cfg").unwrap().clone())
    })
    .unwrap();
    for child in ["child", "other"] {
        let parent = cfg.get(child).and_then(|child| child.get("parent")).unwrap();
        let Value::Object(parent) = parent else { panic!("{parent:?}") };
        assert_eq!((&*parent.class, parent.items.len()), ("mine.Node", 0));
        assert!(matches!(parent.state, Value::None));
    }
}

#[test]
fn shared_objects_do_not_unfold() {
    // Forty lists, each of the one before twice: 2^40 references to an empty list.
    let mut pickle = b"\x80\x02]".to_vec();
    for level in 0..40u8 {
        pickle.extend([b'q', level, b'0', b']', b'h', level, b'a', b'h', level, b'a']);
    }
    pickle.push(b'.');
    let found = error(&checkpoint(&pickle, b""));
    assert!(found.contains("holds more than 67108864 bytes of tensor names"), "{found}");
}

#[test]
fn long_lists_are_not_copied_without_end() {
    // An ordered dictionary made of the same thousand pairs, again and again.
    let mut pickle = b"\x80\x02ccollections\nOrderedDict\nq\x000](".to_vec();
    pickle.extend(b"NN\x86".repeat(1000));
    pickle.extend(b"e\x85q\x010");
    pickle.extend(b"h\x00h\x01R".repeat(20_000));
    pickle.push(b'.');
    let file = checkpoint(&pickle, b"");
    let (result, peak) = super::memory::peak_of(|| {
        let place = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(place.path(), &file).unwrap();
        tensors(place.path())
    });
    assert!(result.unwrap_err().to_string().contains("holds more than 4000000 objects"));
    assert!(peak < 100 << 20, "{peak}");
}

#[test]
fn containers_that_torch_would_not_write_are_refused() {
    let good = tensor_pickle(b"K\x03", b"K\x00", b"K\x03\x85", b"K\x01\x85");
    let stored = CompressionMethod::Stored;
    let missing = archive(&[("a/data.pkl", &good)], stored);
    assert!(error(&missing).contains("its entry `a/data/0` cannot be read"), "{}", error(&missing));
    let nested = archive(&[("a/b/data.pkl", &good)], stored);
    assert!(error(&nested).contains("without a data.pkl in its one folder"));
    let big =
        archive(&[("a/data.pkl", &good), ("a/byteorder", b"big"), ("a/data/0", &[0; 12])], stored);
    assert!(error(&big).contains("big-endian"));
    let mut mislabelled = checkpoint(&good, &[0; 12]);
    mislabelled.splice(0..2, *b"GG");
    assert!(
        error(&mislabelled).contains("starts with [47, 47, 03, 04]"),
        "{}",
        error(&mislabelled)
    );
}

#[test]
fn an_entry_that_claims_to_be_compressed_is_refused() {
    let mut file = checkpoint(b"N.", b"");
    // The method stands 10 bytes into each central header (PK 01 02) and 8 into each local one (PK
    // 03 04).
    for (magic, at) in [(b"PK\x01\x02", 10), (b"PK\x03\x04", 8)] {
        let header = file.windows(4).position(|window| window == magic).unwrap();
        file[header + at] = 8;
    }
    let found = error(&file);
    assert!(found.contains("its entry `a/data.pkl`"), "{found}");
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read_within_bounds(&bytes, tensors).is_err());
    }

    #[test]
    fn any_instructions(bytes in proptest::collection::vec(prop_oneof![
        2 => any::<u8>().prop_map(|byte| vec![byte]),
        8 => prop::sample::select(b"(.012JKMNQRabcd}ehjl]qrst)uGB\x81\x85\x86\x87\x88\x8a\x90\x93\x94".to_vec()).prop_map(|byte| vec![byte]),
        2 => Just(b"X\x01\0\0\0w".to_vec()),
        1 => Just(b"ctorch._utils\n_rebuild_tensor_v2\n".to_vec()),
        1 => Just(b"ccollections\nOrderedDict\n".to_vec()),
        1 => Just(b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02tQ".to_vec()),
    ], 0..60)) {
        let pickle = [bytes.concat(), b".".to_vec()].concat();
        let _ = read_within_bounds(&checkpoint(&pickle, &[0; 8]), tensors);
    }
}
