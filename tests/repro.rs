//! The program `repro`: tables from kept results, and a small run of translation on made-up
//! sentences.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, Instant};

/// The example that `cargo test` has built beside this test.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("repro");
    assert!(program.exists(), "build it first: cargo build --example repro");
    program
}

fn repro(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.current_dir(folder).args(arguments).args(["--threads", "1"]);
    command.env_remove("CONVOKE_DATA");
    command
}

fn output(folder: &Path, arguments: &[&str]) -> String {
    let output = repro(folder, arguments).assert().success().get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn tables_are_printed_from_the_kept_results_alone() {
    let table = output(root(), &["kim", "--print"]);
    assert!(table.contains("Kim (2014), Table 2"), "{table}");
    let table = output(root(), &["maskrcnn", "--print"]);
    assert!(table.contains("| box AP50 | 97.0 |"), "{table}");
    let table = output(root(), &["alexnet", "--print"]);
    assert!(table.contains("| AlexNet for 32 × 32 |"), "{table}");
    let table = output(root(), &["convs2s", "--print"]);
    for expected in ["34.14", "36.52", "41.70", "| de-en | small | 35 |", "| no-smoothing |"] {
        assert!(table.contains(expected), "{expected}: {table}");
    }
    let table = output(root(), &["lens", "--print"]);
    assert!(table.contains("Feature visualisation") && table.contains("| all | "), "{table}");
    let table = output(root(), &["style", "--print"]);
    assert!(
        table.contains("Neural style three ways") && table.contains("| StyleBank | "),
        "{table}"
    );
    let table = output(root(), &["clevr", "--print"]);
    assert!(table.contains("Heads in a small world") && table.contains("| film |"), "{table}");
    let table = output(root(), &["dialog", "--print"]);
    assert!(table.contains("Guessing game") && table.contains("| full | 5 | 320 |"), "{table}");
    let table = output(root(), &["neural-transducers", "--print"]);
    assert!(table.contains("Battenberg et al. (2017)"), "{table}");
    let table = output(root(), &["cldnn", "--print"]);
    assert!(table.contains("Sainath et al. (2015)") && table.contains("| D6 |"), "{table}");
}

/// Seeds are averaged, what two runs differ by is of the same speakers in pairs, and cells of
/// another reduction are not mixed in.
#[test]
fn losses_of_speech_are_compared_by_speaker() {
    let place = tempfile::tempdir().unwrap();
    let cell = |loss: &str, front: &str, seed: u64, errors: [u64; 2]| {
        json!({
            "part": "losses", "loss": loss, "front": front, "both": true, "reduction": 4, "seed": seed,
            "parameters": 1_900_000, "epochs": 110, "steps": 7810, "minutes": 72.5, "threads": 1,
            "wer": (errors[0] + errors[1]) as f64 / 200.0, "cer": 0.1, "real_time": 0.01,
            "speakers": { "anna": [errors[0], 100], "bea": [errors[1], 100] },
            "data": "train.tsv", "version": "0.1.0", "commit": "abc"
        })
    };
    let mut other = cell("ctc", "logmel", 3, [90, 90]);
    other["reduction"] = json!(8);
    let cells = [
        cell("ctc", "logmel", 1, [10, 20]),
        cell("ctc", "logmel", 2, [14, 24]),
        cell("ctc", "raw", 1, [13, 23]),
        cell("rnnt", "logmel", 1, [20, 10]),
        cell("attention", "logmel", 1, [30, 30]),
        other,
    ];
    let path = place.path().join("cells.jsonl");
    fs::write(&path, cells.map(|cell| format!("{cell}\n")).concat()).unwrap();
    let path = path.to_str().unwrap();
    let table = output(place.path(), &["neural-transducers", "--print", "--cells", path]);
    for expected in [
        // Of the first and the second seed; the third has not been run.
        "| CTC | log-mel | both | 4 | 2 | 17.0 ± 2.8 | 10.0 | 1.90 M | 110 | 72.5 | 0.0100 |",
        "| RNN-T | raw | both | 4 | not run |",
        "- CTC: raw over log-mel: +3.0 (+3.0 to +3.0)",
        "- log-mel: RNN-T over CTC: +0.0 (-10.0 to +10.0)",
        "- raw: attention over CTC: not run",
    ] {
        assert!(table.contains(expected), "{expected}: {table}");
    }
    assert!(!table.contains("90.0"), "{table}");
}

/// Shares are of the units with everything; the ablation is of those that are there in every way.
#[test]
fn rendered_units_are_counted_by_layer() {
    let place = tempfile::tempdir().unwrap();
    let cell = |way: &str, channel: usize, steps: usize, mean: f64, high: f64| {
        let cell = json!({
            "way": way, "layer": "inception_4c/output", "channel": channel, "steps": steps, "seed": 1, "mean": mean,
            "maximum": 2.0 * mean, "best_mean": 10.0, "best_maximum": 20.5, "high": high, "unexcited": 3,
            "photographs": 300, "seconds": 36.0, "threads": 1, "commit": "abc"
        });
        format!("{cell}\n")
    };
    let cells = [
        cell("whole", 7, 128, 40.0, 0.10),
        cell("no-spectrum", 7, 128, 5.0, 0.40),
        cell("no-decorrelation", 7, 128, 50.0, 0.05),
        cell("no-transformations", 7, 128, 60.0, 0.20),
        cell("whole", 9, 128, 10.2, 0.30),
        cell("no-spectrum", 9, 128, 1.0, 0.40),
        cell("whole", 7, 64, 1.0, 0.30),
    ];
    fs::write(place.path().join("cells.jsonl"), cells.concat()).unwrap();
    let print = ["lens", "--print", "--cells", "cells.jsonl", "--units", "2"];
    let table = output(place.path(), &print);
    for expected in [
        "| conv2/3x3 | 0 | – | – | – | – | not all run |",
        "| inception_4c/output | 2 | 2 (100.0 %) | 1 (50.0 %) | 2.5 | 3 | holds |",
        "| all | 2 | 2 (100.0 %) | 1 (50.0 %) | 2.5 | – | not all run |",
        "| everything | 1 | 10.00 % | – | 4.0 | 1 of 1 |",
        "| without the spectrum | 1 | 40.00 % | 1 of 1 | 0.5 | 0 of 1 |",
        "| without decorrelated colours | 1 | 5.00 % | 0 of 1 | 5.0 | 1 of 1 |",
        "- inception_4c/output:9: mean 10.20, best photograph 10.00; maximum 20.4, best 20.5",
        "0.06 hours",
    ] {
        assert!(table.contains(expected), "{expected}: {table}");
    }
}

/// Figures are of pairs that have both sides, painted under the same losses.
#[test]
fn styles_are_compared_pair_by_pair() {
    let place = tempfile::tempdir().unwrap();
    let model = root().join("data/models/stylebank");
    let model = model.to_str().unwrap();
    let print = ["style", "--print", "--model", model, "--cells", "cells.jsonl"];
    let empty = output(place.path(), &print);
    assert!(empty.contains("| Gatys et al. | 0 | – |") && empty.contains("not run"), "{empty}");
    let found: Value =
        serde_json::from_str(&output(place.path(), &[&print[..], &["--json"]].concat())).unwrap();
    let losses = found["losses"].clone();
    let weights = found["weights"].clone();
    let cell = |way: &str,
                photograph: &str,
                losses: &Value,
                loss: f64,
                style: f64,
                seconds: f64| {
        let sum = |loss: f64| json!({ "loss": loss, "content": loss - style, "style": style });
        let (evaluations, weights) = match way {
            "gatys" => (300, json!("")),
            "bank" => (0, weights.clone()),
            _ => (0, json!("other")),
        };
        let cell = json!({
            "way": way, "photograph": photograph, "style": "wave", "size": 256, "evaluations": evaluations,
            "losses": losses, "weights": weights, "start": sum(100.0), "sum": sum(loss), "taken": 300,
            "seconds": seconds, "peak_kib": 102_400, "threads": 1, "commit": "abc"
        });
        format!("{cell}\n")
    };
    let cells = [
        cell("gatys", "a", &losses, 20.0, 4.0, 120.0),
        cell("bank", "a", &losses, 30.0, 6.0, 0.1),
        cell("single", "a", &losses, 28.0, 5.0, 0.1),
        cell("bank", "b", &losses, 40.0, 9.0, 0.3),
        cell("gatys", "b", &json!("others"), 1.0, 1.0, 1.0),
    ];
    fs::write(place.path().join("cells.jsonl"), cells.concat()).unwrap();
    let table = output(place.path(), &print);
    for expected in [
        "| StyleBank | 2 | 3.500e1 | 2.750e1 | 7.500e0 | 0.20 | 100 |",
        "| share of the descent's fall in loss | ≥ 80 % | 87.5 % | fewer than 30 pairs |",
        "| times faster than the descent | ≥ 500 × | 1200 × | fewer than 30 pairs |",
        "| style term over the single-style network's, wave, 1 pairs | ≤ 1.25 | 1.20 | holds |",
        "| b | wave | 1.000e2 | – | 4.000e1 | – | – |",
    ] {
        assert!(table.contains(expected), "{expected}: {table}");
    }
}

/// Pictures, questions and maps are made once, and what is kept of a head is not run again.
#[test]
fn heads_are_run_cell_by_cell() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).to_str().unwrap().to_string();
    let kept = path("cells.jsonl");
    let world = path("world");
    let out = path("heads");
    let sizes = ["--pictures", "40", "--test-pictures", "5", "--epochs", "1"];
    let folders = ["--cells", &kept, "--world", &world, "--out", &out];
    let run = |heads: &str, more: &[&str]| {
        let flags = [&["clevr", "--heads", heads][..], &sizes, &folders, more].concat();
        output(root(), &flags)
    };
    let table = run("type,lstm", &[]);
    assert!(table.contains("| type | ") && !table.contains("not run"), "{table}");
    let cells: Vec<Value> = fs::read_to_string(&kept)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((cells.len(), &cells[1]["head"]), (2, &"lstm".into()));
    assert_eq!((&cells[1]["questions"], &cells[0]["steps"]), (&50.into(), &0.into()));
    assert!(cells[0]["accuracy"].as_f64().unwrap() > 0.2, "{cells:?}");
    let maps = fs::metadata(Path::new(&world).join("train/features.safetensors")).unwrap();
    let table = run("type,lstm,film", &["--print"]);
    assert!(table.contains("| film | not run |"), "{table}");
    run("lstm,film", &[]);
    assert_eq!(fs::read_to_string(&kept).unwrap().lines().count(), 3);
    let again = fs::metadata(Path::new(&world).join("train/features.safetensors")).unwrap();
    assert_eq!(maps.modified().unwrap(), again.modified().unwrap());
    assert!(Path::new(&out).join("film-40-1-seed1/model/vocabulary.json").is_file());
}

