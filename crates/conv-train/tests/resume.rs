//! Exact resume: a run that was stopped, crashed or killed and goes on gives the bits of one that
//! was not.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Classifier, config, counters, file_bits};
use conv_train::optim::{Adadelta, Adam, OptimizerConfig, Sgd};
use conv_train::{
    Decay, End, Error, Event, FitConfig, Interval, Outcome, Record, Run, Schedule, fit, read_log,
};
use rand::Rng;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const FOLDER: &str = "CONV_TRAIN_RESUME_FOLDER";

fn optimizers() -> Vec<OptimizerConfig> {
    let sgd =
        |momentum, nesterov| OptimizerConfig::Sgd(Sgd { momentum, nesterov, weight_decay: 0.01 });
    vec![
        sgd(0.0, false),
        sgd(0.9, false),
        sgd(0.9, true),
        OptimizerConfig::Adadelta(Adadelta::default()),
        OptimizerConfig::Adam(Adam::default()),
        OptimizerConfig::Adam(Adam::w()),
    ]
}

/// The run's log without its times.
fn timeless(folder: &Path) -> Vec<Record> {
    let mut records = read_log(&folder.join("metrics.jsonl")).unwrap();
    for record in &mut records {
        match record {
            Record::Step(record) => record.seconds = 0.0,
            Record::Evaluation(record) => record.seconds = 0.0,
        }
    }
    records
}

fn assert_same_run(one: &Path, other: &Path, what: &str) {
    for file in ["last.safetensors", "best.safetensors"] {
        assert!(
            file_bits(&one.join(file)) == file_bits(&other.join(file)),
            "{what}: {file} differs"
        );
    }
    assert_eq!(timeless(one), timeless(other), "{what}");
    assert_eq!(counters(one), counters(other), "{what}");
    let unfinished = std::fs::read_dir(other.join(".convoke/unfinished")).unwrap().count();
    assert_eq!(unfinished, 0, "{what}: something is left over");
    assert_eq!(std::fs::read_dir(other).unwrap().count(), 4, "{what}: something is left over");
}

/// Trains until `step`, and there asks to stop or fails; then until the end.
fn train_in_two_parts(
    config: &FitConfig,
    folder: &Path,
    step: u64,
    fail: bool,
) -> (Classifier, Outcome) {
    let mut learner = Classifier::new();
    let stop = AtomicBool::new(false);
    let mut observer = |event: &Event| {
        if let Event::Step(record) = event
            && record.step == step
        {
            stop.store(true, Ordering::SeqCst);
        }
    };
    let run = Run::new(folder);
    if fail {
        learner.nan_at = Some(step);
        let error = fit(&learner, config, run).unwrap_err();
        assert!(matches!(error, Error::NonFiniteLoss { .. }), "{error}");
    } else {
        let run = Run { stop: Some(&stop), observer: Some(&mut observer), ..run };
        let outcome = fit(&learner, config, run).unwrap();
        assert_eq!((outcome.end, outcome.step), (End::Interrupted, step));
    }
    let learner = Classifier::new();
    let run = Run { resume: true, ..Run::new(folder) };
    let outcome = fit(&learner, config, run).unwrap();
    (learner, outcome)
}

#[test]
fn every_optimiser_goes_on_from_any_step_with_the_same_bits() {
    let course = Decay::Plateau { factor: 0.7, patience: 0, floor: 1e-4 };
    for (number, optimizer) in optimizers().into_iter().enumerate() {
        let config = FitConfig {
            epochs: 4,
            optimizer,
            learning_rate: 0.05,
            accumulate: 1 + number % 2,
            schedule: Schedule { warmup_steps: 5, decay: course.clone() },
            ..config()
        };
        let whole = tempfile::tempdir().unwrap();
        let learner = Classifier::new();
        let outcome = fit(&learner, &config, Run::new(whole.path())).unwrap();
        assert_eq!(outcome.end, End::Completed);
        for (step, fail) in [(1, false), (7, true), (10, false), (23, true)] {
            let parts = tempfile::tempdir().unwrap();
            let (resumed, outcome) = train_in_two_parts(&config, parts.path(), step, fail);
            let what = format!("{:?}, step {step}", config.optimizer);
            assert_eq!(outcome.end, End::Completed, "{what}");
            assert!(resumed.weights() == learner.weights(), "{what}");
            assert_same_run(whole.path(), parts.path(), &what);
        }
    }
}

