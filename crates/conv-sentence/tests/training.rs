//! What training keeps, changes and refuses, and what comes back from disk.
#![allow(clippy::unwrap_used)]

mod tiny;

use candle_core::{DType, Device, Tensor};
use conv_hub::ModelConfig;
use conv_sentence::{
    Classifier, Config, Table, Training, Variant, WarmStart, best_threshold, evaluate,
};
use conv_text::data::{Corpus, Split};
use conv_train::{ByHeart, FitConfig, Learner, Run, by_heart_config, fit, read_log, task};
use std::path::Path;

#[test]
fn training_learns_and_keeps_what_it_must() {
    let (sentences, split) = tiny::sentences();
    for variant in Variant::ALL {
        let recipe = tiny::recipe(variant);
        let training = tiny::training(&recipe, &sentences, &split, [].into());
        let values = |name: &str| -> Option<Vec<Vec<f32>>> {
            training.parameters().tensors().get(name).map(|tensor| tensor.to_vec2().unwrap())
        };
        let kept = values("static.weight");
        let tuned = values("embedding.weight");
        let surprise = || training.evaluation(&split.train, 1).unwrap().cross_entropy;
        let before = surprise();
        tiny::train(&training, &recipe);
        assert!(surprise() < before, "{variant}");
        assert_eq!(values("static.weight"), kept, "{variant}");
        let after = values("embedding.weight");
        assert_eq!(after == tuned, variant == Variant::Static);
        for table in [after, kept].into_iter().flatten() {
            assert!(table[0].iter().all(|value| *value == 0.0), "{variant}: the padding word");
        }
        for row in values("fc.weight").unwrap() {
            let norm = row.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>().sqrt();
            assert!(norm < 3.0 + 1e-5, "{variant}: {norm}");
        }
    }
}

#[test]
fn a_few_sentences_are_learnt_by_heart() {
    let (sentences, split) = tiny::sentences();
    let recipe = tiny::recipe(Variant::Rand);
    let training = tiny::training(&recipe, &sentences, &split, [].into());
    let few = ByHeart::new(&training, 8).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = FitConfig { epochs: 100, ..by_heart_config(&recipe.fit) };
    fit(&few, &config, Run::new(folder.path())).unwrap();
    let loss = few.mean_loss().unwrap();
    assert!(loss < 0.05, "{loss}");
}

fn saved(folder: &Path, variant: Variant, half: bool) -> Classifier {
    let (sentences, split) = tiny::sentences();
    let recipe = tiny::recipe(variant);
    let training = tiny::training(&recipe, &sentences, &split, [].into());
    tiny::train(&training, &recipe);
    let card = conv_sentence::card(
        "made-up sentences",
        &sentences.labels,
        [("accuracy".into(), 0.5)].into(),
    );
    task::save(&training, folder, &card, half).unwrap();
    training.classifier().unwrap()
}

#[test]
fn a_saved_model_predicts_the_same() {
    let place = tempfile::tempdir().unwrap();
    let corpus = tiny::corpus();
    for (half, tolerance) in [(false, 0.0), (true, 1e-2)] {
        let folder = place.path().join("model");
        let trained = saved(&folder, Variant::Multichannel, half);
        let opened = Classifier::open(&folder, &Device::Cpu).unwrap();
        assert_eq!(opened.labels(), ["no", "yes"]);
        for text in corpus.texts().into_iter().chain(["", "never seen"]) {
            let one = trained.predict(text).unwrap();
            let other = opened.predict(text).unwrap();
            let apart = (one.probabilities[0] - other.probabilities[0]).abs();
            assert!(apart <= tolerance, "{text:?}: {apart}");
        }
        let card = std::fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(card.contains("| accuracy | 0.5000 |") && card.contains("## Terms"), "{card}");
        let training: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join("training.json")).unwrap()).unwrap();
        assert_eq!(training["recipe"]["variant"], "multichannel");
        assert_eq!(training["metrics"]["accuracy"], 0.5);
    }
}

