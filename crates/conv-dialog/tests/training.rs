//! Rankers and agents from training to use, and runs that are stopped and go on.
#![allow(clippy::unwrap_used)]

use candle_core::{Device, Tensor};
use conv_dialog::data::{ImageFeatures, TextDialog};
use conv_dialog::guess::{Agents, AgentsRecipe, AgentsTraining, Learning, ScenePool, draw_scenes};
use conv_dialog::{AnswerRanker, Question, Recipe, Training, card};
use conv_train::{End, Event, Interval, Learner, Run, fit};
use conv_vision::{Features, FeaturesMadeBy};
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Dialogs in which the caption's colour is asked for, and other things that are always so.
fn dialogs() -> Vec<TextDialog> {
    const COLORS: [&str; 6] = ["red", "blue", "green", "white", "black", "brown"];
    let dialog = |number: usize| {
        let color = COLORS[number % 6];
        let round = |question: &str, answer: &str| [question.to_string(), answer.to_string()];
        TextDialog {
            image_id: number as u64,
            name: format!("dialog {number}"),
            caption: format!("a {color} cat"),
            rounds: vec![
                round("is it a dog ?", "no"),
                round("what color is the cat ?", color),
                round("is it a cat ?", "yes"),
                round(
                    "what is it doing ?",
                    ["sleeping", "running", "eating", "sitting"][number / 6 % 4],
                ),
            ],
        }
    };
    (0..120).map(dialog).collect()
}

fn recipe() -> Recipe {
    let mut recipe = Recipe {
        dimension: 16,
        units: 16,
        candidates: 12,
        negatives: 11,
        dropout: 0.0,
        ..Recipe::default()
    };
    recipe.fit.epochs = 12;
    recipe.fit.learning_rate = 1e-2;
    recipe.fit.schedule.warmup_steps = 0;
    recipe
}

#[test]
fn a_ranker_learns_what_counting_cannot_know_and_is_the_same_opened_again() {
    let place = tempfile::tempdir().unwrap();
    let recipe = recipe();
    let training = Training::new(&recipe, &dialogs(), None, &Device::Cpu).unwrap();
    fit(&training, &recipe.fit, Run::new(place.path())).unwrap();
    let figures = training.measure().unwrap();
    // Counting knows the kind of answer, the network the caption's colour.
    assert!(figures["mrr"] > figures["mrr_three_words"] + 0.05, "{figures:?}");
    assert!(figures["mrr_three_words"] > figures["mrr_frequency"], "{figures:?}");

    let folder = place.path().join("model");
    conv_train::task::save(&training, &folder, &card("made-up dialogs", figures), false).unwrap();
    let opened = AnswerRanker::open(&folder, &Device::Cpu).unwrap();
    let history = [["is it a dog ?", "no"]];
    let question = Question {
        caption: "a green cat",
        history: &history,
        text: "what color is the cat ?",
        image: None,
    };
    let candidates = ["no", "green", "a thing never said", "", "red"];
    let scores = opened.scores(&question, &candidates).unwrap();
    assert_eq!(scores, training.ranker().scores(&question, &candidates).unwrap());
    assert!(
        scores.network[1] > scores.network[4] && scores.network[1] > scores.network[0],
        "{scores:?}"
    );
    // A candidate's score does not depend on the others.
    let alone = opened.scores(&question, &candidates[1..3]).unwrap();
    assert_eq!(alone.network[..], scores.network[1..3]);
}

/// Features of the images of [`dialogs`] from number `from` on, as `classify features` keeps them:
/// which colour it is stands in them at two of three places.
fn write_features(path: &Path, from: u64, weights: &str) {
    let made_by = FeaturesMadeBy {
        network: "made up".into(),
        layers: vec!["pool".into(), "other".into()],
        weights: weights.into(),
        preprocessing: Value::Null,
        names: Default::default(),
    };
    let tensors = (from..120).flat_map(|image| {
        let value =
            |at: usize| [3.0, 3.0, 0.0][at % 3] * f32::from(u8::from(at / 3 == image as usize % 6));
        let seen = Tensor::from_vec((0..18).map(value).collect(), (6, 1, 3), &Device::Cpu).unwrap();
        let name = format!("pictures/COCO_val2014_{image:012}.jpg");
        let other = Tensor::zeros(2, candle_core::DType::F32, &Device::Cpu).unwrap();
        [(name.clone(), "pool".to_string(), seen), (name, "other".to_string(), other)]
    });
    Features::new(made_by, tensors).write(path).unwrap();
}

