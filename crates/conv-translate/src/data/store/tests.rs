use proptest::prelude::*;

use super::*;

fn pairs() -> impl Strategy<Value = Vec<Pair>> {
    let ids = || prop::collection::vec(0..50u32, 0..12);
    let pair = (ids(), ids()).prop_map(|(source, target)| Pair { source, target });
    prop::collection::vec(pair, 0..200)
}

fn write(path: &Path, pairs: &[Pair], vocabularies: [usize; 2]) -> Store {
    let mut writer = StoreWriter::create(path, vocabularies).unwrap();
    for (line, pair) in (1..).zip(pairs) {
        writer.push(2 * line, &pair.source, &pair.target).unwrap();
    }
    writer.finish().unwrap()
}

proptest! {
    #[test]
    fn pairs_come_back_in_both_widths(pairs in pairs(), wide: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.pairs");
        let written = write(&path, &pairs, [50, if wide { 70_000 } else { 65_536 }]);
        let read = Store::open(&path).unwrap();
        prop_assert_eq!(read.header.width, if wide { 4 } else { 2 });
        for store in [&written, &read] {
            prop_assert_eq!(store.len(), pairs.len());
            for (at, pair) in pairs.iter().enumerate().rev() {
                prop_assert_eq!(&store.read(at).unwrap(), pair);
                prop_assert_eq!(store.lengths()[at], pair.source.len().max(pair.target.len()) + 1);
            }
            prop_assert!(store.read(pairs.len()).is_err());
            prop_assert_eq!(store.line(pairs.len()), None);
            let lines: Vec<_> = (0..pairs.len()).map(|pair| store.line(pair)).collect();
            let expected: Vec<_> = (1..=pairs.len() as u64).map(|pair| Some(2 * pair)).collect();
            prop_assert_eq!(lines, expected);
        }
        prop_assert_eq!(written.header, read.header);
        prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn any_changed_byte_and_any_truncation_is_noticed(
        pairs in pairs(), at: prop::sample::Index, to in 1..=255u8, cut: prop::sample::Index,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.pairs");
        write(&path, &pairs, [50, 60]);
        let whole = std::fs::read(&path).unwrap();
        let mut changed = whole.clone();
        changed[at.index(whole.len())] ^= to;
        for bytes in [&changed[..], &whole[..cut.index(whole.len())]] {
            std::fs::write(&path, bytes).unwrap();
            let error = Store::open(&path).unwrap_err();
            prop_assert!(matches!(error, Error::Store { .. }), "{:?}", error);
            prop_assert!(error.to_string().contains("train.pairs"));
        }
    }

    #[test]
    fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), real: bool, pairs in 0..30u8) {
        if real && bytes.len() >= 40 {
            bytes[..8].copy_from_slice(b"convpair");
            bytes[8..16].copy_from_slice(&[1, 0, 0, 0, 2, 0, 0, 0]);
            bytes[16..24].copy_from_slice(&[9, 0, 0, 0, 9, 0, 0, 0]);
            bytes[24..32].copy_from_slice(&[pairs, 0, 0, 0, 0, 0, 0, 0]);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.pairs");
        std::fs::write(&path, bytes).unwrap();
        prop_assert!(Store::open(&path).is_err());
    }
}

#[test]
fn a_header_that_claims_more_pairs_than_the_file_has_asks_for_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.pairs");
    write(&path, &[Pair { source: vec![1], target: vec![2] }], [5, 5]);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[24..32].copy_from_slice(&u64::MAX.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let error = Store::open(&path).unwrap_err().to_string();
    assert!(error.contains("for each of 18446744073709551615 pairs"), "{error}");
}

#[test]
fn a_number_beyond_its_vocabulary_is_refused_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::create(&folder.path().join("train.pairs"), [5, 9]).unwrap();
    writer.push(1, &[4], &[8]).unwrap();
    let error = writer.push(2, &[4], &[9]).unwrap_err().to_string();
    assert!(error.contains("pair 1 has the number 9, expected one below 9"), "{error}");
    drop(writer);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_fingerprint_is_that_of_the_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let fingerprint = |pairs: &[[&[u32]; 2]]| {
        let pairs: Vec<Pair> = pairs
            .iter()
            .map(|[source, target]| Pair { source: source.to_vec(), target: target.to_vec() })
            .collect();
        write(&folder.path().join("train.pairs"), &pairs, [9, 9]).fingerprint()
    };
    let one = fingerprint(&[[&[1, 2], &[3]]]);
    assert_eq!(one, fingerprint(&[[&[1, 2], &[3]]]));
    assert_ne!(one, fingerprint(&[[&[1], &[2, 3]]]));
    assert_ne!(one, fingerprint(&[[&[1, 2], &[4]]]));
}