/// The weights after the last evaluations are on disk, training ends with their mean, and an
/// interruption changes neither.
#[test]
fn training_ends_with_the_mean_of_the_last_weights() {
    let config = FitConfig { average: 3, evaluate_every: Interval::Steps(4), ..config() };
    let whole = tempfile::tempdir().unwrap();
    let learner = Classifier::new();
    let outcome = fit(&learner, &config, Run::new(whole.path())).unwrap();
    let last_but = |back: u64| (outcome.step - 1) / 4 * 4 - 4 * back;
    let steps = [last_but(1), last_but(0), outcome.step];
    let kept = steps.map(|step| whole.path().join(format!("after-{step}.safetensors")));
    let mut sums = std::collections::BTreeMap::<_, Vec<f64>>::new();
    for file in &kept {
        for (name, bits) in file_bits(file) {
            let numbers = bits.iter().map(|&bits| f64::from(f32::from_bits(bits)));
            let sum = sums.entry(name).or_insert_with(|| vec![0.0; bits.len()]);
            sum.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
        }
    }
    for (name, bits) in learner.weights() {
        for (found, sum) in bits.iter().zip(&sums[&name]) {
            let found = f64::from(f32::from_bits(*found));
            let expected = sum / 3.0;
            assert!((found - expected).abs() < 1e-6, "{name}: {found}, expected {expected}");
        }
    }
    for step in [9, last_but(0) + 1] {
        let parts = tempfile::tempdir().unwrap();
        let (resumed, _) = train_in_two_parts(&config, parts.path(), step, false);
        assert!(resumed.weights() == learner.weights(), "step {step}");
        assert_eq!(std::fs::read_dir(parts.path()).unwrap().count(), 4 + kept.len());
    }
}

#[test]
fn patience_goes_on_where_it_was_between_two_evaluations() {
    let config = FitConfig {
        epochs: 500,
        optimizer: OptimizerConfig::Sgd(Sgd::default()),
        learning_rate: 30.0,
        patience: Some(2),
        evaluate_every: Interval::Steps(4),
        ..config()
    };
    let whole = tempfile::tempdir().unwrap();
    let outcome = fit(&Classifier::new(), &config, Run::new(whole.path())).unwrap();
    // Of the two evaluations that do not improve, one is before the interruption and one after.
    let step = outcome.best.unwrap().step + 6;
    for fail in [false, true] {
        let parts = tempfile::tempdir().unwrap();
        let (_, resumed) = train_in_two_parts(&config, parts.path(), step, fail);
        assert_eq!((resumed.end, resumed.step), (End::EarlyStopped, outcome.step));
        assert_same_run(whole.path(), parts.path(), "early stopped");
    }
}

#[test]
fn a_misspelt_metric_loses_no_step_and_can_be_set_right() {
    let right = FitConfig { checkpoint_every_steps: None, ..config() };
    let whole = tempfile::tempdir().unwrap();
    fit(&Classifier::new(), &right, Run::new(whole.path())).unwrap();

    let mut wrong = right.clone();
    wrong.monitor.as_mut().unwrap().metric = "los".into();
    let parts = tempfile::tempdir().unwrap();
    let error = fit(&Classifier::new(), &wrong, Run::new(parts.path())).unwrap_err();
    assert!(matches!(error, Error::UnknownMetric { .. }), "{error}");
    assert_eq!(counters(parts.path())["state"]["epoch"], 1);

    let resume = || Run { resume: true, ..Run::new(parts.path()) };
    fit(&Classifier::new(), &right, resume()).unwrap();
    assert_same_run(whole.path(), parts.path(), "set right");
    // After an evaluation the metric has had its effect.
    let error = fit(&Classifier::new(), &wrong, resume()).unwrap_err().to_string();
    assert!(error.contains("`config.monitor.metric` is \"loss\" there"), "{error}");
}

