//! The program `sentence` from training to prediction, on made-up data in a temporary folder.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The example that `cargo test` has built beside this test.
fn sentence(folder: &Path, arguments: &[&str]) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("sentence");
    assert!(program.exists(), "build it first: cargo build --example sentence");
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).args(["--threads", "1"]).env_remove("CONVOKE_DATA");
    command
}

fn output(folder: &Path, arguments: &[&str]) -> String {
    let output = sentence(folder, arguments).assert().success().get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&output(folder, &[arguments, &["--json"]].concat())).unwrap()
}

/// The one line on standard error of a command that fails with exit code 1.
fn error(folder: &Path, arguments: &[&str]) -> String {
    let assert = sentence(folder, arguments).assert().code(1);
    let line = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(line.starts_with("error: ") && line.trim_end().lines().count() == 1, "{line}");
    line
}

/// Forty remarks as CSV, with commas in them and the classes `bad` and `good`.
fn write_data(folder: &Path) {
    let mut csv = String::from("remark,verdict\n");
    for subject in ["the film", "a scene", "this story", "her song", "the cast"] {
        for (good, bad) in
            [("good", "dull"), ("fine", "weak"), ("warm", "cold"), ("not dull", "not good")]
        {
            csv += &format!(
                "\"{subject}, I say, is {good}\",good\n\"{subject}, I say, is {bad}\",bad\n"
            );
        }
    }
    fs::write(folder.join("remarks.csv"), csv).unwrap();
    // Faster than the paper's on so little data.
    let recipe = "[fit]\nlearning_rate = 0.02\noptimizer = { kind = \"adam\" }\n";
    fs::write(folder.join("adam.toml"), recipe).unwrap();
}

const COLUMNS: [&str; 6] =
    ["--data", "remarks.csv", "--text-column", "remark", "--label-column", "verdict"];
const SMALL: [&str; 6] = ["--filters", "1x4,2x8", "--dimension", "16", "--batch-size", "8"];

