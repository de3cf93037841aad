//! Every example of docs/data-formats.md: its files are written, its commands run, and its settings
//! have every key that there is.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use convoke::train::FitConfig;
use convoke::train::optim::{Adam, OptimizerConfig};
use convoke::vision::Picture;
use convoke::{clevr, detect, dialog, sentence, speech, style, translate, vision};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../docs/data-formats.md");

/// The fenced blocks: the language, the word behind it, the text.
fn blocks() -> Vec<(&'static str, &'static str, String)> {
    let mut found = Vec::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        if let Some(head) = line.strip_prefix("```") {
            let (language, name) = head.split_once(' ').unwrap_or((head, ""));
            let text = lines.by_ref().take_while(|line| *line != "```");
            found.push((language, name, text.map(|line| format!("{line}\n")).collect()));
        }
    }
    found
}

#[test]
fn every_file_is_read_by_the_commands_beside_it() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/samples/speech");
    for (name, sample) in [("one.wav", "1.wav"), ("two.wav", "2.wav")] {
        fs::copy(samples.join(sample), folder.join(name)).unwrap();
    }
    for (name, colour) in [("red.png", [200, 20, 20]), ("blue.png", [20, 20, 200])] {
        let picture = Picture::new(60, 50, colour.repeat(3000)).unwrap();
        fs::write(folder.join(name), picture.to_png().unwrap()).unwrap();
    }
    let test = std::env::current_exe().unwrap();
    let programs = test.parent().unwrap().with_file_name("examples");
    let mut commands = 0;
    for (language, name, text) in blocks() {
        match language {
            "sh" => {
                for line in text.lines() {
                    let mut words = line.split(' ').map(|word| word.trim_matches('\''));
                    let mut command = Command::new(programs.join(words.next().unwrap()));
                    command.current_dir(folder).args(words).args(["--threads", "1"]);
                    command.env_remove("CONVOKE_DATA").assert().success();
                    commands += 1;
                }
            }
            "toml" => fs::write(folder.join(format!("{name}.toml")), text).unwrap(),
            _ => fs::write(folder.join(name), text).unwrap(),
        }
    }
    assert!(commands > 20, "{commands} commands");
}

/// The keys of settings and of the tables in them, joined by dots.
fn keys(value: &Value, before: &str, found: &mut BTreeSet<String>) {
    for (name, value) in value.as_object().unwrap() {
        let name = format!("{before}{name}");
        match value {
            Value::Object(_) => keys(value, &format!("{name}."), found),
            _ => drop(found.insert(name)),
        }
    }
}

#[test]
fn the_settings_have_every_key() {
    let adam = OptimizerConfig::Adam(Adam::default());
    let fit = json!({ "fit": FitConfig { optimizer: adam, ..FitConfig::default() } });
    let mut translate = translate::Recipe::default();
    translate.search = Some(translate::SearchConfig::default());
    let raw = json!({ "front_end": speech::Recipe::raw() });
    let both = json!({ "front_end": speech::Recipe::both() });
    // Behind each what the page says elsewhere.
    let all: [(&str, Value, &[&str]); 12] = [
        ("all", fit, &[]),
        ("sentence", json!(sentence::Recipe::default()), &["fit.", "segmenter"]),
        ("translate", json!(translate), &["fit.", "search.sampling"]),
        ("speech", json!(speech::Recipe::default()), &["fit."]),
        ("raw", raw, &[]),
        ("both", both, &[]),
        ("classify", json!(vision::Recipe::default()), &["fit."]),
        ("detect", json!(detect::Recipe::default()), &["fit."]),
        ("head", json!(clevr::heads::Recipe::default()), &["fit."]),
        ("dialog", json!(dialog::Recipe::default()), &["fit."]),
        ("bots", json!(dialog::guess::AgentsRecipe::default()), &["fit."]),
        ("style", json!(style::Recipe::default()), &["fit."]),
    ];
    let blocks = blocks();
    // The only block that no command reads: it needs a loss network.
    let (.., text) = blocks.iter().find(|block| block.1 == "style").unwrap();
    toml::from_str::<style::Recipe>(text).unwrap();
    for (name, settings, elsewhere) in all {
        let (_, _, text) =
            blocks.iter().find(|block| (block.0, block.1) == ("toml", name)).unwrap();
        let page: toml::Table = text.parse().unwrap();
        let mut shown = BTreeSet::new();
        let mut there = BTreeSet::new();
        keys(&json!(page), "", &mut shown);
        keys(&settings, "", &mut there);
        there.retain(|key| !elsewhere.iter().any(|elsewhere| key.starts_with(elsewhere)));
        // A value that may be a table or absent is shown by the table's keys.
        let has = |key: &String| {
            shown.contains(key) || shown.iter().any(|one| one.starts_with(&format!("{key}.")))
        };
        let missing: Vec<&String> = there.iter().filter(|key| !has(key)).collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
    }
}
