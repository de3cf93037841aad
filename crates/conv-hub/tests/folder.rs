//! Model folders: written, read again, written over, and refused.
#![allow(clippy::unwrap_used)]

use conv_hub::folder::check_target;
use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use conv_hub::{Error, ModelFolder, ModelParts};
use serde::Deserialize;

fn tensors(values: &[f32]) -> BTreeMap<String, Tensor> {
    let weight = Tensor::new(values, &Device::Cpu).unwrap();
    BTreeMap::from([("conv.weight".to_string(), weight)])
}

fn write(path: &Path, values: &[f32], half: bool) -> conv_hub::Result<()> {
    ModelParts {
        model_type: "kim-cnn",
        config: serde_json::from_str(r#"{"widths": [3, 4], "dropout": {"rate": 0.5}}"#).unwrap(),
        tensors: &tensors(values),
        half,
        labels: &["negative".to_string(), "positive".to_string()],
        training: serde_json::json!({"seed": 7}),
        card: "# A model\n",
        files: &[("tokenizer.json", b"{}")],
    }
    .write(path)
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Config {
    widths: Vec<usize>,
    dropout: Dropout,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Dropout {
    rate: f64,
}

#[test]
fn every_part_comes_back() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("models/sentiment");
    write(&path, &[0.5, 1.0 / 3.0], false).unwrap();
    let model = ModelFolder::open(&path).unwrap();
    model.expect_type("kim-cnn").unwrap();
    let config: Config = model.config().unwrap();
    assert_eq!(config, Config { widths: vec![3, 4], dropout: Dropout { rate: 0.5 } });
    assert_eq!(model.labels().unwrap(), ["negative", "positive"]);
    assert_eq!(model.training::<BTreeMap<String, u64>>().unwrap()["seed"], 7);
    assert_eq!(std::fs::read(model.file("tokenizer.json").unwrap()).unwrap(), b"{}");
    assert_eq!(std::fs::read_to_string(model.file("README.md").unwrap()).unwrap(), "# A model\n");
    let weight = &model.tensors(None).unwrap()["conv.weight"];
    assert_eq!(weight.to_vec1::<f32>().unwrap(), [0.5, 1.0 / 3.0]);
    let beside = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(beside, 1, "nothing temporary is left");
}

#[test]
fn weights_in_half_precision_are_read_as_asked_for() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model");
    write(&path, &[0.5, 1.0 / 3.0], true).unwrap();
    let model = ModelFolder::open(&path).unwrap();
    assert_eq!(model.tensors(None).unwrap()["conv.weight"].dtype(), DType::F16);
    let weight = &model.tensors(Some(DType::F32)).unwrap()["conv.weight"];
    assert_eq!(weight.to_vec1::<f32>().unwrap(), [0.5, 0.333_251_95]);
}

#[test]
fn a_weight_that_is_no_number_is_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model");
    // One beyond the first piece that is looked at.
    let mut values = vec![0.5; (1 << 20) + 3];
    for (value, expected) in [(f32::NAN, "NaN"), (f32::NEG_INFINITY, "-inf")] {
        *values.last_mut().unwrap() = value;
        write(&path, &values, false).unwrap();
        for floats in [None, Some(DType::F64)] {
            let error = ModelFolder::open(&path).unwrap().tensors(floats).unwrap_err().to_string();
            let expected = format!("model.safetensors: tensor `conv.weight` holds {expected}");
            assert!(error.contains(&expected), "{error}");
        }
    }
}