#[test]
fn classes_are_matched_by_name_when_a_model_is_evaluated() {
    let (sentences, split) = tiny::sentences();
    let recipe = tiny::recipe(Variant::Rand);
    let training = tiny::training(&recipe, &sentences, &split, [].into());
    tiny::train(&training, &recipe);
    let classifier = training.classifier().unwrap();
    let corpus = tiny::corpus();
    let evaluation = evaluate(&classifier, &corpus, 2).unwrap();
    assert_eq!((evaluation.examples, evaluation.recall_at_k), (30, 1.0));
    let swap = |label: u32| 1 - label;
    let mut examples = corpus.examples().to_vec();
    examples.iter_mut().for_each(|example| example.label = swap(example.label));
    let swapped = Corpus::new(vec!["yes".into(), "no".into()], examples.clone()).unwrap();
    assert_eq!(evaluate(&classifier, &swapped, 2).unwrap(), evaluation);
    let foreign = Corpus::new(vec!["yes".into(), "maybe".into()], examples).unwrap();
    let evaluation = evaluate(&classifier, &foreign, 1).unwrap();
    assert_eq!(evaluation.labels, ["no", "yes", "maybe"]);
    assert_eq!((evaluation.classes[2].support, evaluation.classes[2].recall), (15, 0.0));
    assert!(evaluation.accuracy <= 0.5);
}

#[test]
fn a_warm_start_takes_words_filters_and_the_last_layer_where_they_are_the_same() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("model");
    let first = saved(&folder, Variant::NonStatic, false);
    let old = conv_hub::ModelFolder::open(&folder).unwrap().tensors(None).unwrap();

    let (mut sentences, split) = tiny::sentences();
    let mut recipe = tiny::recipe(Variant::NonStatic);
    let warm = WarmStart::open(&folder, &recipe.filters, &sentences).unwrap();
    let training =
        Training::new(&recipe, &sentences, &split, &warm.table, warm.parameters, &Device::Cpu)
            .unwrap();
    let again = training.classifier().unwrap();
    let text = "the film is really fine !";
    assert_eq!(first.predict(text).unwrap(), again.predict(text).unwrap());

    sentences.labels = vec!["bad".into(), "good".into()];
    recipe.filters[0].maps = 5;
    let warm = WarmStart::open(&folder, &recipe.filters, &sentences).unwrap();
    assert_eq!(warm.parameters.keys().collect::<Vec<_>>(), ["convs.1.bias", "convs.1.weight"]);
    let training =
        Training::new(&recipe, &sentences, &split, &warm.table, warm.parameters, &Device::Cpu)
            .unwrap();
    let new = training.parameters().tensors();
    let rows = |tensor: &candle_core::Tensor| tensor.to_vec2::<f32>().unwrap();
    assert_eq!(rows(&new["embedding.weight"])[2..], rows(&old["embedding.weight"])[2..]);
}

