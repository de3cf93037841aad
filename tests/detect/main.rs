//! The program `detect` from training to drawings, on made-up scenes in a temporary folder, and the
//! shipped model on rendered ones.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod coco;
mod torchvision;

use assert_cmd::Command;
use conv_vision::{Features, Limits, Picture};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The example that `cargo test` has built beside this test.
fn detect(folder: &Path, arguments: &[&str]) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("detect");
    assert!(program.exists(), "build it first: cargo build --example detect");
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).env_remove("CONVOKE_DATA");
    command
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--json"]].concat();
    let output = detect(folder, &arguments).assert().success().get_output().stdout.clone();
    serde_json::from_slice(&output).unwrap()
}

/// Standard error of a command that fails with exit code 1.
fn error(folder: &Path, arguments: &[&str]) -> String {
    let assert = detect(folder, arguments).assert().code(1);
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

const SIDES: (usize, usize) = (96, 64);

/// Red squares ("cubes") and blue discs ("spheres") on grey, with their masks: one picture in five
/// has none.
fn write_scenes(folder: &Path, count: usize) {
    for part in ["images", "masks"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    let mut scenes = Vec::new();
    for number in 0..count {
        let mut pixels = vec![110u8; 3 * SIDES.0 * SIDES.1];
        let mut masks = vec![0u8; 3 * SIDES.0 * SIDES.1];
        let mut objects = Vec::new();
        for at in 0..number % 5 % 3 {
            let is_cube = (number / 5 + at) % 2 == 0;
            let half = 6 + (number * 5 + at * 3) % 6;
            let x = 20 + at * 44 + (number * 7) % 12;
            let y = 18 + (number * 11 + at * 5) % 28;
            let inside = |dx: usize, dy: usize| {
                if is_cube { dx <= half && dy <= half } else { dx * dx + dy * dy <= half * half }
            };
            objects.push(json!({
                "shape": if is_cube { "cube" } else { "sphere" },
                "color": if is_cube { "red" } else { "blue" },
                "3d_coords": [x as f32 / 10.0, y as f32 / 10.0, 0.0],
            }));
            for place in 0..SIDES.0 * SIDES.1 {
                if inside((place % SIDES.0).abs_diff(x), (place / SIDES.0).abs_diff(y)) {
                    let colour = if is_cube { [220, 40, 30] } else { [30, 50, 220] };
                    pixels[3 * place..][..3].copy_from_slice(&colour);
                    masks[3 * place..][..3].fill(objects.len() as u8);
                }
            }
        }
        let file = format!("scene_{number:04}.png");
        let png = |pixels| Picture::new(SIDES.0, SIDES.1, pixels).unwrap().to_png().unwrap();
        fs::write(folder.join("images").join(&file), png(pixels)).unwrap();
        fs::write(folder.join("masks").join(&file), png(masks)).unwrap();
        scenes.push(json!({
            "image_index": number, "image_filename": file, "objects": objects,
            "directions": { "right": [1.0, 0.0, 0.0], "front": [0.0, 1.0, 0.0] },
        }));
    }
    fs::write(folder.join("scenes.json"), json!({ "scenes": scenes }).to_string()).unwrap();
}

/// A narrow network for small pictures.
const RECIPE: &str = "\
[network]
input = { short_side = 64, long_side = 96 }
backbone = { stem = 16, stages = [16, 24, 32, 48], groups = 8 }
pyramid = 32
box_features = 64
mask_layers = 1
mask_channels = 32
[fit]
learning_rate = 2e-3
schedule = { warmup_steps = 20, decay = { kind = \"cosine\", floor = 0.0 } }
";

#[test]
fn from_training_to_drawings() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_scenes(&folder.join("scenes"), 75);
    fs::write(folder.join("small.toml"), RECIPE).unwrap();
    let train = ["train", "--data", "scenes", "--config", "small.toml", "--threads", "1"];
    let plan = json(folder, &[&train[..], &["--dry-run"]].concat());
    // 60 pictures are not held out, and three of them show how training goes.
    assert_eq!((&plan["examples"], &plan["steps_per_epoch"]), (&json!(57), &json!(29)));
    let arguments = [&train[..], &["--epochs", "8", "--half", "--out", "run"]].concat();
    let trained = json(folder, &arguments);
    let ap50 = trained["metrics"]["held out box AP50"].as_f64().unwrap();
    assert!(ap50 >= 0.5, "{trained}");
    assert!(error(folder, &arguments).contains("resume"));

    let eval = ["eval", "--model", "run/model", "--data", "scenes"];
    let evaluation = json(folder, &[&eval[..], &["--part", "held-out"]].concat());
    assert_eq!(evaluation["pictures"], 15);
    // Stored in half precision, it finds what it found.
    let again = evaluation["box"]["AP50"].as_f64().unwrap();
    assert!((again - ap50).abs() < 0.05, "{again} for {ap50}");
    assert!(evaluation["mask"]["AP50"].as_f64().unwrap() > 0.3, "{evaluation}");
    assert!(evaluation["attributes"]["color"].as_f64().unwrap() > 0.8, "{evaluation}");
    let all = json(folder, &eval);
    assert_eq!((&all["pictures"], &all["part"]), (&json!(75), &json!("all")));

    let file = "scenes/images/scene_0002.png";
    let predict = ["predict", "--model", "run/model", file, "--threshold", "0.3"];
    let results = json(folder, &[&predict[..], &["--out", "drawn/seen.png"]].concat());
    let first = &results[0];
    assert_eq!((&first["image_id"], &first["category_id"]), (&json!(2), &json!(1)));
    assert_eq!(first["segmentation"]["size"], json!([SIDES.1, SIDES.0]));
    let seen = Picture::open(&folder.join("drawn/seen.png"), &Limits::default()).unwrap();
    assert_eq!((seen.width(), seen.height()), (1344, 896));
    let plain = Picture::open(&folder.join(file), &Limits::default()).unwrap();
    assert_ne!(plain.resize(1344, 896, conv_vision::Filter::Bicubic).unwrap(), seen);

    // Kept for other networks: what was told of that picture, and nothing of an empty one.
    let features = ["features", "scenes/images", "--model", "run/model", "--threshold", "0.3"];
    let kept = json(folder, &[&features[..], &["--out", "seen.safetensors"]].concat());
    assert_eq!(kept["images"], 75);
    let kept = Features::read(&folder.join("seen.safetensors")).unwrap();
    let made_by = kept.made_by();
    assert_eq!((&made_by.network[..], made_by.weights.len()), ("mask-rcnn", 64));
    let layer = |layer| kept.get("scene_0002.png", layer).unwrap();
    let scores: Vec<f32> = layer("score").to_vec1().unwrap();
    assert_eq!(scores.len(), results.as_array().unwrap().len());
    assert!((f64::from(scores[0]) - first["score"].as_f64().unwrap()).abs() < 1e-6);
    let colors = &made_by.names["color"];
    let shares: Vec<Vec<f32>> = layer("color").to_vec2().unwrap();
    let best = (0..colors.len()).max_by(|&a, &b| shares[0][a].total_cmp(&shares[0][b])).unwrap();
    assert_eq!(first["attributes"]["color"], json!(colors[best]));
    assert_eq!(layer("box").dims(), [scores.len(), 4]);

    // Pictures of one name from two folders do not overwrite each other.
    fs::create_dir_all(folder.join("other")).unwrap();
    fs::copy(folder.join(file), folder.join("other/scene_0002.png")).unwrap();
    let both = ["predict", "--model", "run/model", file, "other/scene_0002.png", "--out", "both"];
    detect(folder, &both).assert().success();
    assert!(folder.join("both/scene_0002.png").exists());
    assert!(folder.join("both/scene_0002-2.png").exists());

    let report = fs::read_to_string(folder.join("run/report.html")).unwrap();
    for section in ["Precision and recall", "Missed, the largest first", "False alarms"] {
        assert!(report.contains(section), "{section}");
    }
    assert!(!report.contains(&*folder.to_string_lossy()));
    let page = [&eval[..], &["--part", "held-out", "--page", "drawn/eval.html"]].concat();
    assert_eq!(json(folder, &page), evaluation);
    let page = fs::read_to_string(folder.join("drawn/eval.html")).unwrap();
    assert!(page.contains("IoU 0.75: ") && page.contains("<polyline"));
    let inspection = json(folder, &["inspect", "run/model"]);
    assert_eq!(inspection["labels"], json!(["object"]));
    assert_eq!(inspection["config"]["pyramid"], 32);
    let counts = json(folder, &["inspect", "--data", "scenes", "--page", "drawn/page.html"]);
    assert_eq!((&counts["pictures"], &counts["without_objects"]), (&json!(75), &json!(30)));
    let page = || fs::read_to_string(folder.join("drawn/page.html")).unwrap();
    assert!(page().contains("data:image/"));
    let inspect = ["inspect", "--data", "scenes", "--pictures", "3", "--page", "drawn/page.html"];
    json(folder, &[&inspect[..], &["--proposals", "run/model"]].concat());
    let page = page();
    // As a picture's text and below it.
    assert_eq!(page.matches("anchors are taught an object").count(), 6);
    assert_eq!(page.matches("objects have one").count(), 6);
}

/// What is in a folder's weights.
fn weights(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("model/model.safetensors")).unwrap()
}

#[test]
fn the_same_bits_for_any_threads_and_after_an_interruption() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_scenes(&folder.join("scenes"), 15);
    fs::write(folder.join("small.toml"), RECIPE.to_string() + "checkpoint_every_steps = 2\n")
        .unwrap();
    let train = |out: &str, more: &[&str]| {
        let base =
            ["train", "--data", "scenes", "--config", "small.toml", "--epochs", "1", "--out", out];
        detect(folder, &[&base[..], more].concat())
    };
    train("one", &["--threads", "1"]).assert().success();
    train("two", &["--threads", "2"]).assert().success();
    assert_eq!(weights(&folder.join("one")), weights(&folder.join("two")));

    // Killed once a checkpoint is there, it goes on to the same weights.
    let program = train("killed", &["--threads", "1"]).get_program().to_owned();
    let arguments =
        ["train", "--data", "scenes", "--config", "small.toml", "--epochs", "1", "--out", "killed"];
    let mut child = std::process::Command::new(program)
        .current_dir(folder)
        .args(arguments)
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let checkpoint = folder.join("killed/last.safetensors");
    while !checkpoint.exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    train("killed", &["--resume"]).assert().success();
    assert_eq!(weights(&folder.join("one")), weights(&folder.join("killed")));
}

#[test]
fn what_cannot_be_done_is_one_line() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    fs::create_dir(folder.join("empty")).unwrap();
    fs::write(folder.join("text.png"), "no picture").unwrap();
    write_scenes(&folder.join("scenes"), 4);
    let train = |data: &'static str| error(folder, &["train", "--data", data, "--out", "run"]);
    assert!(train("empty").contains("empty holds nothing, expected scenes.json"));
    assert!(train("nowhere").contains("nowhere cannot be read"));
    fs::write(folder.join("wrong.toml"), "[network]\npyramid = 0\n").unwrap();
    let wrong = ["train", "--data", "scenes", "--config", "wrong.toml", "--out", "run"];
    assert_eq!(error(folder, &wrong).trim(), "error: pyramid is 0, expected 1 to 4096");
    assert!(
        error(folder, &["predict", "text.png"]).contains("no model at data/models/clevr-objects")
    );
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/models/clevr-objects");
    let shipped = shipped.to_string_lossy();
    let text = error(folder, &["predict", "--model", &shipped, "text.png"]);
    assert!(text.starts_with("error: text.png: is no picture"), "{text}");
    assert_eq!(text.lines().count(), 1);
    let two = ["predict", "--model", &shipped, "scenes/images", "--out", "one.png"];
    assert!(error(folder, &two).contains("expected a folder for 4 pictures"));
    // A model of another task.
    let other = shipped.replace("clevr-objects", "clevr-crops");
    let text = error(folder, &["predict", "--model", &other, "scenes/images"]);
    assert!(text.contains("mask-rcnn"), "{text}");
}

