//! The program `sentence` from training to prediction, on made-up data in a temporary folder.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The example that `cargo test` has built beside this test.
fn sentence(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = example("sentence");
    command.current_dir(folder).args(arguments).args(["--threads", "1"]);
    command.env_remove("CONVOKE_DATA").env("HF_HUB_OFFLINE", "1");
    command
}

fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join(name);
    assert!(program.exists(), "build it first: cargo build --example {name}");
    Command::new(program)
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
    failure(folder, arguments, 1)
}

fn failure(folder: &Path, arguments: &[&str], code: i32) -> String {
    let assert = sentence(folder, arguments).assert().code(code);
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
    // Faster than the paper's on so little data, of which four sentences for dev are too few to
    // watch their accuracy.
    let recipe = "[fit]\nlearning_rate = 0.02\noptimizer = { kind = \"adam\" }\n\
                  monitor = { metric = \"loss\", direction = \"minimize\" }\n";
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
    // Each class's windows and bias are all of its logit: their difference is the logarithm of the
    // odds.
    let answer = |thresholds: &[&str]| {
        json(folder, &[&predict[..], &["the film is good", "--evidence"], thresholds].concat())
    };
    let logit = |answer: &Value| {
        let windows = answer["evidence"]["windows"].as_array().unwrap();
        let shares: f64 = windows.iter().map(|window| window["share"].as_f64().unwrap()).sum();
        shares + answer["evidence"]["bias"].as_f64().unwrap()
    };
    let good = answer(&["--threshold", "good=0"]);
    let bad = answer(&["--threshold", "good=1", "--threshold", "bad=0"]);
    assert_eq!((&good["label"], &bad["label"]), (&"good".into(), &"bad".into()));
    let odds = good["probability"].as_f64().unwrap() / bad["probability"].as_f64().unwrap();
    assert!((logit(&good) - logit(&bad) - odds.ln()).abs() < 1e-4, "{odds} {good} {bad}");
    let escaped = output(folder, &[&predict[..], &["a\tb\nc \u{1b}[31md\u{2028}"]].concat());
    assert!(escaped.ends_with("\ta\\tb\\nc \\u{1b}[31md\\u{2028}\n"), "{escaped:?}");

    // A stream keeps its order and its empty lines, and a line's answer does not depend on the
    // others.
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

    // A line that is no text is one answer; the others have theirs.
    let broken = b"a scene is dull\ncaf\xe9\na scene is dull\n".to_vec();
    let assert =
        sentence(folder, &[&predict[..], &["-"]].concat()).write_stdin(broken).assert().code(1);
    let lines = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let bad = "error\tstandard input line 2: byte 0xe9 at column 4 is not UTF-8; save the file as UTF-8\n";
    assert_eq!(lines, format!("{alone}{bad}{alone}"));

    let inspected = json(folder, &["inspect", "run/model"]);
    assert_eq!(inspected["labels"], serde_json::json!(["bad", "good"]));
    let training = &inspected["training"];
    assert_eq!(training["data"], "remarks.csv");
    assert_eq!((&training["half"], &training["start"]["from"]), (&true.into(), &Value::Null));
    let data = output(
        folder,
        &["inspect", "remarks.csv", "--text-column", "remark", "--label-column", "verdict"],
    );
    assert!(data.contains("40 examples"), "{data}");
    let vector = output(folder, &["vectors", "--model", "run/model", "good"]);
    assert_eq!(vector.trim_end().split('\t').count(), 12);
    let features = output(folder, &["features", "--model", "run/model", "good"]);
    assert_eq!(features.lines().count(), 12);
    let maps = output(folder, &["features", "--maps", "--model", "run/model", "not good"]);
    let peaks = output(folder, &["features", "--model", "run/model", "not good"]);
    assert_eq!(maps.lines().count(), 12);
    for (map, peak) in maps.lines().zip(peaks.lines()) {
        let (map, peak): (Value, Value) =
            (serde_json::from_str(map).unwrap(), serde_json::from_str(peak).unwrap());
        let values: Vec<f64> =
            map["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
        // One word of padding on either side of two words.
        assert_eq!(values.len() as u64, 5 - map["width"].as_u64().unwrap());
        assert_eq!(map["start"], -1);
        let highest = values.iter().copied().fold(0.0, f64::max);
        assert!((highest - peak["value"].as_f64().unwrap()).abs() < 1e-6, "{map} {peak}");
    }

    let vectors = "good 1 0 0\nbad 0 1 0\n";
    fs::write(folder.join("vectors.txt"), vectors).unwrap();
    let tuned = train(&["--out", "tuned", "--epochs", "1", "--vectors", "vectors.txt"]);
    output(folder, &words(&tuned));
    let inspected = json(folder, &["inspect", "tuned/model"]);
    let training = &inspected["training"];
    assert_eq!(training["recipe"]["dimension"], 3);
    assert_eq!(training["start"]["from"], "vectors.txt");
    assert_eq!(training["start"]["coverage"]["known_types"], 1);

    let warm = train(&["--out", "warm", "--epochs", "1", "--warm-start", "run/model"]);
    output(folder, &words(&warm));
    let inspected = json(folder, &["inspect", "warm/model"]);
    assert_eq!(inspected["training"]["start"]["from"], "the model run/model");
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
    assert!(learnt.starts_with("8 examples in ") && learnt.contains("loss"), "{learnt}");
    let folds = json(folder, &words(&train(&["--folds", "3", "--epochs", "2"])));
    assert_eq!(folds["folds"].as_array().unwrap().len(), 3);
    assert!(folds["accuracy"]["standard_deviation"].is_f64());
    let dry = output(folder, &words(&train(&["--folds", "3", "--dry-run"])));
    // 40 less 14 to test and 3 for dev.
    assert!(dry.contains("examples       23"), "{dry}");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 2);
}

