//! The programs `classify` and `retrieve` from outside, on weights by no training and pictures made
//! here.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use candle_core::{DType, Device, Tensor};
use convoke::vision::retrieval::Index;
use convoke::vision::{Architecture, Picture};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process;
use std::time::Instant;

fn program(name: &str, folder: &Path, arguments: &[&str]) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join(name);
    assert!(program.exists(), "build it first: cargo build --example {name}");
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).env_remove("CONVOKE_DATA");
    command
}

/// Standard output and standard error of a command that succeeds.
fn output(name: &str, folder: &Path, arguments: &[&str]) -> (String, String) {
    let assert = program(name, folder, arguments).assert().success();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&assert.get_output().stdout), text(&assert.get_output().stderr))
}

fn error(name: &str, folder: &Path, arguments: &[&str]) -> String {
    let assert = program(name, folder, arguments).assert().code(1);
    assert!(assert.get_output().stdout.is_empty());
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

/// SqueezeNet whose answer is its biases: class 7, then 3, and a folder of three pictures and a
/// text.
fn prepare(folder: &Path) {
    let zeros = |(name, shape): (String, Vec<usize>)| {
        let zeros = Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        (name, zeros)
    };
    let parameters = Architecture::SqueezeNet.parameters().unwrap();
    let mut weights: BTreeMap<String, Tensor> = parameters.into_iter().map(zeros).collect();
    let mut biases = vec![0f32; 1000];
    (biases[7], biases[3]) = (8.0, 7.0);
    weights.insert("conv10.bias".into(), Tensor::new(biases, &Device::Cpu).unwrap());
    // The mean of each colour, for retrieval.
    let mut first = vec![0f32; 64 * 27];
    (0..3).for_each(|channel| first[channel * 27 + channel * 9] = 1.0);
    let first = Tensor::from_vec(first, (64, 3, 3, 3), &Device::Cpu).unwrap();
    weights.insert("conv1.weight".into(), first);
    conv_train_write(&weights, &folder.join("weights.safetensors"));
    let words: Vec<String> =
        (0..1000).map(|at| format!("n{at:08} class {at}, number {at}")).collect();
    fs::write(folder.join("synset_words.txt"), words.join("\n")).unwrap();
    for (path, colour) in [
        ("photos/n00000007_a.jpg", [250, 130, 130]),
        ("photos/n00000003_b.png", [250, 140, 130]),
        ("photos/n00000009_c.png", [130, 130, 250]),
    ] {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let picture = Picture::new(50, 40, colour.repeat(2000)).unwrap();
        let is_jpeg = path.extension().unwrap() == "jpg";
        let bytes = if is_jpeg { picture.to_jpeg(90) } else { picture.to_png() };
        fs::write(path, bytes.unwrap()).unwrap();
    }
    fs::write(folder.join("photos/notes.jpg"), "no picture").unwrap();
}

fn conv_train_write(weights: &BTreeMap<String, Tensor>, path: &Path) {
    convoke::hub::files::write_safetensors(path, weights).unwrap();
}

const MODEL: [&str; 2] = ["--model", "weights.safetensors"];

#[test]
fn photographs_are_named() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    prepare(folder);
    let run = |arguments: &[&str]| output("classify", folder, &[arguments, &MODEL].concat());

    let (json, notes) = run(&["predict", "photos", "--json"]);
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["path"]), (3, &"photos/n00000003_b.png".into()));
    let top = lines[0]["top"].as_array().unwrap();
    assert_eq!((top.len(), &top[0]["label"]), (5, &"n00000007".into()));
    assert_eq!(top[0]["name"], "class 7, number 7");
    let expected = 8f64.exp() / (8f64.exp() + 7f64.exp() + 998.0);
    assert!((top[0]["probability"].as_f64().unwrap() - expected).abs() < 1e-6);
    assert!(
        notes.contains("not classified: 1") && notes.contains("notes.jpg: is no picture"),
        "{notes}"
    );
    assert!(!folder.join("runs").exists());

    let (text, notes) = run(&["predict", "photos/n00000007_a.jpg", "--top", "2"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "photos/n00000007_a.jpg"));
    assert!(lines[1].ends_with("class 7, number 7") && lines[1].contains('█'), "{text}");
    assert!(notes.contains("runs/classify.html"));
    let page = fs::read_to_string(folder.join("runs/classify.html")).unwrap();
    assert!(page.contains("data:image/png;base64,") && page.contains("class 3, number 3"));

    let mut listed =
        program("classify", folder, &[&["predict", "-", "--json"][..], &MODEL].concat());
    let listed =
        listed.write_stdin("photos/n00000009_c.png\nphotos/n00000003_b.png\n").assert().success();
    assert_eq!(listed.get_output().stdout.iter().filter(|&&byte| byte == b'\n').count(), 2);

    let (json, _) = run(&["eval", "--data", "photos", "--json"]);
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&found["images"], &found["top1"], &found["top5"]),
        (&3.into(), &1.into(), &2.into())
    );
    assert_eq!(found["skipped"].as_array().unwrap().len(), 1);

    let (text, _) = run(&["inspect"]);
    assert!(
        text.contains("preprocessing    short side 256 (bilinear), centre 227 × 227, BGR"),
        "{text}"
    );
    assert!(
        text.contains("embedding        fire9/concat") && text.contains("64 × 113 × 113"),
        "{text}"
    );
}

