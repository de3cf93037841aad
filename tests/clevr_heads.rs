//! Heads from pictures to figures, by the program `clevr` from outside.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use serde_json::Value;
use std::path::Path;

fn program(arguments: &[&str]) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("clevr");
    assert!(program.exists(), "build it first: cargo build --example clevr");
    let mut command = Command::new(program);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    command
}

fn json(arguments: &[&str]) -> Value {
    let assert = program(&[arguments, &["--json"]].concat()).assert().success();
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}

fn error(arguments: &[&str]) -> String {
    let assert = program(arguments).assert().code(1);
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[test]
fn a_head_learns_from_kept_maps_and_answers_from_them_or_from_pictures() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).to_str().unwrap().to_string();
    let world = path("world");
    let scenes = path("world/scenes.json");
    let images = path("world/images");
    let asked = path("world/questions.json");
    let maps = path("maps.safetensors");
    json(&[
        "scenes", "--out", &world, "--count", "8", "--least", "3", "--most", "3", "--width", "160",
        "--height", "120",
    ]);
    json(&["questions", "--scenes", &scenes, "--out", &asked]);
    let kept = json(&["features", "--images", &images, "--out", &maps]);
    assert_eq!((&kept["images"], &kept["shape"]), (&8.into(), &serde_json::json!([64, 15, 20])));

    let recipe = path("recipe.toml");
    std::fs::write(&recipe, "dev = 0.25\nunits = 8\nchannels = 8\nhidden = 8\n").unwrap();
    let train = |head: &str, more: &[&str]| {
        let out = path(head);
        let flags = ["train-head", "--head", head, "--questions", &asked, "--out", &out];
        json(&[&flags[..], &["--config", &recipe, "--epochs", "2"], more].concat())
    };
    train("type", &[]);
    let trained = train("film", &["--features", &maps]);
    assert_eq!(trained["epochs"], 2);
    let report = std::fs::read_to_string(path("film/report.html")).unwrap();
    assert!(report.contains("film"));

    let eval = |head: &str, more: &[&str]| {
        let model = format!("{}/model", path(head));
        json(&[&["eval", "--head", &model, "--questions", &asked][..], more].concat())
    };
    let by_type = eval("type", &["--images", &images]);
    assert_eq!((&by_type["images"], &by_type["questions"]), (&8.into(), &80.into()));
    // It learnt from three quarters of these very questions.
    let found = by_type["accuracy"].as_f64().unwrap();
    assert!((0.3..0.8).contains(&found), "{found}");
    // The same from maps that were kept and from the pictures themselves.
    let [kept, seen] =
        [["--features", &maps], ["--images", &images]].map(|more| eval("film", &more));
    assert_eq!(kept, seen);
    assert!(kept["types"].as_object().unwrap().len() > 2 && kept["objects"]["3"].is_object());

    // One question, and where the head looked.
    let model = format!("{}/model", path("film"));
    let page = path("looked.html");
    let image = path("world/images/CLEVR_new_000003.png");
    let question = ["--question", "How many things are there?"];
    let flags = ["answer", "--head", &model, "--image", &image, "--page", &page];
    let answer = json(&[&flags[..], &question].concat());
    assert!(answer["answer"].is_string() && answer["probability"].as_f64().unwrap() > 0.0);
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.matches("class=\"place\"").count() == 80 && !html.contains("http"));

    // What does not fit is said by name.
    let ask = |more: &[&str]| {
        let model = format!("{}/model", path("film"));
        error(&[&["eval", "--head", &model, "--questions", &asked][..], more].concat())
    };
    let other = path("other.safetensors");
    json(&["features", "--images", &images, "--layer", "fpn.2@20x15", "--out", &other]);
    let text = ask(&["--features", &other]);
    assert!(text.contains("holds fpn.2@20x15, and the head looks at fpn.0@20x15"), "{text}");
    let text = ask(&["--images", &images, "--network", "data/models/clevr-crops"]);
    assert!(text.contains("was made with network mask-rcnn, and Conv-4 is used now"), "{text}");
    assert!(ask(&[]).contains("--images or --features"));
    let text = error(&["features", "--images", &images, "--layer", "fpn.9", "--out", &other]);
    assert!(text.contains("one of fpn.0, fpn.1, fpn.2, fpn.3"), "{text}");
    let flags = ["train-head", "--head", "mac", "--questions", &asked, "--out"];
    let text = error(&[&flags[..], &[&path("mac")]].concat());
    assert!(text.contains("--features names the maps"), "{text}");
    assert!(Path::new(&path("film/model/vocabulary.json")).is_file());
}
