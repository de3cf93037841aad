//! The program `clevr` from outside, with the shipped models.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use convoke::vision::Picture;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn program(arguments: &[&str]) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("clevr");
    assert!(program.exists(), "build it first: cargo build --example clevr");
    let mut command = Command::new(program);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    command
}

fn output(arguments: &[&str]) -> (String, String) {
    let assert = program(arguments).assert().success();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&assert.get_output().stdout), text(&assert.get_output().stderr))
}

fn error(arguments: &[&str]) -> String {
    let assert = program(arguments).assert().code(1);
    assert!(assert.get_output().stdout.is_empty());
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

const SCENE: &str = "data/samples/reasoning/scene.png";

#[test]
fn a_question_is_answered_step_by_step() {
    let place = tempfile::tempdir().unwrap();
    let page = place.path().join("pages/trace.html");
    let question = "How many things are there?";
    let ask = ["answer", "--image", SCENE, "--question", question];
    let page_flag = ["--page", page.to_str().unwrap()];
    let (json, notes) = output(&[&ask[..], &page_flag, &["--json"]].concat());
    let found: Value = serde_json::from_str(&json).unwrap();
    let scene: Value =
        serde_json::from_str(&fs::read_to_string("data/samples/reasoning/scenes.json").unwrap())
            .unwrap();
    let objects = scene["scenes"][0]["objects"].as_array().unwrap().len();
    assert_eq!(found["answer"], objects.to_string());
    assert_eq!(
        found["program"][1],
        json!({"function": "count", "inputs": [0], "value_inputs": []})
    );
    assert_eq!(found["trace"][0]["output"].as_array().unwrap().len(), objects);
    assert!(notes.contains("trace.html"));
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("data:image/jpeg;base64,") && html.contains("0. scene: {0, 1"));
    assert!(!html.contains("http"), "the page refers to something outside itself");
    let (text, _) = output(&ask);
    assert!(
        text.contains("program   count(scene)")
            && text.ends_with(&format!("answer    {objects}\n")),
        "{text}"
    );
}

#[test]
fn questions_are_answered_as_they_are_typed() {
    let typed = "How many things are there?\nHow many unicorns are there?\nAre there any things?\n";
    let assert = program(&["ask", "--image", SCENE]).write_stdin(typed).assert().success();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let said = text(&assert.get_output().stdout);
    let notes = text(&assert.get_output().stderr);
    assert_eq!(said.matches("\nanswer    ").count(), 2, "{said}");
    assert!(said.ends_with("answer    yes\n"), "{said}");
    assert!(notes.contains("a word that is not known: unicorns"), "{notes}");
}

#[test]
fn what_is_no_question_or_no_scene_is_refused_by_name() {
    let ask = |question| error(&["answer", "--image", SCENE, "--question", question]);
    let text = ask("How many pink elephants are there?");
    assert_eq!(text, "error: the question has words that are not known: elephants, pink\n");
    for salad in ["the the the of", "red?", "What is it of the same left things?", "?"] {
        let text = ask(salad);
        assert!(
            text.starts_with("error: no question of CLEVR's kind: ") && text.lines().count() == 1,
            "{salad}: {text}"
        );
    }

    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).to_str().unwrap().to_string();
    let question = ["--question", "How many things are there?"];
    let look = |name: &str| error(&[&["answer", "--image", &path(name)], &question[..]].concat());
    // A grey ground, a sky, and a picture that ends too early.
    fs::write(
        path("grey.png"),
        Picture::new(320, 240, vec![120; 320 * 240 * 3]).unwrap().to_png().unwrap(),
    )
    .unwrap();
    let sky = (0..240).flat_map(|row| [90u8, 150, 255 - row as u8 / 4].repeat(320)).collect();
    fs::write(path("sky.png"), Picture::new(320, 240, sky).unwrap().to_png().unwrap()).unwrap();
    for name in ["grey.png", "sky.png"] {
        let text = look(name);
        assert!(text.starts_with("error: no CLEVR object found in "), "{text}");
    }
    let scene = fs::read(SCENE).unwrap();
    fs::write(path("cut.png"), &scene[..scene.len() / 2]).unwrap();
    let text = look("cut.png");
    assert!(text.contains("cut.png: ") && text.lines().count() == 1, "{text}");
}