/// Gains are of pairs: a seed that only one arm has is no part of them. Small cells of another size
/// are not mixed in.
#[test]
fn gains_of_the_guessing_game_are_paired() {
    let place = tempfile::tempdir().unwrap();
    let cell = |arm: &str, seed: u64, games: usize, end: f64| {
        let figures = json!({
            "percentile at round 0": 65.0, "percentile at the end": end, "percentile with shuffled answers": end - 9.0,
            "right answers": 0.86, "perplexity of said questions before": 4.0, "perplexity of said answers before": 1.5
        });
        let cell = json!({
            "arm": arm, "seed": seed, "games": games, "steps": 320, "figures": figures, "seconds": 60.0, "commit": "abc"
        });
        format!("{cell}\n")
    };
    let cells = [
        cell("supervised", 1, 1024, 86.0),
        cell("full", 1, 1024, 89.0),
        cell("supervised", 2, 1024, 87.0),
        cell("full", 2, 1024, 88.0),
        cell("full", 3, 1024, 10.0),
        cell("supervised", 4, 256, 1.0),
    ];
    fs::write(place.path().join("cells.jsonl"), cells.concat()).unwrap();
    let model = root().join("data/models/guess-agents");
    let start = ["dialog", "--start", model.to_str().unwrap(), "--cells", "cells.jsonl"];
    let table = output(place.path(), &[&start[..], &["--print", "--seeds", "3"]].concat());
    // Differences 3 and 1: 2 ± 12.706 · √2 / √2.
    for expected in [
        "| start | not run |",
        "| supervised | 2 | 320 | 65.0 | 86.5 | 77.5 | 86.0 % | 4.00 | 1.50 | 86.0, 87.0 |",
        "over the start: not run",
        "over further supervision: +2.0 (-10.7 to +14.7); each: 3.0, 1.0",
        "over shuffled answers: +9.0 (+9.0 to +9.0); each: 9.0, 9.0, 9.0",
    ] {
        assert!(table.contains(expected), "{expected}: {table}");
    }
    let text = output(place.path(), &[&start[..], &["--print", "--json"]].concat());
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["gains"][1]["each"].as_array().map(Vec::len), Some(2));
}

