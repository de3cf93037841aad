//! The program `lens` from outside, on the classifier and the crops that ship.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use convoke::vision::{Limits, Picture};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn program(folder: &Path, arguments: &[&str]) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("lens");
    assert!(program.exists(), "build it first: cargo build --example lens");
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).env_remove("CONVOKE_DATA");
    command
}

fn error(folder: &Path, arguments: &[&str]) -> String {
    let assert = program(folder, arguments).assert().code(1);
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[test]
fn a_unit_is_rendered_and_compared() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let model = data.join("models/clevr-crops").to_string_lossy().into_owned();
    let crops = data.join("samples/crops").to_string_lossy().into_owned();
    let render = |objective: &str, more: &[&str]| -> Vec<String> {
        let arguments = ["render", objective, "--model", &model, "--steps", "20", "--keep", "0,4"];
        [&arguments[..], more].concat().iter().map(ToString::to_string).collect()
    };
    let run = |arguments: Vec<String>| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let assert = program(folder, &arguments).assert().success();
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    };
    let text = run(render(
        "bn4:101",
        &["--out", "strip.png", "--picture", "last.png", "--photos", &crops],
    ));
    assert!(
        text.contains("it beats ") && text.contains(" of 48 photographs; the best, "),
        "{text}"
    );
    let open = |name: &str| Picture::open(&folder.join(name), &Limits::default()).unwrap();
    let (strip, last) = (open("strip.png"), open("last.png"));
    assert_eq!((strip.width(), strip.height(), last.width()), (3 * 48 + 8, 48, 48));
    let page = fs::read_to_string(folder.join("runs/lens.html")).unwrap();
    assert!(page.contains("after 4 steps") && !page.contains("http:"), "a page of its own");

    let found = |threads: &str, out: &str| -> Value {
        let text = run(render("bn4:101 + 0.1*tv", &["--out", out, "--json", "--threads", threads]));
        serde_json::from_str(&text).unwrap()
    };
    let one = found("1", "one.png");
    assert!(one["value"].as_f64().unwrap() > one["noise"].as_f64().unwrap(), "{one}");
    found("2", "two.png");
    assert_eq!(
        fs::read(folder.join("one.png")).unwrap(),
        fs::read(folder.join("two.png")).unwrap()
    );

    let refused = |arguments: Vec<String>| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        error(folder, &arguments)
    };
    let text = refused(render("bn4:999", &["--out", "x.png"]));
    assert!(text.contains("character 1: layer \"bn4\" has 256 channels"), "{text}");
    let text = refused(render("bn4:101", &["--out", "x.gif"]));
    assert!(text.contains("expected a name that ends in .png"), "{text}");
    fs::create_dir(folder.join("empty")).unwrap();
    let text = refused(render("bn4:101", &["--out", "x.png", "--photos", "empty"]));
    assert!(text.contains("error: empty: no photograph"), "{text}");
    let text = refused(render("bn4:101@9,9", &["--out", "x.png"]));
    assert!(text.contains("layer \"bn4\" has "), "{text}");
    let text = error(folder, &["render", "bn4:101", "--out", "x.png"]);
    assert!(text.starts_with("error: no weights"), "{text}");
}