#[test]
fn text_beyond_ascii_is_kept_or_missed() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    fs::write(folder.join("ru.tsv"), "да\tхороший фильм\nнет\tплохой фильм\n".repeat(30)).unwrap();
    let train = ["train", "--data", "ru.tsv", "--dry-run"];
    let kim = sentence(folder, &[&train[..], &["--style", "kim"]].concat()).assert().code(1);
    let line = String::from_utf8(kim.get_output().stderr.clone()).unwrap();
    assert!(
        line.contains("no word in any of 54 training sentences")
            && line.contains("--style unicode")
    );
    // The style follows the text: [PAD], [UNK], and all three words.
    let dry = json(folder, &train);
    let parameters = dry["parameters"].as_array().unwrap();
    let table = parameters.iter().find(|one| one["name"] == "embedding.weight").unwrap();
    assert_eq!(table["shape"][0], 5, "{dry}");
    let mixed = "да\tхороший фильм\nнет\tplain words\n".repeat(30);
    fs::write(folder.join("mixed.tsv"), mixed).unwrap();
    let kim = ["train", "--data", "mixed.tsv", "--dry-run", "--style", "kim"];
    let note = said(folder, &kim);
    assert!(note.contains("30 of 60 sentences have no word in the style \"kim\""), "{note}");
    // 13 letters of хороший фильм and 2 of да or 3 of нет are none of the text's.
    assert!(note.contains("the style \"kim\" drops 360 letters that are not English"), "{note}");
}