#[test]
fn what_was_kept_is_judged() {
    let place = tempfile::tempdir().unwrap();
    let scores = |bleu: f64| format!(r#"{{"bleu":{bleu},"chrf":60.0,"multi_bleu":{bleu}}}"#);
    let cell = |variant: &str, seed: u64, epochs: usize, val: f64, test: Option<f64>| {
        let found =
            |bleu| format!(r#"{{"beam":{},"greedy":{}}}"#, scores(bleu), scores(bleu - 1.0));
        let test = test.map_or("null".into(), found);
        format!(
            r#"{{"pair":"de-en","variant":"{variant}","seed":{seed},"epochs":{epochs},"parameters":5486448,"steps":9,"seconds":3600.0,
            "threads":2,"device":"cpu","target_tokens_per_second":3000.0,"perplexity":5.0,"search":{{"beam":5,"length_penalty":1.0,"tried":[[1.0,{val}]]}},
            "val":{},"test":{test},"signature":"s","chrf_signature":"c","version":"0.1.0","commit":"abc"}}"#,
            found(val)
        )
        .replace("\n            ", "")
            + "\n"
    };
    let cells = place.path().join("cells.jsonl");
    let kept = cell("small", 1, 35, 42.5, Some(42.2))
        + &cell("small", 2, 35, 42.7, Some(42.0))
        + &cell("small", 1, 10, 35.0, None)
        + &cell("no-smoothing", 1, 10, 33.5, None);
    fs::write(&cells, kept).unwrap();
    let arguments = ["convs2s", "--print", "--cells", "cells.jsonl"];
    let table = output(place.path(), &arguments);
    for expected in [
        "| de-en | small | 35 | 5.5 M | 42.10 ± 0.14 (2) | holds | 41.10 | 60.00 | 42.10 | 42.60 | 5.00 | 1, 1 | 1.00 | 2 | cpu | 3000 |",
        "| en-fr | small | 35 | – | – | not run |",
        "| no-smoothing | no label smoothing | 5.5 M | 33.50 (1) | -1.50 |",
        "| dropout-0.2 | dropout 0.2 instead of 0.3 | – | not run |",
    ] {
        assert!(table.contains(expected), "{expected}: {table}");
    }
    let json = output(place.path(), &[&arguments[..], &["--json"]].concat());
    let table: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(table["rows"][0]["holds"], "holds");
}

