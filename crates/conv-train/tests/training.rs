//! The loop's promises besides resume: it learns, weights, stops, refuses and names.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Classifier, config};
use conv_train::batch::{BatchSize, Batching};
use conv_train::optim::{Adadelta, Adam, OptimizerConfig, Sgd};
use conv_train::{
    Course, Direction, DryRun, End, Error, Event, Every, FitConfig, Monitor, Run, Schedule, fit,
};
use std::path::Path;

fn sgd(learning_rate: f64) -> FitConfig {
    FitConfig { optimizer: OptimizerConfig::Sgd(Sgd::default()), learning_rate, ..config() }
}

fn message(config: &FitConfig, folder: &Path, resume: bool) -> String {
    let learner = Classifier::new();
    let run = Run { resume, ..Run::new(folder) };
    fit(&learner, config, run).unwrap_err().to_string()
}

#[test]
fn training_learns_and_leaves_the_best_weights() {
    let folder = tempfile::tempdir().unwrap();
    let learner = Classifier::new();
    let config = FitConfig {
        epochs: 25,
        optimizer: OptimizerConfig::Adam(Adam::default()),
        learning_rate: 0.02,
        max_norm: Vec::new(),
        ..config()
    };
    let outcome = fit(&learner, &config, Run::new(folder.path())).unwrap();
    let best = outcome.best.unwrap();
    assert!(best.metrics["accuracy"] > 0.8, "{best:?}");
    let restored = conv_train::Learner::evaluate(&learner).unwrap();
    assert_eq!(restored, best.metrics);
}

#[test]
fn accumulated_batches_are_one_batch_of_them_all() {
    let weights = |examples, accumulate| {
        let folder = tempfile::tempdir().unwrap();
        let mut learner = Classifier::new();
        learner.dropout = 0.0;
        let config = FitConfig {
            batching: Batching { size: BatchSize::Examples(examples), window: 1 },
            accumulate,
            monitor: None,
            ..sgd(0.5)
        };
        let outcome = fit(&learner, &config, Run::new(folder.path())).unwrap();
        assert_eq!(outcome.step, 8);
        let weight = learner.parameters.var("hidden.weight").unwrap();
        weight.flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    // 25 + 25 + 25 + 15: the last one must count for less.
    let (whole, parts) = (weights(90, 1), weights(25, 4));
    for (a, b) in whole.iter().zip(&parts) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn a_loss_that_is_not_finite_stops_with_step_and_examples_and_spares_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut learner = Classifier::new();
    learner.nan_at = Some(7);
    let error = fit(&learner, &config(), Run::new(folder.path())).unwrap_err();
    let Error::NonFiniteLoss { step, batch, .. } = &error else {
        panic!("{error}");
    };
    let lengths = conv_train::Learner::lengths(&learner, 0).unwrap();
    let expected = config().batching.epoch(&lengths, 3, 0).get(7);
    assert_eq!((*step, batch), (8, &expected));
    let mut from = None;
    let mut observer = |event: &Event| {
        if let Event::Started { step, .. } = event {
            from = Some(*step);
        }
    };
    let run = Run { resume: true, observer: Some(&mut observer), ..Run::new(folder.path()) };
    fit(&Classifier::new(), &config(), run).unwrap();
    assert_eq!(from, Some(6));
}

#[test]
fn a_parameter_that_is_not_finite_is_saved_nowhere() {
    let monitor = Monitor { metric: "accuracy".into(), direction: Direction::Maximize };
    let config = FitConfig { evaluate_every: Every::Steps(4), monitor: Some(monitor), ..config() };
    // At the first evaluation, at a checkpoint, and at the second evaluation.
    for step in [4, 6, 8] {
        let folder = tempfile::tempdir().unwrap();
        let learner = Classifier::new();
        let weight = learner.parameters.var("hidden.weight").unwrap();
        let (mut saved, mut best) = (0, None);
        let mut observer = |event: &Event| match event {
            Event::Step(record) if record.step == step => {
                best = std::fs::read(folder.path().join("best.safetensors")).ok();
                weight.set(&weight.affine(0.0, f64::INFINITY).unwrap()).unwrap();
            }
            Event::Saved { step } => saved = *step,
            _ => (),
        };
        let run = Run { observer: Some(&mut observer), ..Run::new(folder.path()) };
        let error = fit(&learner, &config, run).unwrap_err();
        let Error::NonFiniteParameter { step: found, parameter } = &error else {
            panic!("{error}");
        };
        assert_eq!((*found, parameter.as_str()), (step, "hidden.weight"));
        assert_eq!(std::fs::read(folder.path().join("best.safetensors")).ok(), best);
        assert!(saved > 0);
        let mut from = None;
        let mut observer = |event: &Event| {
            if let Event::Started { step, .. } = event {
                from = Some(*step);
            }
        };
        let run = Run { resume: true, observer: Some(&mut observer), ..Run::new(folder.path()) };
        fit(&Classifier::new(), &config, run).unwrap();
        assert_eq!(from, Some(saved));
    }
}

#[test]
fn training_stops_early_when_the_metric_no_longer_improves() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        FitConfig { epochs: 500, patience: Some(2), evaluate_every: Every::Steps(4), ..sgd(30.0) };
    let outcome = fit(&Classifier::new(), &config, Run::new(folder.path())).unwrap();
    let best = outcome.best.unwrap();
    assert_eq!((outcome.end, outcome.step), (End::EarlyStopped, best.step + 8));
}