/// A folder with the sample picture, two questions that have answers, one about another picture,
/// and a test split without.
fn prepare(folder: &Path) -> [String; 3] {
    let name = "scene.png";
    fs::create_dir_all(folder.join("images")).unwrap();
    fs::copy(SCENE, folder.join("images").join(name)).unwrap();
    let count = json!([{"function": "scene", "inputs": []}, {"function": "count", "inputs": [0]}]);
    let question = |image: &str, text: &str, answer: &str| json!({"image_filename": image, "question": text, "program": count, "answer": answer});
    let asked = json!({"questions": [
        question(name, "How many things are there?", "99"),
        question(name, "What number of unicorns are there?", "0"),
        question("other.png", "How many things are there?", "3"),
    ]});
    let test = json!({"questions": [{"image_filename": name, "question": "How many things are there?", "question_index": 7}]});
    let path = |name: &str| folder.join(name).to_str().unwrap().to_string();
    fs::write(path("own_questions.json"), asked.to_string()).unwrap();
    fs::write(path("test_questions.json"), test.to_string()).unwrap();
    [path("images"), path("own_questions.json"), path("test_questions.json")]
}

#[test]
fn files_of_questions_are_measured_or_answered() {
    let place = tempfile::tempdir().unwrap();
    let [images, asked, test] = prepare(place.path());
    let (json, notes) = output(&["eval", "--images", &images, "--questions", &asked, "--json"]);
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&found["questions"], &found["accuracy"], &found["refused"]),
        (&2.into(), &0.0.into(), &1.into())
    );
    assert_eq!(found["faults"], json!({"parse": 1, "seeing": 1}));
    assert!(notes.contains("1 questions are about other pictures"), "{notes}");

    let text = error(&["eval", "--images", &images, "--questions", &test]);
    assert!(text.contains("none has an answer, as in a test split"), "{text}");
    let (json, _) = output(&["answer", "--images", &images, "--questions", &test, "--json"]);
    let line: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(line["question_index"], 7);
    assert!(line["answer"].is_string());

    // The same through scenes that are known.
    let scenes = "data/samples/reasoning/scenes.json";
    let (json, _) = output(&[
        "eval",
        "--questions",
        "data/samples/reasoning/questions.json",
        "--scenes",
        scenes,
        "--json",
    ]);
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&found["accuracy"], &found["seeing"]["recall"]), (&1.0.into(), &1.0.into()));
}

#[test]
fn files_are_inspected_and_contradictions_named() {
    let (text, _) = output(&["inspect", "--scenes", "data/samples/reasoning/scenes.json"]);
    assert!(text.starts_with("1 scenes with ") && text.contains("cylinder"), "{text}");
    let (text, _) = output(&["inspect", "--questions", "data/samples/reasoning/questions.json"]);
    assert!(text.contains("query attribute") && text.contains("same_relate"), "{text}");

    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("scenes.json");
    let original = fs::read_to_string("data/samples/reasoning/scenes.json").unwrap();
    let mut scenes: Value = serde_json::from_str(&original).unwrap();
    for (list, expected) in [
        (json!([0]), "relates object 0 (left) to itself"),
        (json!([77]), "to object 77, but has only"),
    ] {
        scenes["scenes"][0]["relationships"]["left"][0] = list;
        fs::write(&path, scenes.to_string()).unwrap();
        let text = error(&["inspect", "--scenes", path.to_str().unwrap()]);
        assert!(text.contains("the scene of scene.png ") && text.contains(expected), "{text}");
    }
}