/// Multi30k's files with a few sentences of our own in them.
fn write_data(folder: &Path) {
    let folder = folder.join("translate/multi30k/tok");
    fs::create_dir_all(&folder).unwrap();
    let things = [("hund", "dog"), ("ball", "ball"), ("zug", "train"), ("mann", "man")];
    let deeds = [("sieht", "sees"), ("sucht", "seeks"), ("hat", "has"), ("kennt", "knows")];
    let mut german = Vec::new();
    let mut english = Vec::new();
    for (deed, doing) in deeds {
        for (subject, who) in things {
            for (object, what) in things {
                german.push(format!("ein {subject} {deed} einen {object} .\n"));
                english.push(format!("a {who} {doing} a {what} .\n"));
            }
        }
    }
    for (part, range) in [("train", 0..60), ("val", 60..62), ("test_2016_flickr", 62..64)] {
        for (language, lines) in [("de", &german), ("en", &english)] {
            let path = folder.join(format!("{part}.lc.norm.tok.{language}"));
            fs::write(path, lines[range.clone()].concat()).unwrap();
        }
    }
}

fn cells(folder: &Path, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_killed_run_goes_on_and_the_test_set_waits() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_data(folder);
    let small = ["convs2s", "--data", ".", "--pairs", "de-en", "--seeds", "1", "--epochs", "3"];
    let run = |cells: &str, out: &str, more: &[&str]| {
        output(folder, &[&small[..], &["--cells", cells, "--out", out], more].concat())
    };

    // Killed once its first checkpoint is there.
    let mut child = process::Command::new(program())
        .current_dir(folder)
        .args(small)
        .args(["--cells", "killed.jsonl", "--out", "killed", "--threads", "1"])
        .stdout(process::Stdio::null())
        .stderr(process::Stdio::null())
        .spawn()
        .unwrap();
    let checkpoint = folder.join("killed/de-en-small-3-seed1/last.safetensors");
    let began = Instant::now();
    while !checkpoint.exists() && child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(120), "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    run("killed.jsonl", "killed", &[]);
    let killed = &cells(folder, "killed.jsonl")[0];

    // The same in one go, at first without the test set.
    run("whole.jsonl", "whole", &["--val-only"]);
    let on_val = cells(folder, "whole.jsonl").remove(0);
    assert!(on_val["test"].is_null(), "{on_val}");
    let table = run("whole.jsonl", "whole", &[]);
    assert!(table.contains("| de-en | small | 3 |") && table.contains("no bar"), "{table}");
    let whole = cells(folder, "whole.jsonl");
    assert_eq!(whole.len(), 1);
    assert_eq!(whole[0]["seconds"], on_val["seconds"], "it was trained once");
    for field in ["steps", "perplexity", "search", "val", "test", "parameters", "signature"] {
        assert_eq!(killed[field], whole[0][field], "{field}");
    }
    assert!(whole[0]["signature"].as_str().unwrap().contains("tok:none"));

    // What a run goes on from is gone, its model is not; what is kept is not run again.
    let run_folder = folder.join("whole/de-en-small-3-seed1");
    assert!(run_folder.join("model/model.safetensors").exists());
    assert!(!run_folder.join("last.safetensors").exists());
    fs::remove_dir_all(folder.join("translate")).unwrap();
    run("whole.jsonl", "whole", &[]);
}