#[test]
fn a_weight_beyond_half_precision_is_refused_and_nothing_is_written() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model");
    let error = write(&path, &[1.0, 70000.0], true).unwrap_err().to_string();
    assert!(error.contains("`conv.weight` holds 70000"), "{error}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_model_is_written_over_and_leaves_nothing_of_the_old_one() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model");
    write(&path, &[1.0], false).unwrap();
    let next =
        ModelParts { model_type: "other", tensors: &tensors(&[2.0]), ..ModelParts::default() };
    next.write(&path).unwrap();
    let model = ModelFolder::open(&path).unwrap();
    assert_eq!(model.model_type(), "other");
    assert!(matches!(model.labels(), Err(Error::MissingFile { .. })));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn what_is_not_a_model_is_not_written_over() {
    let place = tempfile::tempdir().unwrap();
    let refused = |path: &Path, expected: &str| {
        let error = write(path, &[1.0], false).unwrap_err().to_string();
        assert!(error.contains("is not overwritten") && error.contains(expected), "{error}");
        let before = check_target(path).unwrap_err();
        assert_eq!(before.to_string(), error);
    };
    let file = place.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    refused(&file, "not a folder");
    let sources = place.path().join("sources");
    std::fs::create_dir(&sources).unwrap();
    std::fs::write(sources.join("config.json"), r#"{"model_type":"kim-cnn"}"#).unwrap();
    std::fs::write(sources.join("thesis.tex"), "mine").unwrap();
    refused(&sources, "it also holds `thesis.tex`");
    let settings = place.path().join("settings");
    std::fs::create_dir(&settings).unwrap();
    std::fs::write(settings.join("config.json"), r#"{"colour":"red"}"#).unwrap();
    refused(&settings, "field `model_type`");
    assert_eq!(
        std::fs::read_to_string(settings.join("config.json")).unwrap(),
        r#"{"colour":"red"}"#
    );
    let empty = place.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    write(&empty, &[1.0], false).unwrap();
}

#[test]
fn a_model_with_further_files_of_its_own_is_written_over_and_a_stranger_s_file_is_not() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model");
    let files: [(&str, &[u8]); 1] = [("tokenizer.source.json", b"{}")];
    let parts = ModelParts { model_type: "two", files: &files, ..ModelParts::default() };
    parts.write(&path).unwrap();
    check_target(&path).unwrap();
    parts.write(&path).unwrap();
    // It is the folder's matter, not one of the configuration.
    let config: serde_json::Value = ModelFolder::open(&path).unwrap().config().unwrap();
    assert_eq!(config, serde_json::json!({}));
    std::fs::write(path.join("notes.txt"), "mine").unwrap();
    let error = check_target(&path).unwrap_err().to_string();
    assert!(error.contains("it also holds `notes.txt`"), "{error}");
}

#[test]
fn names_that_could_not_be_read_again_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model");
    for name in ["../escape", "sub/file", "model.safetensors", ""] {
        let parts = ModelParts { files: &[(name, b"x")], ..ModelParts::default() };
        assert!(matches!(parts.write(&path), Err(Error::UnsafeName { .. })), "{name}");
    }
    for (labels, expected) in
        [(["a", "a"], "already on line 1"), (["a", " "], "is empty"), (["a", "b\nc"], "line break")]
    {
        let labels = labels.map(str::to_string);
        let parts = ModelParts { labels: &labels, ..ModelParts::default() };
        let error = parts.write(&path).unwrap_err().to_string();
        assert!(error.contains("labels.txt: line 2") && error.contains(expected), "{error}");
    }
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn errors_name_the_file_and_the_field() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path();
    let error = ModelFolder::open(path).unwrap_err().to_string();
    assert!(error.contains("has no config.json, which holds the model's type"), "{error}");

    let config = |text: &str| {
        std::fs::write(path.join("config.json"), text).unwrap();
        ModelFolder::open(path)
    };
    for (text, expected) in [
        ("{", "config.json: EOF"),
        ("[]", "expected a map"),
        (r#"{"widths": [3]}"#, "field `model_type`: is missing"),
        (r#"{"model_type": 3}"#, "field `model_type`: is not a string"),
        (r#"{"model_type": "kim-cnn"} trailing"#, "trailing characters"),
    ] {
        let error = config(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    for (text, expected) in [
        (
            r#"{"model_type": "kim-cnn", "widths": [3, "x"]}"#,
            "config.json: field `widths[1]`: invalid type: string \"x\"",
        ),
        (
            r#"{"model_type": "kim-cnn", "widths": [], "dropout": {"rate": null}}"#,
            "field `dropout.rate`: invalid type: null",
        ),
        (r#"{"model_type": "kim-cnn", "widths": []}"#, "missing field `dropout`"),
        (r#"{"model_type": "kim-cnn", "width": 3}"#, "unknown field `width`"),
    ] {
        let error = config(text).unwrap().config::<Config>().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = config(r#"{"model_type": "mask-rcnn"}"#)
        .unwrap()
        .expect_type("kim-cnn")
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("holds a model of type `mask-rcnn`, expected `kim-cnn`"), "{error}");
}

#[test]
fn an_error_of_the_system_is_told_once() {
    let error = conv_hub::folder::text("absent.json".as_ref()).unwrap_err();
    assert_eq!(error.to_string(), "cannot open absent.json");
    assert!(std::error::Error::source(&error).is_some_and(|source| source.is::<std::io::Error>()));
}
