//! The program `translate` from training to translation, on made-up languages, and with what
//! fairseq made.
#![allow(clippy::unwrap_used)]

mod fairseq;
mod train;
mod usage;
mod wrong;

use assert_cmd::Command;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The example that `cargo test` has built beside this test.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("translate");
    assert!(program.exists(), "build it first: cargo build --example translate");
    program
}

fn translate(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.current_dir(folder).args(arguments).args(["--threads", "1"]);
    command.env("HF_HUB_OFFLINE", "1");
    command
}

/// The program left to itself, with pipes.
fn start(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = std::process::Command::new(program());
    command.current_dir(folder).args(arguments).args(["--threads", "1"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn output(folder: &Path, arguments: &[&str]) -> String {
    let output = translate(folder, arguments).assert().success().get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

fn lines(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let text = output(folder, &[arguments, &["--json"]].concat());
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The one line on standard error of a command that fails, and the lines before it that were for
/// the user to know.
fn failure(folder: &Path, arguments: &[&str], code: i32) -> String {
    let assert = translate(folder, arguments).assert().code(code);
    let text = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    let errors: Vec<&str> =
        text.trim_end().lines().filter(|line| line.starts_with("error: ")).collect();
    let [line] = errors[..] else { panic!("{text}") };
    assert_eq!(text.trim_end().lines().last(), Some(line), "{text}");
    line.into()
}

/// All sentences of two languages of which the second has the verb first and the adjective last: of
/// each ten one is held out.
fn write_corpus(folder: &Path) {
    let articles = [("ein", "a"), ("Der", "the"), ("kein", "no")];
    let adjectives = [("", ""), ("kleiner", "small"), ("großer", "big"), ("alter", "old")];
    let nouns =
        [("Hund", "dog"), ("Mann", "man"), ("Vogel", "bird"), ("Baum", "tree"), ("Wolf", "wolf")];
    let verbs = [("rennt", "runs"), ("singt", "sings"), ("schläft", "sleeps"), ("fällt", "falls")];
    let (mut train, mut held_out) =
        ([String::new(), String::new()], [String::new(), String::new()]);
    let mut count = 0;
    for (article, an) in articles {
        for (adjective, trait_) in adjectives {
            for (noun, thing) in nouns {
                for (verb, does) in verbs {
                    let source =
                        format!("{article} {adjective} {noun} {verb} .").replace("  ", " ");
                    let target = format!("{does} {an} {thing} {trait_} .").replace("  ", " ");
                    let part = if count % 10 == 3 { &mut held_out } else { &mut train };
                    part[0] += &format!("{source}\n");
                    part[1] += &format!("{target}\n");
                    count += 1;
                }
            }
        }
    }
    for (name, [source, target]) in [("train", train), ("val", held_out)] {
        fs::write(folder.join(format!("{name}.de")), source).unwrap();
        fs::write(folder.join(format!("{name}.en")), target).unwrap();
    }
    fs::write(folder.join("tiny.toml"), TINY).unwrap();
}

/// Learns the corpus in seconds.
const TINY: &str = r#"
encoder_layers = "[(32, 3)] * 2"
decoder_layers = "[(32, 3)] * 2"
embedding = 32
output_embedding = 32
dropout = 0.0
positions = 40
[subwords]
vocabulary = 90
[fit]
epochs = 24
learning_rate = 0.01
average = 2
batching = { size = { tokens = 300 }, window = 50 }
schedule = { warmup_steps = 20, decay = { kind = "cosine", floor = 1e-4 } }
"#;

fn train<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["train", "--data", ".", "--recipe", "tiny.toml", "--out", out], more].concat()
}

/// A folder with the corpus and a model that has learnt it, `run/model`, for all tests.
fn trained() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("translate");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        write_corpus(&folder);
        let found = lines(&folder, &train("run", &[]));
        assert!(found[0]["metrics"]["dev bleu"].as_f64().unwrap() > 80.0, "{found:?}");
        folder
    })
}

const MODEL: [&str; 3] = ["translate", "--model", "run/model"];

fn translated(more: &[&str]) -> String {
    output(trained(), &[&MODEL[..], more].concat())
}