#[test]
fn the_shipped_model_finds_what_was_held_out() {
    let Some(data) = std::env::var_os("CONVOKE_DATA") else {
        return eprintln!("skipped: needs CONVOKE_DATA, with clevr/rendered below it");
    };
    let whole = PathBuf::from(data).join("clevr/rendered");
    // Of the held-out fifth the first twelve pictures: enough for the bar, and seconds.
    let place = tempfile::tempdir().unwrap();
    let mut scenes: Value =
        serde_json::from_str(&fs::read_to_string(whole.join("scenes.json")).unwrap()).unwrap();
    let list = scenes["scenes"].as_array_mut().unwrap();
    list.retain(|scene| scene["image_index"].as_u64().unwrap() % 5 == 4);
    list.truncate(12);
    for part in ["images", "masks"] {
        fs::create_dir(place.path().join(part)).unwrap();
        for scene in list.iter() {
            let file = Path::new(part).join(scene["image_filename"].as_str().unwrap());
            fs::copy(whole.join(&file), place.path().join(&file)).unwrap();
        }
    }
    fs::write(place.path().join("scenes.json"), scenes.to_string()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = place.path().to_string_lossy();
    let found = json(folder, &["eval", "--data", &data]);
    assert!(found["box"]["AP50"].as_f64().unwrap() >= 0.5, "{found}");
    assert!(found["mask"]["AP50"].as_f64().unwrap() >= 0.5, "{found}");
}
