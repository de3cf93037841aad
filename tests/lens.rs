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
    let strip = open("strip.png");
    let last = open("last.png");
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

    // Left after twelve steps and gone on with, it is the same picture.
    for (steps, more) in [("12", &[][..]), ("20", &["--resume"])] {
        let arguments = ["render", "bn4:101 + 0.1*tv", "--model", &model, "--keep", "0,4"];
        let saved =
            ["--steps", steps, "--checkpoint", "unit.ascent", "--out", "parts.png", "--json"];
        program(folder, &[&arguments[..], &saved, more].concat()).assert().success();
    }
    assert_eq!(
        fs::read(folder.join("one.png")).unwrap(),
        fs::read(folder.join("parts.png")).unwrap()
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

#[test]
fn eval_prints_shares_and_goes_on_where_it_was() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let model = data.join("models/clevr-crops").to_string_lossy().into_owned();
    let crops = data.join("samples/crops").to_string_lossy().into_owned();
    let eval = ["eval", "--model", &model, "--photos", &crops, "--units", "4", "--steps", "16"];
    let run = |more: &[&str]| {
        let assert = program(folder, &[&eval[..], more].concat()).assert().success();
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    };
    let json = |more: &[&str]| -> Value { serde_json::from_str(&run(more)).unwrap() };
    let first = json(&["--json", "--out", "units"]);
    let share = |value: &Value, name: &str| value[name].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&share(&first, "mean_beats")), "{first}");
    assert!((0.0..=1.0).contains(&share(&first, "maximum_beats")), "{first}");
    assert_eq!((first["units"].as_u64(), first["layers"].as_array().unwrap().len()), (Some(4), 4));
    assert_eq!(first["layers"][3]["layer"], "bn4");
    assert_eq!(fs::read_dir(folder.join("units")).unwrap().count(), 5);
    let again = json(&["--json", "--out", "units", "--threads", "1"]);
    assert_eq!(again["measured"], first["measured"]);
    let text = run(&[]);
    assert!(text.starts_with("4 units of Conv-4 after 16 steps at 48 pixels"), "{text}");
    let other = [&eval[..], &["--out", "units", "--seed", "2"]].concat();
    let text = error(folder, &other);
    assert!(text.contains("its pictures were rendered with other settings"), "{text}");
    let none = ["eval", "--model", &model, "--photos", &crops, "--units", "0"];
    assert_eq!(error(folder, &none), "error: --units 0: expected at least 1\n");
}

#[test]
fn several_are_rendered_below_each_other() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let model = data.join("models/clevr-crops").to_string_lossy().into_owned();
    let crop = fs::read_dir(data.join("samples/crops")).unwrap().next().unwrap().unwrap().path();
    let crop = crop.to_string_lossy().into_owned();
    let render = ["render", "--model", &model, "--steps", "8", "--keep", "0", "--size", "32"];
    let run = |more: &[&str]| -> Value {
        let assert = program(folder, &[&render[..], more, &["--json"]].concat()).assert().success();
        serde_json::from_slice(&assert.get_output().stdout).unwrap()
    };
    let open = |name: &str| Picture::open(&folder.join(name), &Limits::default()).unwrap();
    let both = run(&["bn3:5", "bn3:7", "--negative", "--out", "both.png"]);
    let sheet = open("both.png");
    assert_eq!((sheet.width(), sheet.height()), (2 * 32 + 4, 4 * 32 + 3 * 4));
    let others = both["others"].as_array().unwrap();
    assert_eq!((others.len(), &others[0]["objective"]), (3, &"-(bn3:5)".into()));
    run(&["bn3:5", "--picture", "alone.png", "--out", "x.png"]);
    let alone = open("alone.png");
    let first = sheet.pixels();
    for row in 0..32 {
        let from = 3 * (row * sheet.width() + 36);
        assert_eq!(&first[from..from + 96], &alone.pixels()[96 * row..][..96]);
    }
    let more = ["bn3:5 + diversity(bn2)", "--pictures", "3", "--out", "three.png"];
    assert_eq!(run(&more)["others"].as_array().unwrap().len(), 2);
    let more = ["bn3:5", "--init", &crop, "--colours", "grey", "--scale", "0.1", "--rotate", "10"];
    run(&[&more[..], &["--fixed-size", "--out", "grey.png"]].concat());
    assert!(open("grey.png").pixels().chunks(3).all(|p| p[0] == p[1] && p[1] == p[2]));
    let refused = |more: &[&str]| error(folder, &[&render[..], more].concat());
    let text = refused(&["bn3:5", "--pictures", "0", "--out", "x.png"]);
    assert!(text.contains("--pictures 0: expected at least 1"), "{text}");
    let text = refused(&["bn3:5", "bn3:7", "--picture", "y.png", "--out", "x.png"]);
    assert!(text.contains("--picture takes one picture"), "{text}");
    let text = refused(&["bn3:5", "--scale", "2", "--out", "x.png"]);
    assert!(text.contains("scale is 2, expected 0 to 0.9"), "{text}");
}