fn long_config() -> FitConfig {
    FitConfig { epochs: 30, ..config() }
}

/// Not a test by itself: what the next test starts as a process of its own, to kill it.
#[test]
fn trainer_process() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let mut learner = Classifier::new();
    learner.pause = Duration::from_millis(4);
    let mut observer = |event: &Event| {
        if let Event::Started { .. } = event {
            let mut out = std::io::stdout();
            writeln!(out, "\ntraining").unwrap();
            out.flush().unwrap();
        }
    };
    let run = Run { resume: true, observer: Some(&mut observer), ..Run::new(Path::new(&folder)) };
    fit(&learner, &long_config(), run).unwrap();
}

fn start(folder: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["trainer_process", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let started = lines.map_while(Result::ok).any(|line| line == "training");
    assert!(started, "the process never began to train");
    child
}

#[test]
fn a_process_killed_again_and_again_ends_with_the_same_bits() {
    let whole = tempfile::tempdir().unwrap();
    let outcome = fit(&Classifier::new(), &long_config(), Run::new(whole.path())).unwrap();

    let killed = tempfile::tempdir().unwrap();
    let mut random = rand::rng();
    let mut kills = 0;
    loop {
        let mut child = start(killed.path());
        // The bound grows, so that the slowest machine gets to the end; the pauses see to it that
        // the first few hit.
        let longest = outcome.step * 4 * (kills + 1) / 8;
        std::thread::sleep(Duration::from_millis(random.random_range(0..longest)));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        if status.success() {
            break;
        }
        assert_eq!(status.code(), None, "the process failed by itself");
        kills += 1;
    }
    assert!(kills >= 3, "only {kills} kills hit");
    assert_same_run(whole.path(), killed.path(), "killed");
}

/// A checkpoint of an older version of this crate, in which the schedule's decay was called
/// `course`, and the weights that the same version ended with. `reference/older/` was written at
/// commit 73a4902 by [`config`] with the schedule below: stopped after 10 steps, and trained to its
/// end.
///
/// A seed fixes the bits on one type of processor. Whether this one is of the type that wrote the
/// folder is told by a run from the beginning: its losses and gradients of the first ten steps are
/// the older ones to the last bit, or not. Elsewhere the products of matrices round otherwise, by
/// some units in the last place.
#[test]
fn a_checkpoint_of_an_older_version_goes_on_to_the_same_bits() {
    let older = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/older");
    let decay = Decay::Cosine { steps: Some(40), floor: 0.01 };
    let config = FitConfig { schedule: Schedule { warmup_steps: 5, decay }, ..config() };
    let whole = tempfile::tempdir().unwrap();
    fit(&Classifier::new(), &config, Run::new(whole.path())).unwrap();
    let first = timeless(&older);
    let is_of_its_type = timeless(whole.path())[..first.len()] == first[..];

    let folder = tempfile::tempdir().unwrap();
    for name in ["last.safetensors", "metrics.jsonl"] {
        std::fs::copy(older.join(name), folder.path().join(name)).unwrap();
    }
    let learner = Classifier::new();
    let run = Run { resume: true, ..Run::new(folder.path()) };
    fit(&learner, &config, run).unwrap();
    let found = learner.weights();
    let expected = file_bits(&older.join("end.safetensors"));
    if is_of_its_type {
        assert!(found == expected);
    }
    assert!(found.keys().eq(expected.keys()));
    for (name, expected) in expected {
        assert_eq!(found[&name].len(), expected.len(), "{name}");
        for (&found, expected) in found[&name].iter().zip(expected) {
            let found = f32::from_bits(found);
            let expected = f32::from_bits(expected);
            assert!((found - expected).abs() < 2e-6, "{name}: {found} and {expected}");
        }
    }
}
