//! Damaged, mislabelled and hostile checkpoints: an error that names the file, and nothing changed.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Classifier, config};
use conv_train::{Outcome, Result, Run, fit};
use proptest::prelude::*;

/// The bytes of a real checkpoint.
fn checkpoint() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fit(&Classifier::new(), &config(), Run::new(folder.path())).unwrap();
    std::fs::read(folder.path().join("last.safetensors")).unwrap()
}

/// What going on from `bytes` gives.
fn resume_from(learner: &Classifier, bytes: &[u8]) -> Result<Outcome> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("last.safetensors"), bytes).unwrap();
    let run = Run { resume: true, ..Run::new(folder.path()) };
    fit(learner, &config(), run)
}

#[test]
fn a_damaged_checkpoint_is_an_error_that_names_it() {
    let whole = checkpoint();
    let replaced = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = whole.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
        let mut bytes = whole.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    let huge = [&u64::MAX.to_le_bytes(), &whole[8..]].concat();
    for (bytes, expected) in [
        (vec![], "is not a usable checkpoint"),
        (whole[..whole.len() / 2].to_vec(), "is not a usable checkpoint"),
        (huge, "is not a usable checkpoint"),
        (b"{\"a\": 1}, and this is no checkpoint".to_vec(), "is not a usable checkpoint"),
        (
            replaced("model/hidden", "model/hiddem"),
            "checkpoint: tensor `hiddem.weight` belongs to no parameter",
        ),
        (replaced("model/hidden", "medal/hidden"), "holds `medal/hidden.weight`"),
        (replaced("[16,6]", "[6,16]"), "has shape"),
        (
            replaced("optimizer/steps/h", "optimizer/steps/x"),
            "checkpoint: optimiser state `buffers/hidden.weight`",
        ),
        (replaced("\\\"format\\\":2", "\\\"format\\\":7"), "its format is 7, expected 2"),
        (replaced("plateau", "platoon"), "is not a usable checkpoint"),
    ] {
        let learner = Classifier::new();
        let before = learner.weights();
        let found = resume_from(&learner, &bytes).unwrap_err().to_string();
        assert!(found.contains("last.safetensors") && found.contains(expected), "{found}");
        assert_eq!(learner.weights(), before, "{found}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_damage_makes_it_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        use std::sync::OnceLock;
        static WHOLE: OnceLock<Vec<u8>> = OnceLock::new();
        let mut bytes = WHOLE.get_or_init(checkpoint).clone();
        // The header is where a wrong byte can mislead; the numbers behind it are what they are.
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        for (index, value) in flips {
            bytes[index.index(header)] = value;
        }
        // Not every wrong byte can be seen, but none may panic.
        let _ = resume_from(&Classifier::new(), &bytes);
    }
}