#[test]
fn data_that_cannot_be_learnt_from_is_refused() {
    let (sentences, split) = tiny::sentences();
    let recipe = tiny::recipe(Variant::Rand);
    let table = Table::random(4).unwrap();
    let of_class = |class: u32| -> Vec<u32> {
        (0..30).filter(|index| sentences.classes[*index as usize] == class).collect()
    };
    for (split, reason) in [
        (Split { train: vec![], ..split.clone() }, "no sentence to train on"),
        (
            Split { train: of_class(0), ..split.clone() },
            "all 15 sentences to train on are of class \"no\"",
        ),
        (Split { dev: vec![], ..split.clone() }, "no sentence in the dev part"),
    ] {
        let refused = Training::new(&recipe, &sentences, &split, &table, [].into(), &Device::Cpu);
        let error = refused.err().unwrap().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_folder_of_another_task_or_with_sizes_of_its_own_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("model");
    saved(&folder, Variant::Rand, false);
    let path = folder.join("config.json");
    let config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let huge = 1u64 << 40;
    for (field, value, reason) in [
        ("model_type", "mask-rcnn".into(), "mask-rcnn"),
        ("vocabulary", huge.into(), "vocabulary is 1099511627776, expected"),
        ("dimension", huge.into(), "dimension is 1099511627776, expected 1 to 65536"),
        ("dimension", 65_536.into(), "embedding.weight"),
        ("classes", huge.into(), "classes is 1099511627776, expected 2"),
        (
            "filters",
            serde_json::json!([{ "width": 3, "maps": huge }]),
            "filters is 3x1099511627776",
        ),
        (
            "filters",
            serde_json::json!([{ "width": huge, "maps": 1 }]),
            "filters is 1099511627776x1",
        ),
        ("filters", serde_json::json!([{ "width": 1024, "maps": 65_536 }]), "convs.0.weight"),
        ("filters", serde_json::json!([]), "filters is none"),
        ("variant", "static".into(), "static.weight"),
        ("variant", "best".into(), "variant"),
        ("surprise", 1.into(), "surprise"),
    ] {
        let mut changed = config.clone();
        changed[field] = value;
        std::fs::write(&path, changed.to_string()).unwrap();
        let error = Classifier::open(&folder, &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains(reason), "{field}: {error}");
    }
    assert_eq!(config["model_type"], Config::MODEL_TYPE);
}

#[test]
fn weights_of_another_shape_kind_or_without_end_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("model");
    saved(&folder, Variant::NonStatic, false);
    let weights = folder.join("model.safetensors");
    let tensors = conv_hub::read_safetensors(&weights, None).unwrap();
    let (sentences, _) = tiny::sentences();
    let filters = tiny::recipe(Variant::NonStatic).filters;
    let rows = tensors["embedding.weight"].dims()[0];
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu).unwrap();
    let nan = Tensor::full(f32::NAN, (rows, 12), &Device::Cpu).unwrap();
    for (table, reason) in [
        (zeros(&[rows, 0], DType::F32), "parameter `embedding.weight` has shape"),
        (zeros(&[rows - 1, 12], DType::F32), "parameter `embedding.weight` has shape"),
        (zeros(&[rows], DType::F32), "parameter `embedding.weight` has shape"),
        (zeros(&[rows, 12], DType::I64), "parameter `embedding.weight` holds I64"),
        (nan, "model.safetensors: tensor `embedding.weight` holds NaN"),
    ] {
        let mut changed = tensors.clone();
        changed.insert("embedding.weight".into(), table);
        conv_hub::files::write_safetensors(&weights, &changed).unwrap();
        for error in [
            Classifier::open(&folder, &Device::Cpu).err().unwrap(),
            WarmStart::open(&folder, &filters, &sentences).err().unwrap(),
        ] {
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    // Finite, and too large to calculate with: no figures of what are no numbers.
    let large = tensors.into_iter().map(|(name, tensor)| (name, (tensor * 1e30).unwrap()));
    conv_hub::files::write_safetensors(&weights, &large.collect()).unwrap();
    let classifier = Classifier::open(&folder, &Device::Cpu).unwrap();
    let error = best_threshold(&classifier, &tiny::corpus(), "yes").unwrap_err().to_string();
    assert!(error.starts_with("the network gives NaN for a sentence of 4 words"), "{error}");
}

#[test]
fn the_report_of_a_run_shows_its_words_as_text_and_refers_to_nothing() {
    let (sentences, split) = tiny::sentences();
    let recipe = tiny::recipe(Variant::Rand);
    let training = tiny::training(&recipe, &sentences, &split, [].into());
    let folder = tempfile::tempdir().unwrap();
    let outcome = fit(&training, &recipe.fit, Run::new(folder.path())).unwrap();
    let log = read_log(&folder.path().join("metrics.jsonl")).unwrap();
    let subtitle = "CNN-rand on <b>made-up</b> sentences";
    let figures = [("dev accuracy".into(), 0.5)].into();
    let page = task::report(&training, subtitle, &figures, &log, &outcome).unwrap().html();
    for part in [
        "Curves",
        "Confusion",
        "Sample predictions",
        "rgba(var(--right)",
        "&lt;b&gt;made-up",
        "Environment",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<script"));
    // To look at it: REPORT=/tmp/report.html cargo test -p conv-sentence --test training report
    if let Ok(path) = std::env::var("REPORT") {
        std::fs::write(path, page).unwrap();
    }
}

#[test]
fn examples_are_named_as_the_corpus_numbers_them() {
    let (sentences, split) = tiny::sentences();
    let recipe = tiny::recipe(Variant::Rand);
    let training = tiny::training(&recipe, &sentences, &split, [].into());
    let last = split.train.len() - 1;
    // Otherwise the two ways to count are one, and nothing is tested.
    assert_ne!(split.train[last] as usize, last);
    assert_eq!(training.name_of(last), format!("sentence {}", split.train[last] + 1));
    let mut of_file = sentences.clone();
    of_file.lines = (0..sentences.words.len() as u64).map(|index| Some(3 * index + 7)).collect();
    let training = tiny::training(&recipe, &of_file, &split, [].into());
    assert_eq!(training.name_of(last), format!("line {}", 3 * split.train[last] + 7));
}