#[test]
fn likes_are_found() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    prepare(folder);
    let layer = ["--layer", "conv1"];
    let index = [&["index", "photos", "--out", "photos.index"], &MODEL[..], &layer].concat();
    let (text, notes) = output("retrieve", folder, &index);
    assert!(text.starts_with("3 photographs by SqueezeNet 1.1 conv1"), "{text}");
    assert!(notes.contains("left out: 1"));
    let search = ["search", "photos.index", "photos/n00000007_a.jpg", "--metric", "euclidean"];
    let (json, _) = output("retrieve", folder, &[&search[..], &["--json"]].concat());
    let found: Value = serde_json::from_str(&json).unwrap();
    let neighbours = found["neighbours"].as_array().unwrap();
    let names: Vec<&str> = neighbours
        .iter()
        .map(|n| n["path"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(names, ["n00000003_b.png", "n00000009_c.png"]);
    output("retrieve", folder, &search);
    assert!(folder.join("runs/retrieve.html").exists());

    fs::create_dir_all(folder.join("tree/red")).unwrap();
    fs::create_dir_all(folder.join("tree/blue")).unwrap();
    for (from, to) in [
        ("n00000007_a.jpg", "tree/red/a.jpg"),
        ("n00000003_b.png", "tree/red/b.png"),
        ("n00000009_c.png", "tree/blue/c.png"),
        ("n00000009_c.png", "tree/blue/d.png"),
    ] {
        fs::copy(folder.join("photos").join(from), folder.join(to)).unwrap();
    }
    let eval = [&["eval", "--data", "tree", "--json"], &MODEL[..], &layer].concat();
    let found: Value = serde_json::from_str(&output("retrieve", folder, &eval).0).unwrap();
    assert_eq!((&found["map"], &found["p_at_1"]), (&1.0.into(), &1.0.into()));

    // Views, and neighbours that are taken in.
    let more = ["--whole", "--mirrored", "--sizes", "64,80", "--expand", "1", "--augment", "1"];
    let eval = [&eval[..], &more, &["--pooling", "gem"]].concat();
    let found: Value = serde_json::from_str(&output("retrieve", folder, &eval).0).unwrap();
    assert_eq!((&found["map"], &found["expansion"]["query"]), (&1.0.into(), &1.into()));
    let refused = [&search[..], &["--expand", "1"]].concat();
    let text = error("retrieve", folder, &refused);
    assert!(text.contains("metric is euclidean, expected cosine"), "{text}");

    // The index changes with its photographs.
    let changed = |arguments: &[&str]| -> Value {
        let arguments = [arguments, &["--json"]].concat();
        serde_json::from_str(&output("retrieve", folder, &arguments).0).unwrap()
    };
    let found = changed(&["add", "photos.index", "photos", "tree/blue"]);
    let figures = |found: &Value| {
        ["new", "renewed", "unchanged", "removed", "images"].map(|name| found[name].clone())
    };
    assert_eq!(figures(&found), [2, 0, 3, 0, 5].map(Value::from));
    fs::remove_file(folder.join("tree/blue/d.png")).unwrap();
    let found = changed(&["remove", "photos.index", "--gone"]);
    assert_eq!(figures(&found), [0, 0, 0, 1, 4].map(Value::from));
    let found = changed(&["remove", "photos.index", "tree"]);
    assert_eq!(figures(&found), [0, 0, 0, 1, 3].map(Value::from));
    let text = error("retrieve", folder, &["remove", "photos.index"]);
    assert!(text.contains("nothing to remove"), "{text}");

    // The weights are changed: the index is of others.
    let weights = folder.join("weights.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    let text = error("retrieve", folder, &search);
    assert!(text.contains("was made with weights"), "{text}");
}

/// Whatever moment it is killed at, there is an index that opens: the old one or the new one.
#[test]
fn an_index_survives_a_kill() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    prepare(folder);
    let index = ["index", "photos/n00000007_a.jpg", "--out", "photos.index"];
    let started = Instant::now();
    output("retrieve", folder, &[&index[..], &MODEL].concat());
    let took = started.elapsed();
    let old = fs::read(folder.join("photos.index")).unwrap();
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("retrieve");
    let (moments, mut sizes) = (12, Vec::new());
    for moment in 0..moments {
        fs::write(folder.join("photos.index"), &old).unwrap();
        let mut command = process::Command::new(&program);
        command.current_dir(folder).args(["add", "photos.index", "photos"]);
        let nothing = process::Stdio::null;
        let mut child = command.stdout(nothing()).stderr(nothing()).spawn().unwrap();
        std::thread::sleep(took * moment / (moments - 2));
        child.kill().unwrap();
        child.wait().unwrap();
        sizes.push(Index::open(&folder.join("photos.index")).unwrap().paths().len());
    }
    assert!(sizes.iter().all(|size| [1, 3].contains(size)), "{sizes:?}");
}

/// Twelve pictures each of two colours, a folder a colour, and a file that is none.
fn two_colours(folder: &Path) {
    for (class, colour) in [("blue", [40u8, 40, 200]), ("red", [200, 40, 40])] {
        let data = folder.join("data").join(class);
        fs::create_dir_all(&data).unwrap();
        for at in 0..12u8 {
            let pixels = colour.map(|value| value + at).repeat(16 * 16);
            let png = Picture::new(16, 16, pixels).unwrap().to_png().unwrap();
            fs::write(data.join(format!("{at}.png")), png).unwrap();
        }
    }
    fs::write(folder.join("data/red/notes.png"), "no picture").unwrap();
}

#[test]
fn a_folder_of_pictures_becomes_a_model_that_the_other_verbs_open() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    two_colours(folder);
    let train = ["train", "--data", "data", "--side", "16", "--batch-size", "8", "--epochs", "8"];
    let run = [&train[..], &["--flip", "--out", "run", "--json", "--threads", "1"]].concat();
    let (json, notes) = output("classify", folder, &run);
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(found["metrics"]["dev accuracy"], 1.0, "{json}");
    assert!(notes.contains("left out: 1") && notes.contains("data/red/notes.png: is no picture"));
    let report = fs::read_to_string(folder.join("run/report.html")).unwrap();
    assert!(report.contains("Conv-4 on data, 2 classes") && report.contains("Confusion"));
    assert!(error("classify", folder, &run).contains("run holds a training run already"));

    let model = ["--model", "run/model"];
    let predict = [&["predict", "data/red/3.png", "--json"], &model[..]].concat();
    let found: Value = serde_json::from_str(&output("classify", folder, &predict).0).unwrap();
    assert_eq!(found["top"][0]["name"], "red");
    let eval = [&["eval", "--data", "data", "--json"], &model[..]].concat();
    let found: Value = serde_json::from_str(&output("classify", folder, &eval).0).unwrap();
    assert_eq!((&found["images"], &found["top1"]), (&24.into(), &24.into()));
    let (text, _) = output("classify", folder, &[&["inspect"], &model[..]].concat());
    assert!(text.contains("network          Conv-4") && text.contains("batch norm"), "{text}");
    assert!(text.contains("embedding        pool4") && text.contains("data             data"));
    let index = [&["index", "data", "--out", "data.index"], &model[..]].concat();
    let (text, _) = output("retrieve", folder, &index);
    assert!(text.starts_with("24 photographs by Conv-4 pool4"), "{text}");
    let search = ["search", "data.index", "data/blue/5.png", "--json"];
    let found: Value = serde_json::from_str(&output("retrieve", folder, &search).0).unwrap();
    let of_blue = |one: &Value| one["path"].as_str().unwrap().contains("/blue/");
    assert!(found["neighbours"].as_array().unwrap().iter().all(of_blue), "{found}");

    let export = ["export", "--out", "x.safetensors"];
    let text = error("classify", folder, &[&export[..], &model].concat());
    assert!(text.contains("torchvision has no Conv-4"), "{text}");

    let (text, _) = output("classify", folder, &[&train[..], &["--dry-run"]].concat());
    assert!(text.contains("fc5.weight"), "{text}");
    let wrong = ["train", "--data", "data", "--side", "0", "--out", "b"];
    let wrong = error("classify", folder, &wrong);
    assert!(wrong.lines().last() == Some("error: crop is 0, expected 1 to 16384"), "{wrong}");
    fs::write(folder.join("data.csv"), "data/red/1.png\n").unwrap();
    let text = error("classify", folder, &["train", "--data", "data.csv", "--out", "c"]);
    assert!(text.contains("data.csv: line 1: has the columns"), "{text}");
}