#[test]
fn a_ranker_answers_from_the_image_what_no_text_tells() {
    let place = tempfile::tempdir().unwrap();
    let [path, fewer, others] = ["seen", "fewer", "others"]
        .map(|name| place.path().join(name).with_extension("safetensors"));
    write_features(&path, 0, "0");
    write_features(&fewer, 2, "0");
    write_features(&others, 0, "1");
    let read = |path: &Path| ImageFeatures::read(path, Some("pool")).unwrap();
    let images = read(&path);
    assert_eq!((images.len(), images.source().size), (120, 6));
    let error = ImageFeatures::read(&path, None).unwrap_err().to_string();
    assert!(error.contains("expected one of pool, other"), "{error}");

    let mut dialogs = dialogs();
    dialogs.iter_mut().for_each(|dialog| dialog.caption = "a cat".into());
    let mut recipe = recipe();
    recipe.fit.epochs = 8;
    let mrr = |images| {
        let run = tempfile::tempdir().unwrap();
        let training = Training::new(&recipe, &dialogs, images, &Device::Cpu).unwrap();
        fit(&training, &recipe.fit, Run::new(run.path())).unwrap();
        let figures = training.measure().unwrap();
        (training, figures)
    };
    let (blind, (training, figures)) = (mrr(None).1, mrr(Some(images)));
    assert!(figures["mrr"] > blind["mrr"] + 0.05, "{figures:?} {blind:?}");

    let folder = place.path().join("model");
    conv_train::task::save(&training, &folder, &card("made-up dialogs", figures), false).unwrap();
    let open = || AnswerRanker::open(&folder, &Device::Cpu).unwrap();
    let history = [["is it a dog ?", "no"]];
    let candidates = ["red", "blue", "green"];
    let asked = |image| Question {
        caption: "a cat",
        history: &history,
        text: "what color is the cat ?",
        image,
    };
    let sees = open().with_images(read(&path)).unwrap();
    for (image, expected) in [(0, 0), (1, 1), (2, 2), (62, 2)] {
        let scores = sees.scores(&asked(Some(image)), &candidates).unwrap().network;
        let best = (0..3).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
        assert_eq!(best, expected, "{image}: {scores:?}");
        assert_eq!(
            training.ranker().scores(&asked(Some(image)), &candidates).unwrap().network,
            scores
        );
    }
    // What is missing or of another network is named.
    let error = sees.scores(&asked(None), &candidates).unwrap_err().to_string();
    assert!(error.contains("image") && error.contains("number of the image"), "{error}");
    let error = sees.scores(&asked(Some(500)), &candidates).unwrap_err().to_string();
    assert!(error.contains("*000000000500.jpg"), "{error}");
    let error = open().scores(&asked(Some(1)), &candidates).unwrap_err().to_string();
    assert!(error.contains("--images"), "{error}");
    let error = open().with_images(read(&others)).unwrap_err().to_string();
    assert!(error.contains("weights 1, expected those that the ranker learnt from"), "{error}");
    let error = Training::new(&recipe, &dialogs, Some(read(&fewer)), &Device::Cpu);
    let error = error.err().unwrap().to_string();
    for part in ["2 of 120 images", "*000000000000.jpg, *000000000001.jpg", "text alone"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

/// All values by name.
fn weights<L: Learner>(learner: &L) -> Vec<(String, Vec<f32>)> {
    let tensors = learner.parameters().tensors().into_iter();
    tensors.map(|(name, tensor)| (name, tensor.flatten_all().unwrap().to_vec1().unwrap())).collect()
}

/// A run that is stopped and goes on ends in the same bits.
fn goes_on<L: Learner>(make: impl Fn() -> L, config: &conv_train::FitConfig) {
    let [whole, parts] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let once = make();
    fit(&once, config, Run::new(whole.path())).unwrap();
    let stop = AtomicBool::new(false);
    let mut observer = |event: &Event| {
        if matches!(event, Event::Step(record) if record.step == 3) {
            stop.store(true, Ordering::SeqCst);
        }
    };
    let first = Run { stop: Some(&stop), observer: Some(&mut observer), ..Run::new(parts.path()) };
    assert_eq!(fit(&make(), config, first).unwrap().end, End::Interrupted);
    let again = make();
    fit(&again, config, Run { resume: true, ..Run::new(parts.path()) }).unwrap();
    assert!(weights(&once) == weights(&again));
}

#[test]
fn stopped_runs_go_on_to_the_same_bits() {
    let mut recipe = Recipe { dropout: 0.3, ..recipe() };
    recipe.fit.epochs = 2;
    let dialogs = dialogs();
    goes_on(|| Training::new(&recipe, &dialogs, None, &Device::Cpu).unwrap(), &recipe.fit);
    let mut recipe = AgentsRecipe {
        asking_units: 12,
        answering_units: 12,
        rounds: 2,
        games: 96,
        ..AgentsRecipe::default()
    };
    recipe.fit.epochs = 2;
    goes_on(|| AgentsTraining::new(&recipe, None, &Device::Cpu).unwrap(), &recipe.fit);
    recipe.learning = Learning::Full;
    goes_on(|| AgentsTraining::new(&recipe, None, &Device::Cpu).unwrap(), &recipe.fit);
}

#[test]
fn agents_play_the_same_game_opened_again() {
    let place = tempfile::tempdir().unwrap();
    let mut recipe = AgentsRecipe {
        asking_units: 24,
        answering_units: 24,
        rounds: 3,
        games: 640,
        ..AgentsRecipe::default()
    };
    recipe.fit.epochs = 3;
    recipe.fit.evaluate_every = Interval::Epochs(3);
    let training = AgentsTraining::new(&recipe, None, &Device::Cpu).unwrap();
    let before = training.evaluate().unwrap();
    fit(&training, &recipe.fit, Run::new(place.path())).unwrap();
    let after = training.evaluate().unwrap();
    assert!(
        after["perplexity of questions"] < 0.5 * before["perplexity of questions"],
        "{after:?}"
    );
    assert!(after["right answers"] > before["right answers"], "{after:?}");
    let folder = place.path().join("model");
    conv_train::task::save(&training, &folder, &conv_dialog::guess::agents_card(after), true)
        .unwrap();
    let pool = ScenePool::new(draw_scenes(50, 1));
    assert_eq!(pool.scenes(), draw_scenes(50, 1));
    let agents = Agents::open(&folder, &Device::Cpu).unwrap();
    let game = agents.play(&pool, 7, 3, 1).unwrap();
    assert_eq!((game.rounds.len(), game.pool, game.scene.as_str()), (3, 50, "scene 7"));
    assert_eq!(game, agents.play(&pool, 7, 3, 1).unwrap());
    assert!(game.rounds.iter().all(|round| (0.0..=100.0).contains(&round.percentile)));
    assert!(agents.play(&pool, 50, 3, 1).is_err());

    // Reinforcement goes on from there; what is frozen stays, what is not moves.
    for (learning, still, moving) in [
        (Learning::Full, "scene.", ["qbot.dialog.", "abot.answer.", "qbot.scene."]),
        (Learning::FrozenQ, "qbot.dialog.", ["abot.gate.", "abot.answer.", "qbot.fact."]),
        (Learning::FrozenA, "abot.", ["qbot.dialog.", "qbot.next.", "qbot.fact."]),
    ] {
        let run = tempfile::tempdir().unwrap();
        let mut recipe = AgentsRecipe { learning, games: 64, rounds: 3, ..recipe.clone() };
        recipe.fit.epochs = 2;
        let training = AgentsTraining::new(&recipe, Some(&folder), &Device::Cpu).unwrap();
        let before = weights(&training);
        fit(&training, &recipe.fit, Run::new(run.path())).unwrap();
        let moved: Vec<String> = weights(&training)
            .into_iter()
            .zip(before)
            .filter(|(after, before)| after.1 != before.1)
            .map(|(after, _)| after.0)
            .collect();
        assert!(!moved.iter().any(|name| name.starts_with(still)), "{learning:?}: {moved:?}");
        for part in moving {
            assert!(moved.iter().any(|name| name.starts_with(part)), "{learning:?}: {part}");
        }
        let figures = training.evaluate().unwrap();
        assert!(figures["perplexity of said questions before"] >= 1.0, "{figures:?}");
    }
}