#[test]
fn scenes_are_drawn_rendered_asked_about_and_go_on() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).to_str().unwrap().to_string();
    let out = path("own");
    let draw = |count: &str, more: &[&str]| {
        let sizes = ["--width", "96", "--height", "72", "--cogent", "a", "--seed", "3", "--json"];
        let ask = ["scenes", "--out", &out, "--count", count];
        serde_json::from_str::<Value>(&output(&[&ask[..], &sizes, more].concat()).0).unwrap()
    };
    // Two scenes, then a run of four goes on behind them, with another number of threads.
    assert_eq!(draw("2", &["--threads", "1"])["made"], 2);
    let first = fs::read(place.path().join("own/images/CLEVR_new_000001.png")).unwrap();
    let found = draw("4", &["--threads", "2"]);
    assert_eq!((&found["made"], &found["kept"]), (&2.into(), &2.into()));
    assert!(fs::read(place.path().join("own/images/CLEVR_new_000001.png")).unwrap() == first);
    let text = error(&[
        "scenes", "--out", &out, "--count", "4", "--width", "96", "--height", "72", "--seed", "3",
    ]);
    assert!(text.contains("settings.json: the folder was begun with "), "{text}");
    let text = error(&["scenes", "--out", &path("none"), "--split", "../up"]);
    assert!(text.contains("split") && !place.path().join("none").exists(), "{text}");

    // Rendering what was written gives the same pictures and masks.
    let scenes = path("own/scenes.json");
    output(&["render", "--scenes", &scenes, "--out", &path("again"), "--threads", "1"]);
    for part in ["images", "masks"] {
        for number in 0..4 {
            let file = format!("{part}/CLEVR_new_00000{number}.png");
            let [a, b] =
                ["own", "again"].map(|of| fs::read(place.path().join(of).join(&file)).unwrap());
            assert!(a == b, "{file}");
        }
    }

    // Beside themselves they are off by nothing.
    let images = path("own/images");
    let ask =
        ["render", "--scenes", &scenes, "--out", &path("again"), "--beside", &images, "--json"];
    let found: Value = serde_json::from_str(&output(&ask).0).unwrap();
    assert_eq!((&found["kept"], &found["beside"]["pictures"]), (&4.into(), &4.into()));
    assert_eq!(found["beside"]["off"], 0.0);
    let page = fs::read_to_string(place.path().join("again/beside.html")).unwrap();
    assert!(page.matches("<img").count() == 8 && !page.contains("http"));
    let text =
        error(&["render", "--scenes", &scenes, "--out", &path("again"), "--beside", &path("none")]);
    assert!(text.contains("no picture of these scenes"), "{text}");

    // The layout is what detect reads.
    let masks =
        Picture::open(&place.path().join("own/masks/CLEVR_new_000000.png"), &Default::default())
            .unwrap();
    let file: Value = serde_json::from_slice(&fs::read(&scenes).unwrap()).unwrap();
    let objects = file["scenes"][0]["objects"].as_array().unwrap();
    let shown: std::collections::BTreeSet<u8> = masks.pixels().iter().copied().collect();
    assert!(shown.into_iter().eq(0..=objects.len() as u8));

    let asked = path("questions.json");
    let ask = ["questions", "--scenes", &scenes, "--out", &asked, "--per-picture", "5", "--json"];
    let made: Value = serde_json::from_str(&output(&ask).0).unwrap();
    assert_eq!(made["questions"], 20);
    assert!(made["per_second"].as_f64().unwrap() > 0.0);
    let file: Value = serde_json::from_slice(&fs::read(&asked).unwrap()).unwrap();
    let question = &file["questions"][7];
    assert_eq!((&question["image_index"], &question["question_index"]), (&1.into(), &7.into()));
    assert!(question["question_family_index"].as_u64().unwrap() < 90);
    assert!(question["answer"].is_string() && question["program"][0]["function"] == "scene");
    let (text, _) = output(&["inspect", "--questions", &asked]);
    assert!(text.starts_with("20 questions about 4 pictures"), "{text}");
}

#[test]
fn a_parser_learns_from_templates() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let template = r#"[{"text":["How many <Z> <C> <M> <S>s are there?"],"nodes":[{"type":"scene","inputs":[]},
        {"type":"filter_count","inputs":[0],"side_inputs":["<Z>","<C>","<M>","<S>"]}],
        "params":[{"name":"<Z>","type":"Size"},{"name":"<C>","type":"Color"},{"name":"<M>","type":"Material"},{"name":"<S>","type":"Shape"}]}]"#;
    fs::create_dir(folder.join("templates")).unwrap();
    fs::write(folder.join("templates/own.json"), template).unwrap();
    fs::write(folder.join("templates/synonyms.json"), r#"{"cube":["cube","block"]}"#).unwrap();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_string();
    fs::write(path("small.toml"), "embedding = 32\noutput_embedding = 32\nencoder_layers = \"[(32, 3)]\"\ndecoder_layers = \"[(32, 3)]\"\n\
        dropout = 0.0\n[fit]\nlearning_rate = 0.02\n[fit.batching]\nsize = { tokens = 400 }\n[fit.schedule]\nwarmup_steps = 20\n").unwrap();
    let templates = path("templates");
    let run = path("run");
    let train = [
        "train",
        "--templates",
        &templates,
        "--questions",
        "1500",
        "--epochs",
        "24",
        "--config",
        &path("small.toml"),
        "--out",
        &run,
    ];
    let (json, _) = output(&[&train[..], &["--json", "--threads", "1"]].concat());
    let found: Value = serde_json::from_str(&json).unwrap();
    assert!(found["metrics"]["dev exact programs"].as_f64().unwrap() > 0.9, "{json}");
    fs::create_dir(folder.join("model")).unwrap();
    fs::rename(folder.join("run/model"), folder.join("model/parser")).unwrap();
    let (text, _) = output(&[
        "parse",
        "--question",
        "how many red blocks are there",
        "--model",
        &path("model"),
    ]);
    assert!(text.starts_with("count(filter_shape[cube](filter_color[red](scene)))"), "{text}");
}
