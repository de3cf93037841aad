//! The loop's promises besides resume: it learns, weights, stops, refuses and names.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Classifier, config};
use conv_train::batch::{BatchSize, Batching};
use conv_train::optim::Group;
use conv_train::optim::{Adadelta, Adam, OptimizerConfig, Sgd};
use conv_train::{
    ByHeart, Decay, Direction, DryRun, End, Error, Event, FitConfig, Interval, Learner,
    MonitoredMetric, Run, Schedule, fit,
};
use std::path::Path;
use std::time::Duration;

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
    let whole = weights(90, 1);
    let parts = weights(25, 4);
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
    let expected: Vec<String> = expected.iter().map(|i| format!("example {i}")).collect();
    assert_eq!((*step, batch), (8, &expected));
    let text = error.to_string();
    assert!(text.contains("at a learning rate of 1;") && text.contains(&expected[4]), "{text}");
    assert!(text.ends_with(&format!("and {} more", expected.len() - 5)), "{text}");
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
    let monitor = MonitoredMetric { metric: "accuracy".into(), direction: Direction::Maximize };
    let config =
        FitConfig { evaluate_every: Interval::Steps(4), monitor: Some(monitor), ..config() };
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
        let Error::NonFiniteParameter { step: found, parameter, learning_rate } = &error else {
            panic!("{error}");
        };
        assert_eq!((*found, parameter.as_str()), (step, "hidden.weight"));
        assert_eq!(*learning_rate, config.learning_rate);
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
    let config = FitConfig {
        epochs: 500,
        patience: Some(2),
        evaluate_every: Interval::Steps(4),
        ..sgd(30.0)
    };
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
    let decay = Decay::Cosine { steps: Some(9), floor: f64::INFINITY };
    let schedule = Schedule { warmup_steps: 0, decay };
    let cases = [
        (sgd(f64::NAN), "learning_rate is NaN, expected above 0"),
        (FitConfig { accumulate: 0, ..config() }, "accumulate is 0"),
        (FitConfig { epochs: 0, ..config() }, "epochs is 0, expected at least 1"),
        (FitConfig { schedule, ..config() }, "schedule.decay.floor is inf"),
        (FitConfig { optimizer: adam(1e-40), ..config() }, "optimizer.epsilon is 0.000"),
        (FitConfig { optimizer: adadelta(1e-40), ..config() }, "optimizer.epsilon is 0.000"),
        (FitConfig { clip_norm: Some(-1.0), ..config() }, "clip_norm is -1"),
        (
            FitConfig { monitor: None, patience: Some(3), ..config() },
            "patience is set without `monitor`",
        ),
        (
            FitConfig {
                monitor: Some(MonitoredMetric {
                    metric: "bleu".into(),
                    direction: Direction::Maximize,
                }),
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

/// Batches come from a second thread where there are several, and an error of loading at its own
/// step.
#[test]
fn what_cannot_be_loaded_ends_training_at_its_own_step() {
    let lengths = Classifier::new().lengths(0).unwrap().into_owned();
    let batches = config().batching.epoch(&lengths, 3, 0);
    let train = || {
        let folder = tempfile::tempdir().unwrap();
        let mut learner = Classifier::new();
        learner.unreadable = batches.get(5).first().copied();
        let mut steps = 0;
        let mut observer = |event: &Event| steps += u64::from(matches!(event, Event::Step(_)));
        let run = Run { observer: Some(&mut observer), ..Run::new(folder.path()) };
        let error = fit(&learner, &config(), run).unwrap_err();
        (error.to_string(), steps)
    };
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(train), ("a file that cannot be read".to_string(), 5));
    }
}

#[test]
fn a_frozen_group_stays_and_counts_in_no_norm() {
    let folder = tempfile::tempdir().unwrap();
    let learner = Classifier::new();
    let before = learner.weights();
    let frozen = Group { prefix: "hidden.".into(), rate: 0.0, weight_decay: None };
    let config = FitConfig { groups: vec![frozen], epochs: 1, max_norm: vec![], ..config() };
    fit(&learner, &config, Run::new(folder.path())).unwrap();
    assert_eq!(learner.weights()["hidden.weight"], before["hidden.weight"]);
    assert_ne!(learner.weights()["output.weight"], before["output.weight"]);
}

#[test]
fn a_few_examples_are_learnt_by_heart() {
    let folder = tempfile::tempdir().unwrap();
    let learner = Classifier::new();
    let few = ByHeart::new(&learner, 6).unwrap();
    let before = few.mean_loss().unwrap();
    let config = conv_train::by_heart_config(&FitConfig { learning_rate: 5.0, ..config() });
    fit(&few, &FitConfig { epochs: 200, ..config }, Run::new(folder.path())).unwrap();
    let after = few.mean_loss().unwrap();
    assert!(few.len() == 6 && after < before / 10.0, "{before} {after}");
}

#[test]
fn a_checkpoint_by_the_clock_changes_nothing() {
    let train = |checkpoint_every| {
        let folder = tempfile::tempdir().unwrap();
        let learner = Classifier::new();
        let mut saved = 0;
        let mut observer = |event: &Event| saved += u64::from(matches!(event, Event::Saved { .. }));
        let observer = Some(&mut observer as &mut dyn FnMut(&Event));
        let run = Run { observer, checkpoint_every, ..Run::new(folder.path()) };
        fit(&learner, &FitConfig { epochs: 2, ..config() }, run).unwrap();
        (learner.weights(), saved)
    };
    let (weights, saved) = train(Duration::from_secs(600));
    let (same, more) = train(Duration::ZERO);
    assert!(same == weights && more > saved, "{more} {saved}");
}