#[test]
fn a_unit_is_looked_at_from_all_sides() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let model = data.join("models/clevr-crops").to_string_lossy().into_owned();
    let crops = data.join("samples/crops").to_string_lossy().into_owned();
    let photo = data.join("samples/crops").join("blue-metal-cylinder_0004-6.png");
    let photo = photo.to_string_lossy().into_owned();
    let with = |arguments: &[&str]| {
        [arguments, &["--model", &model]]
            .concat()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let run = |arguments: &[&str]| {
        let arguments = with(arguments);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let assert = program(folder, &arguments).assert().success();
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    };
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&run(&[arguments, &["--json"]].concat())).unwrap()
    };
    let refused = |arguments: &[&str]| {
        let arguments = with(arguments);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        error(folder, &arguments)
    };
    let size = |name: &str| {
        let picture = Picture::open(&folder.join(name), &Limits::default()).unwrap();
        (picture.width(), picture.height())
    };

    // examples: what bn2 sees is 3 + 2 + 2·2 … = 8 pixels.
    let arguments = ["examples", "bn2:13", "--photos", &crops, "--count", "3", "--out", "e.png"];
    let found = json(&arguments);
    let value = |list: &str, at: usize| found[list][at]["value"].as_f64().unwrap();
    assert_eq!((found["sees"].as_u64(), found["photographs"].as_u64()), (Some(8), Some(48)));
    assert!(value("most", 0) >= value("most", 1) && value("most", 2) > value("least", 2));
    assert!(value("least", 0) <= value("least", 1) && value("least", 0) < 0.0, "{found}");
    assert_eq!(size("e.png").1, 2 * 112 + 4);
    let text = refused(&["examples", "bn2", "--photos", &crops, "--out", "e.png"]);
    assert!(text.contains("\"bn2\" is no unit"), "{text}");

    // attribute: four methods, each with its overlay.
    for method in ["gradient", "cam", "integrated", "occlusion"] {
        let found = json(&["attribute", &photo, "--method", method, "--out", "a.png"]);
        assert!(found["class"].as_str().is_some() && found["value"].as_f64().unwrap() > 0.0);
        assert_eq!(size("a.png"), (2 * 48 + 4, 48));
        assert_eq!(found["gap"].as_f64().is_some(), method == "integrated");
    }
    let text =
        run(&["attribute", &photo, "--method", "integrated", "--steps", "20", "--out", "a.png"]);
    assert!(text.contains(" % off the difference from the baseline"), "{text}");

    // Of a folder the gaps alone, and the first photographs drawn.
    let folder_of = ["attribute", &crops, "--method", "integrated", "--steps", "20"];
    let found = json(&[&folder_of[..], &["--limit", "3", "--out", "a.png"]].concat());
    let gap = |at: usize| found["each"][at]["gap"].as_f64().unwrap().abs();
    let largest = (0..3).map(gap).fold(0.0, f64::max);
    assert_eq!(
        (found["photographs"].as_u64(), found["largest_gap"].as_f64()),
        (Some(3), Some(largest))
    );
    assert!(found["within_5_percent"].as_u64() >= found["within_1_percent"].as_u64());
    assert_eq!(size("a.png"), (2 * 48 + 4, 3 * 48 + 8));
    let text = refused(&["attribute", &crops, "--out", "a.png"]);
    assert!(text.contains("a folder is for --method integrated"), "{text}");

    // find: a class by its name, and the photographs that are of it.
    let arguments = ["find", "blue-metal-cylinder", "--photos", &crops, "--units", "2"];
    let found = json(&[&arguments[..], &["--steps", "4", "--out", "f.html"]].concat());
    let gives = |at: usize| found["units"][at]["value"].as_f64().unwrap();
    assert!(found["photographs"] == 2 && gives(0) >= gives(1), "{found}");
    let page = fs::read_to_string(folder.join("f.html")).unwrap();
    assert!(page.contains("blue-metal-cylinder_0004-6.png") && !page.contains("http:"));
    let text = refused(&["find", "zebra", "--photos", &crops]);
    assert!(text.contains("none of the 48 classes has this name"), "{text}");
    fs::create_dir(folder.join("photos")).unwrap();
    fs::copy(&photo, folder.join("photos/one.png")).unwrap();
    let text = refused(&["find", "blue-metal-cylinder", "--photos", "photos"]);
    assert!(text.contains("photos: no photograph of blue-metal-cylinder"), "{text}");

    // grid: the photograph and four cells.
    let arguments =
        ["grid", &photo, "bn3", "--cells", "2", "--steps", "4", "--size", "24", "--out", "g.png"];
    assert_eq!(json(&arguments)["cells"], 4);
    assert_eq!(size("g.png"), (52 + 4 + 52, 52));
    let text = refused(&["grid", &photo, "bn4", "--cells", "7", "--out", "g.png"]);
    assert!(text.contains("cells is 7, expected 1 to 6, the positions of bn4"), "{text}");

    // atlas: a section a layer, and it goes on where it was.
    let arguments =
        ["atlas", "--units", "2", "--steps", "4", "--pictures", "p", "--photos", &crops];
    let found = json(&[&arguments[..], &["--out", "t.html"]].concat());
    assert_eq!((found["layers"].as_u64(), found["units"].as_u64()), (Some(4), Some(8)));
    let page = fs::read_to_string(folder.join("t.html")).unwrap();
    assert!(page.contains("bn4 <small>sees 36 × 36 pixels") || page.contains("sees"), "a layer");
    assert!(page.contains("best photograph") && page.matches("<img").count() == 8 + 6);
    let again = json(&[&arguments[..], &["--out", "u.html"]].concat());
    assert_eq!(again["bytes"], found["bytes"]);
    let chosen = json(&["atlas", "--chosen", "bn4:3,bn1:2", "--steps", "2", "--out", "c.html"]);
    assert_eq!((chosen["layers"].as_u64(), chosen["units"].as_u64()), (Some(2), Some(2)));
    let text = refused(&["atlas", "--units", "0"]);
    assert!(text.contains("no units"), "{text}");
}
