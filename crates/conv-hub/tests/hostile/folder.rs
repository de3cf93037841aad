//! Damaged model folders.

use std::path::Path;

use conv_hub::{ModelFolder, Result};
use proptest::prelude::*;

use super::{every_byte_flipped, every_truncation_is_an_error, read_within_bounds};

/// Opens the file at `path` as a folder's configuration.
fn open(path: &Path) -> Result<ModelFolder> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(path, folder.path().join("config.json")).unwrap();
    ModelFolder::open(folder.path())
}

#[test]
fn a_configuration_cut_anywhere() {
    every_truncation_is_an_error(br#"{"model_type": "kim-cnn", "widths": [3, 4, 5]}"#, open);
}

#[test]
fn a_configuration_with_one_bit_flipped_anywhere() {
    every_byte_flipped(br#"{"model_type": "kim-cnn", "widths": [3, 4, 5]}"#, open, drop);
}

#[test]
fn a_configuration_nested_without_end() {
    let error = read_within_bounds(&vec![b'['; 1 << 20], open).unwrap_err().to_string();
    assert!(error.contains("config.json"), "{error}");
    let nested = [br#"{"model_type":"#.to_vec(), vec![b'['; 1 << 20]].concat();
    assert!(read_within_bounds(&nested, open).is_err());
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        prop_assert!(read_within_bounds(&bytes, open).is_err());
    }

    #[test]
    fn any_labels(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\n')], 0..60)) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), r#"{"model_type":"x"}"#).unwrap();
        std::fs::write(folder.path().join("labels.txt"), &bytes).unwrap();
        if let Ok(labels) = ModelFolder::open(folder.path()).unwrap().labels() {
            prop_assert!(labels.iter().all(|label| !label.trim().is_empty()));
        }
    }
}
