//! What a run does with its folder: it shares it with no other run, and leaves alone what is not
//! its own.
#![allow(clippy::unwrap_used)]

mod common;

use candle_core::DType;
use common::{Classifier, config};
use conv_train::optim::{OptimizerConfig, Sgd};
use conv_train::{Error, Event, FitConfig, Run, fit};
use std::fs;

#[test]
fn only_what_a_kill_left_of_our_own_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in [".tmp-archive", ".convoke/unfinished/nested"] {
        fs::create_dir_all(path(name)).unwrap();
    }
    for name in [".tmp-notes", ".writing-letter", ".convoke/unfinished/half"] {
        fs::write(path(name), "text").unwrap();
    }
    fit(&Classifier::new(), &config(), Run::new(folder.path())).unwrap();
    assert!(path(".tmp-archive").is_dir());
    for name in [".tmp-notes", ".writing-letter"] {
        assert_eq!(fs::read_to_string(path(name)).unwrap(), "text");
    }
    assert_eq!(fs::read_dir(path(".convoke/unfinished")).unwrap().count(), 0);
}

#[test]
fn a_run_without_its_checkpoint_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    fit(&Classifier::new(), &config(), Run::new(folder.path())).unwrap();
    fs::remove_file(folder.path().join("last.safetensors")).unwrap();
    let contents = || {
        ["best.safetensors", "metrics.jsonl"]
            .map(|name| fs::read(folder.path().join(name)).unwrap())
    };
    let before = contents();
    for (resume, expected) in [
        (false, "holds a training run already"),
        (true, "last.safetensors is not a usable checkpoint: it is missing"),
    ] {
        let run = Run { resume, ..Run::new(folder.path()) };
        let found = fit(&Classifier::new(), &config(), run).unwrap_err().to_string();
        assert!(found.contains(expected), "{found}");
        assert!(contents() == before, "{found}");
    }
}

#[test]
fn a_folder_has_one_run_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut refusals = 0;
    let mut observer = |event: &Event| {
        if let Event::Saved { .. } = event {
            let run = Run { resume: true, ..Run::new(folder.path()) };
            let error = fit(&Classifier::new(), &config(), run).unwrap_err();
            assert!(
                matches!(&error, Error::RunLocked { path } if path == folder.path()),
                "{error}"
            );
            refusals += 1;
        }
    };
    let run = Run { observer: Some(&mut observer), ..Run::new(folder.path()) };
    fit(&Classifier::new(), &config(), run).unwrap();
    assert!(refusals > 0);
    let run = Run { resume: true, ..Run::new(folder.path()) };
    fit(&Classifier::new(), &config(), run).unwrap();
}

#[test]
fn best_weights_of_another_step_than_the_checkpoint_knows_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let last = folder.path().join("last.safetensors");
    let train = |epochs| {
        let run = Run { resume: true, ..Run::new(folder.path()) };
        fit(&Classifier::new(), &FitConfig { epochs, ..config() }, run)
    };
    let older = train(2).unwrap().best.unwrap().step;
    let checkpoint = fs::read(&last).unwrap();
    let newer = train(6).unwrap().best.unwrap().step;
    assert_ne!(older, newer);
    // As a kill between the two files leaves it.
    fs::write(&last, checkpoint).unwrap();
    let found = train(2).unwrap_err().to_string();
    let expected = format!("its weights are of step {newer}, expected step {older}");
    assert!(found.contains("best.safetensors") && found.contains(&expected), "{found}");
    assert_eq!(train(6).unwrap().best.unwrap().step, newer);
}

#[test]
fn a_checkpoint_in_another_precision_is_refused() {
    // A rule that keeps no state, which would differ in kind as well.
    let optimizer = OptimizerConfig::Sgd(Sgd::default());
    let config = FitConfig { epochs: 1, optimizer, learning_rate: 0.1, ..config() };
    let folder = tempfile::tempdir().unwrap();
    fit(&Classifier::new(), &config, Run::new(folder.path())).unwrap();
    let run = Run { resume: true, ..Run::new(folder.path()) };
    let found = fit(&Classifier::of(DType::F64), &config, run).unwrap_err().to_string();
    assert!(found.contains("`hidden.weight` is F32 there and F64 here"), "{found}");
}