#[test]
fn letters_that_a_model_does_not_read_are_told_in_training_and_in_use() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    // Each accent stands behind its letter.
    let decomposed = "gut\tscho\u{308}ne gro\u{308}\u{df}ere Zu\u{308}ge\nschlecht\tlange Pause\n";
    fs::write(folder.join("de.tsv"), decomposed.repeat(30)).unwrap();
    let train = ["train", "--data", "de.tsv", "--epochs", "1", "--filters", "2x4"];
    let train =
        |style: &[&str], out: &str| said(folder, &[&train[..], style, &["--out", out]].concat());
    assert!(!train(&[], "own").contains("drops"));
    let note = train(&["--style", "kim"], "kim");
    assert!(note.contains("the style \"kim\" drops 120 letters that are not English"), "{note}");
    for verb in ["predict", "vectors"] {
        let note =
            |model| said(folder, &[verb, "--model", model, "scho\u{308}n", "plain", "größer"]);
        let said = note("kim/model");
        assert!(said.contains("English letters alone: others are dropped, as in \"scho"), "{said}");
        assert!(said.contains("3 letters of 2 sentences were dropped"), "{said}");
        assert_eq!(note("own/model"), "");
    }
    let eval = said(folder, &["eval", "--model", "kim/model", "--data", "de.tsv"]);
    assert!(eval.contains("120 letters of 30 sentences were dropped"), "{eval}");
    // What is held out decides on nothing, but is told.
    fs::write(folder.join("en.tsv"), "good\ta fine film\nbad\ta long pause\n".repeat(30)).unwrap();
    let train = ["train", "--data", "en.tsv", "--test", "de2.tsv", "--filters", "2x4", "--dry-run"];
    fs::write(folder.join("de2.tsv"), "good\tmy fianc\u{e9}\n").unwrap();
    let note = said(folder, &train);
    assert!(note.contains("the style \"kim\" drops 1 letters"), "{note}");
    let found = json(folder, &["inspect", "de.tsv"]);
    let read_by_kim = json(folder, &["inspect", "de.tsv", "--style", "kim"]);
    // schöne größere Züge lange Pause, and by the other sch, ne, gro, ere, Zu, ge, lange, Pause.
    assert_eq!((&found["vocabulary"], &read_by_kim["vocabulary"]), (&5.into(), &8.into()));
}

#[test]
fn what_is_likely_not_meant_is_remarked_on() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    fs::write(
        folder.join("a.txt"),
        "__label__neg,it was bad\n__label__pos,it was good\n".repeat(20),
    )
    .unwrap();
    let train = ["train", "--data", "a.txt", "--filters", "2x4", "--epochs", "2"];
    let note = said(folder, &[&train[..], &["--dry-run"]].concat());
    assert!(note.contains("2 of 2 labels have a comma, semicolon or bar in them"), "{note}");
    // A rate at which nothing is learnt, with a step or two a fold.
    let folds = ["--folds", "2", "--learning-rate", "1000", "--batch-size", "10"];
    let note = said(folder, &[&train[..], &folds].concat());
    assert!(note.matches("does a learning rate of 1000 suit?").count() >= 2, "{note}");
    let words: String =
        (0..400).map(|i| format!("{}\tword{i} other{i}\n", ["a", "b"][i % 2])).collect();
    fs::write(folder.join("b.tsv"), words).unwrap();
    fs::write(folder.join("one.txt"), "word7 0.5 0.25\nword8 0.5 0.5\nword9 0.25 0.5\n").unwrap();
    let train =
        ["train", "--data", "b.tsv", "--vectors", "one.txt", "--filters", "2x4", "--dry-run"];
    let note = said(folder, &train);
    assert!(note.contains("0.3 % of tokens") && note.contains("hardly a word"), "{note}");
    // To go on from what is not there is to begin.
    let train = ["train", "--data", "a.txt", "--filters", "2x4", "--epochs", "1", "--resume"];
    let note = said(folder, &[&train[..], &["--out", "run"]].concat());
    assert!(note.contains("run has no checkpoint: training begins at its first step"), "{note}");
}

/// What a command that succeeds says on standard error.
fn said(folder: &Path, arguments: &[&str]) -> String {
    let assert = sentence(folder, arguments).assert().success();
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[test]
fn a_seed_in_a_file_counts_unless_one_is_given() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_data(folder);
    fs::write(folder.join("seed.toml"), "[fit]\nseed = 7\nepochs = 1\n").unwrap();
    let seed = |out: &str, more: &[&str]| {
        output(folder, &words(&train(&[&["--config", "seed.toml", "--out", out], more].concat())));
        let training = fs::read(folder.join(out).join("model/training.json")).unwrap();
        let training: Value = serde_json::from_slice(&training).unwrap();
        assert_eq!(training["seed"], training["recipe"]["fit"]["seed"]);
        training["seed"].as_u64().unwrap()
    };
    assert_eq!((seed("file", &[]), seed("flag", &["--seed", "9"])), (7, 9));
}