#[test]
fn a_finished_run_is_not_trained_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = Classifier::new();
    let outcome = fit(&first, &config(), Run::new(folder.path())).unwrap();
    let mut second = Classifier::new();
    second.nan_at = Some(0);
    let run = Run { resume: true, ..Run::new(folder.path()) };
    assert_eq!(fit(&second, &config(), run).unwrap(), outcome);
    assert_eq!(second.weights(), first.weights());
}

#[test]
fn another_run_is_refused_and_the_field_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fit(&Classifier::new(), &config(), Run::new(folder.path())).unwrap();
    assert!(message(&config(), folder.path(), false).contains("holds a training run already"));
    let found = message(&sgd(0.1), folder.path(), true);
    assert!(
        found.contains("`config.optimizer.kind` is \"adadelta\" there and \"sgd\" here"),
        "{found}"
    );

    let mut learner = Classifier::new();
    learner.data = "other";
    let run = Run { resume: true, ..Run::new(folder.path()) };
    let found = fit(&learner, &config(), run).unwrap_err().to_string();
    assert!(found.contains("`identity.data` is \"made up\" there and \"other\" here"), "{found}");

    let longer = FitConfig { epochs: 9, ..config() };
    let run = Run { resume: true, ..Run::new(folder.path()) };
    assert_eq!(fit(&Classifier::new(), &longer, run).unwrap().epoch, 9);
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let adam = |epsilon| OptimizerConfig::Adam(Adam { epsilon, ..Adam::default() });
    let adadelta = |epsilon| OptimizerConfig::Adadelta(Adadelta { epsilon, ..Adadelta::default() });
    let course = Course::Cosine { steps: 9, floor: f64::INFINITY };
    let schedule = Schedule { warmup_steps: 0, course };
    let cases = [
        (sgd(f64::NAN), "`learning_rate` is NaN, expected above 0"),
        (FitConfig { accumulate: 0, ..config() }, "`accumulate` is 0"),
        (FitConfig { epochs: 0, ..config() }, "`epochs` is 0, expected at least 1"),
        (FitConfig { schedule, ..config() }, "`schedule.course.floor` is inf"),
        (FitConfig { optimizer: adam(1e-40), ..config() }, "`optimizer.epsilon` is 0.000"),
        (FitConfig { optimizer: adadelta(1e-40), ..config() }, "`optimizer.epsilon` is 0.000"),
        (FitConfig { clip_norm: Some(-1.0), ..config() }, "`clip_norm` is -1"),
        (
            FitConfig { monitor: None, patience: Some(3), ..config() },
            "`patience` is set without `monitor`",
        ),
        (
            FitConfig {
                monitor: Some(Monitor { metric: "bleu".into(), direction: Direction::Maximize }),
                ..config()
            },
            "the metric to watch is `bleu`, but evaluation gave [\"accuracy\", \"loss\"]",
        ),
    ];
    for (config, expected) in cases {
        let found = message(&config, folder.path(), true);
        assert!(found.contains(expected), "{found}");
    }
    let unknown: Result<FitConfig, _> = serde_json::from_str(r#"{"epoch": 3}"#);
    assert!(unknown.unwrap_err().to_string().contains("unknown field `epoch`"));
}

#[test]
fn a_dry_run_says_what_the_run_will_be() {
    let folder = tempfile::tempdir().unwrap();
    let learner = Classifier::new();
    let plan = DryRun::new(&learner, &config(), |[examples, _]| examples * 19 * 4).unwrap();
    assert_eq!(plan.parameter_count(), 16 * 6 + 3 * 16);
    assert_eq!(plan.memory.optimizer, 2 * plan.memory.parameters);
    let [examples, longest] = plan.largest_batch;
    assert!(examples * longest <= 150 && plan.memory.activations == examples * 76);
    assert!(plan.padding > 0.0 && plan.padding < 0.3, "{}", plan.padding);
    let page = plan.to_string();
    assert!(page.contains("hidden.weight            96  [16, 6]"), "{page}");
    let one = FitConfig { epochs: 1, ..config() };
    let outcome = fit(&learner, &one, Run::new(folder.path())).unwrap();
    assert_eq!(outcome.step as usize, plan.steps_per_epoch);
}