/// What `exported.py` of conv-vision compares with torchvision's own answers.
#[test]
fn a_model_for_torchvision_opens_here_too() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    two_colours(folder);
    let train = ["train", "--data", "data", "--architecture", "resnet18", "--side", "32"];
    let more = ["--batch-size", "8", "--epochs", "1", "--out", "run", "--threads", "1"];
    output("classify", folder, &[&train[..], &more].concat());
    let export = ["export", "--model", "run/model", "--out", "x.safetensors"];
    let (text, _) = output("classify", folder, &export);
    assert_eq!(text.trim(), "torchvision.models.resnet18(num_classes=2): x.safetensors");
    let answer = |model: &str| {
        let predict = ["predict", "data/red/3.png", "--json", "--model", model];
        output("classify", folder, &predict).0
    };
    assert_eq!(answer("run/model"), answer("x.safetensors"));
}

#[test]
fn the_tour_names_pictures_and_finds_their_like() {
    let place = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = place.path().to_str().unwrap();
    let tour = |more: &[&str]| output("tour", root, &[&["vision", "--out", out], more].concat()).0;
    let found: Value = serde_json::from_str(&tour(&["--json"])).unwrap();
    assert!(found.get("sentences").is_none() && found.get("translations").is_none());
    let pictures = &found["pictures"];
    let right = pictures["right"].as_u64().unwrap();
    let crops = pictures["crops"].as_u64().unwrap();
    assert!(crops == 48 && right > 40, "{right} of {crops}");
    let rows = pictures["neighbours"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["neighbours"].as_array().unwrap().len() == 6));
    assert!(tour(&[]).contains(&format!("{right} of {crops} held-out crops right")));
    let report = fs::read_to_string(place.path().join("report.html")).unwrap();
    assert!(report.contains("data:image/png;base64,") && report.contains("Sample pictures"));
}

#[test]
fn what_cannot_be_done_is_one_line() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    prepare(folder);
    let classify = |arguments: &[&str]| error("classify", folder, arguments);
    let text = classify(&["predict", "photos"]);
    assert!(text.contains("--model") && text.contains("CONVOKE_DATA"), "{text}");
    let text = classify(&[&["predict", "photos/notes.jpg"], &MODEL[..]].concat());
    assert!(text.starts_with("error: photos/notes.jpg: is no picture"), "{text}");
    let text = classify(&[&["predict", "nowhere.jpg"], &MODEL[..]].concat());
    assert!(text.contains("nowhere.jpg: cannot be read"), "{text}");
    fs::write(folder.join("few.txt"), "one\ntwo\n").unwrap();
    let text =
        classify(&[&["eval", "--data", "photos", "--labels", "few.txt"], &MODEL[..]].concat());
    assert!(text.contains("few.txt names 2 classes, expected 1000"), "{text}");
    let text = error("retrieve", folder, &["search", "synset_words.txt", "photos"]);
    assert!(text.contains("synset_words.txt"), "{text}");
}