/// What is held out may have words and labels that training does not see.
#[test]
fn held_out_words_and_labels_are_those_of_a_stranger() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_data(folder);
    fs::write(folder.join("test.csv"), "remark,verdict\nthe zither is good,good\nnew,odd\n")
        .unwrap();
    let arguments = train(&["--test", "test.csv", "--out", "run", "--epochs", "1"]);
    let note = said(folder, &words(&arguments));
    assert!(note.contains("1 held-out sentences have the label \"odd\""), "{note}");
    let tokenizer = fs::read_to_string(folder.join("run/model/tokenizer.json")).unwrap();
    assert!(tokenizer.contains("\"scene\"") && !tokenizer.contains("\"zither\""));
    let labels = fs::read_to_string(folder.join("run/model/labels.txt")).unwrap();
    assert_eq!(labels, "bad\ngood\n");
    let eval = [
        "eval",
        "--model",
        "run/model",
        "--data",
        "test.csv",
        "--text-column",
        "remark",
        "--label-column",
        "verdict",
    ];
    let measured = json(folder, &eval);
    let note = said(folder, &eval);
    assert!(note.contains("1 sentences have the label \"odd\", which the model does not know"));
    assert_eq!((&measured["examples"], &measured["labels"][2]), (&2.into(), &"odd".into()));
    assert!(measured["accuracy"].as_f64().unwrap() <= 0.5, "{measured}");

    let predict = ["predict", "--model", "run/model", "🙂 zzzxqy"];
    let answer = json(folder, &predict);
    assert_eq!((&answer["words"], &answer["known_words"]), (&1.into(), &0.into()), "{answer}");
    assert!(output(folder, &predict).contains("0 of 1 words known"));
}

#[test]
#[cfg(feature = "jieba")]
fn a_segmenter_s_words_are_kept() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let lines = "好\t我有一头小毛驴\n坏\t我没有小毛驴\n".repeat(30);
    fs::write(folder.join("zh.tsv"), lines).unwrap();
    let train = ["train", "--data", "zh.tsv", "--segmenter", "jieba", "--dry-run"];
    let dry = json(folder, &train);
    // [PAD], [UNK], 我, 有, 没有, 一头 and 小毛驴.
    let parameters = dry["parameters"].as_array().unwrap();
    let table = parameters.iter().find(|one| one["name"] == "embedding.weight").unwrap();
    assert_eq!(table["shape"][0], 7, "{dry}");
    // Before the error stands the remark that Kim's style keeps none of these letters.
    let kim = [&train[..], &["--style", "kim"]].concat();
    let said = sentence(folder, &kim).assert().code(1).get_output().stderr.clone();
    let said = String::from_utf8(said).unwrap();
    let [remark, error] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
    assert!(remark.contains("\"kim\" drops 390 letters"), "{remark}");
    assert!(error.starts_with("error: ") && error.contains("no word"), "{error}");
}

#[test]
fn the_tour_is_json_where_asked_for_and_marks_what_is_wrong() {
    let place = tempfile::tempdir().unwrap();
    let tour = |more: &[&str]| {
        let mut tour = example("tour");
        tour.args(["--threads", "1", "--out"]).arg(place.path()).args(more);
        String::from_utf8(tour.assert().success().get_output().stdout.clone()).unwrap()
    };
    let found: Value = serde_json::from_str(&tour(&["--json"])).unwrap();
    let sentences = found["sentences"]["sentences"].as_array().unwrap();
    let wrong = sentences.iter().filter(|one| one["label"] != one["truth"]).count();
    let recordings = found["recordings"]["recordings"].as_array().unwrap();
    let misheard = recordings.iter().filter(|one| one["text"] != one["reference"]).count();
    assert_eq!((recordings.len(), sentences.len()), (8, 4));
    assert_eq!(tour(&[]).matches("(wrong: ").count(), wrong + misheard);
    assert!(found["recordings"]["words_right"].as_u64() >= Some(20), "{found}");
    let translations = &found["translations"];
    assert_eq!(translations["sentences"].as_array().unwrap().len(), 20);
    assert!(translations["chrf"].as_f64().unwrap() > 80.0, "{translations}");
    let report = fs::read_to_string(place.path().join("report.html")).unwrap();
    assert!(report.contains("aria-label=\"attention\"") && report.contains("My brother"));
}