fn train(more: &[&str]) -> Vec<String> {
    let all = [&["train"], &COLUMNS[..], &SMALL[..], more].concat();
    all.into_iter().map(str::to_owned).collect()
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn from_training_to_prediction() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_data(folder);
    let arguments = train(&["--out", "run", "--config", "adam.toml", "--half"]);
    let trained = json(folder, &words(&arguments));
    assert!(trained["metrics"]["dev accuracy"].as_f64().unwrap() >= 0.5, "{trained}");
    for file in
        ["model/config.json", "model/README.md", "report.html", "metrics.jsonl", "last.safetensors"]
    {
        assert!(folder.join("run").join(file).exists(), "{file}");
    }

    // The same again is refused; with --resume the finished run is found and gives the same.
    assert!(error(folder, &words(&arguments)).contains("resume"));
    let resumed = json(folder, &[&words(&arguments)[..], &["--resume"]].concat());
    assert_eq!(resumed["metrics"], trained["metrics"]);

    let model = ["--model", "run/model"];
    let evaluation = json(folder, &[&["eval"], &model[..], &COLUMNS[..], &["--k", "2"]].concat());
    assert_eq!(evaluation["examples"], 40);
    assert!(evaluation["accuracy"].as_f64().unwrap() > 0.8, "{evaluation}");
    assert_eq!(evaluation["recall_at_k"], 1.0);
    let threshold =
        json(folder, &[&["eval"], &model[..], &COLUMNS[..], &["--threshold-for", "good"]].concat());
    assert!(threshold["f1"].as_f64().unwrap() > 0.8, "{threshold}");

    let predict = [&["predict"], &model[..]].concat();
    let lines = output(folder, &[&predict[..], &["the film is good", ""]].concat());
    assert_eq!(lines.lines().count(), 2);
    let answer = json(folder, &[&predict[..], &["the film is good", "--evidence"]].concat());
    let evidence = &answer["evidence"];
    let windows = evidence["windows"].as_array().unwrap();
    let shares: f64 = windows.iter().map(|window| window["share"].as_f64().unwrap()).sum();
    let logit = shares + evidence["bias"].as_f64().unwrap();
    assert!((logit - evidence["logit"].as_f64().unwrap()).abs() < 1e-9);
    let never =
        [&predict[..], &["the film is good", "--threshold", "good=1.1", "--threshold", "bad=0"]]
            .concat();
    assert!(output(folder, &never).starts_with("bad\t"));

    // A stream keeps its order and its empty lines, and a line's answer does not depend on the others.
    let stream: String =
        (0..300).map(|at| if at % 7 == 0 { "\n" } else { "a scene is dull\n" }).collect();
    let assert =
        sentence(folder, &[&predict[..], &["-"]].concat()).write_stdin(stream).assert().success();
    let lines = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let alone = output(folder, &[&predict[..], &["a scene is dull"]].concat());
    let empty = output(folder, &[&predict[..], &[""]].concat());
    let expected: String =
        (0..300).map(|at| if at % 7 == 0 { &empty } else { &alone }.as_str()).collect();
    assert_eq!(lines, expected);

    let inspected = json(folder, &["inspect", "run/model"]);
    assert_eq!(inspected["labels"], serde_json::json!(["bad", "good"]));
    assert_eq!(inspected["training"]["data"], "remarks.csv");
    let data = output(
        folder,
        &["inspect", "remarks.csv", "--text-column", "remark", "--label-column", "verdict"],
    );
    assert!(data.contains("40 examples"), "{data}");
    let vector = output(folder, &["vectors", "--model", "run/model", "good"]);
    assert_eq!(vector.trim_end().split('\t').count(), 12);
    let features = output(folder, &["features", "--model", "run/model", "good"]);
    assert_eq!(features.lines().count(), 12);

    let warm = train(&["--out", "warm", "--epochs", "1", "--warm-start", "run/model"]);
    output(folder, &words(&warm));
    fs::write(folder.join("run/model/config.json"), r#"{"model_type": "mask-rcnn"}"#).unwrap();
    let other = error(folder, &[&predict[..], &["good"]].concat());
    assert!(other.contains("mask-rcnn") && other.contains("kim-cnn"), "{other}");
}

#[test]
fn what_keeps_no_model() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_data(folder);
    let dry = output(folder, &words(&train(&["--dry-run"])));
    assert!(dry.contains("embedding.weight") && dry.contains("memory"), "{dry}");
    // The paper's filters: twelve maps may all be dead for one of the sentences.
    let learnt = output(folder, &[&["train", "--overfit", "8"], &COLUMNS[..]].concat());
    assert!(learnt.contains("learnt all 8 examples by heart"), "{learnt}");
    let folds = json(folder, &words(&train(&["--folds", "3", "--epochs", "2"])));
    assert_eq!(folds["folds"].as_array().unwrap().len(), 3);
    assert!(folds["accuracy"]["standard_deviation"].is_f64());
    assert_eq!(fs::read_dir(folder).unwrap().count(), 2);
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_data(folder);
    fs::write(folder.join("one.tsv"), "good\ta\ngood\tb\n".repeat(10)).unwrap();
    fs::write(folder.join("both.tsv"), "good\ta\nbad\tb\n".repeat(10)).unwrap();
    fs::write(folder.join("few.tsv"), "good\ta\nbad\tb\n").unwrap();
    fs::write(folder.join("empty.tsv"), "").unwrap();
    fs::write(folder.join("bytes.tsv"), b"good\tcaf\xe9\n").unwrap();
    fs::write(folder.join("recipe.toml"), "dropuot = 0.5\n").unwrap();
    fs::write(folder.join("broken.toml"), "dropout = = 0.5\n").unwrap();
    for (arguments, reason) in [
        (&["train", "--data", "none.csv", "--out", "run"][..], "none.csv"),
        (
            &["train", "--data", "one.tsv", "--out", "run"],
            "of class \"good\", expected at least two classes",
        ),
        (&["train", "--data", "few.tsv", "--out", "run"], "dev part"),
        (&["train", "--data", "empty.tsv", "--out", "run"], "empty.tsv holds no examples"),
        (&["train", "--data", "bytes.tsv", "--out", "run"], "bytes.tsv line 1"),
        (&["train", "--data", "mr", "--out", "run"], "CONVOKE_DATA"),
        (&["train", "--data", "both.tsv"], "--out"),
        (
            &["train", "--data", "both.tsv", "--config", "recipe.toml"],
            "recipe.toml: unknown field `dropuot`",
        ),
        (
            &["train", "--data", "both.tsv", "--config", "broken.toml"],
            "broken.toml: TOML parse error at line 1",
        ),
        (&["train", "--data", "both.tsv", "--dropout", "1"], "dropout is 1"),
        (&["train", "--data", "both.tsv", "--filters", "0x5"], "filters is width 0"),
        (&["train", "--data", "both.tsv", "--variant", "static"], "--vectors"),
        (&["predict", "--model", "none", "text"], "none"),
        (&["predict", "text"], "data/models/sentiment"),
        (&["inspect", "none.tsv"], "none.tsv"),
    ] {
        let line = error(folder, arguments);
        assert!(line.contains(reason), "{arguments:?}: {line}");
    }
}