#[test]
fn threads_that_the_environment_asks_for_are_bounded() {
    let place = tempfile::tempdir().unwrap();
    let mut command = example("sentence");
    command.current_dir(place.path()).args(["predict", "good"]);
    let assert = command.env("RAYON_NUM_THREADS", "70000").assert().failure();
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(said.contains("70000") && said.contains("expected 1 to 1024"), "{said}");
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
            &["train", "--data", "both.tsv", "--dry-run", "--config", "recipe.toml"],
            "recipe.toml: unknown field `dropuot`",
        ),
        (
            &["train", "--data", "both.tsv", "--dry-run", "--config", "broken.toml"],
            "broken.toml: TOML parse error at line 1",
        ),
        (&["train", "--data", "both.tsv", "--dry-run", "--dropout", "1"], "dropout is 1"),
        (&["train", "--data", "both.tsv", "--dry-run", "--epochs", "0"], "epochs is 0"),
        (&["train", "--data", "both.tsv", "--dry-run", "--batch-size", "0"], "size is 0"),
        (&["train", "--data", "both.tsv", "--dry-run", "--learning-rate", "nan"], "is NaN"),
        (
            &["train", "--data", "both.tsv", "--dry-run", "--label-smoothing", "2"],
            "label_smoothing is 2",
        ),
        (&["train", "--data", "both.tsv", "--dry-run", "--round", "7"], "--round 7"),
        (
            &[
                "train",
                "--data",
                "both.tsv",
                "--learning-rate",
                "1e39",
                "--batch-size",
                "5",
                "--out",
                "run",
            ],
            "at a learning rate of 1e39; its batch is line ",
        ),
        (&["inspect", "owner/name"], "hub"),
        (&["train", "--data", "both.tsv", "--dry-run", "--filters", "0x5"], "filters is 0x5"),
        (&["train", "--data", "both.tsv", "--dry-run", "--variant", "static"], "--vectors"),
        (&["predict", "--model", "none", "text"], "none"),
        (&["predict", "text"], "data/models/sentiment"),
        (&["inspect", "none.tsv"], "none.tsv"),
    ] {
        let line = error(folder, arguments);
        assert!(line.contains(reason), "{arguments:?}: {line}");
    }
    for (arguments, reason) in [
        (&["train"][..], "--data <DATA>"),
        (&["train", "--data", "both.tsv", "--folds", "0"], "2..=255"),
        (&["train", "--data", "both.tsv", "--folds", "3", "--half"], "--half"),
        (&["eval", "--data", "both.tsv", "--k", "0"], "--k"),
        (&["predict", "text", "--threshold", "good=nan"], "NaN is no probability"),
        (&["predict", "text", "--threshold", "good=inf"], "inf is no probability"),
        (&["predict", "text", "--threshold", "good=-5"], "-5 is no probability"),
        (&["predict", "text", "--threads", "20000"], "1..=1024"),
    ] {
        let line = failure(folder, arguments, 2);
        assert!(line.contains(reason), "{arguments:?}: {line}");
    }
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/data/models/sentiment");
    fs::write(folder.join("two.tsv"), "negative\ta\npositive\tb\n").unwrap();
    for (arguments, reason) in [
        (&["eval", "--data", "two.tsv", "--k", "3"][..], "the model has 2 classes"),
        (
            &["predict", "x", "--threshold", "positive=0.5", "--threshold", "positive=0.6"],
            "--threshold positive: given twice",
        ),
    ] {
        let line = error(folder, &[arguments, &["--model", shipped]].concat());
        assert!(line.contains(reason), "{arguments:?}: {line}");
    }
}
