//! The program `style` from outside, on weights by no training and pictures made here.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use candle_core::{DType, Device};
use convoke::nn::{Init, Parameters};
use convoke::vision::{Architecture, Picture};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn program(folder: &Path, arguments: &[&str]) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("style");
    assert!(program.exists(), "build it first: cargo build --example style");
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).env_remove("CONVOKE_DATA");
    command
}

fn output(folder: &Path, arguments: &[&str]) -> String {
    let assert = program(folder, arguments).assert().success();
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&output(folder, &[arguments, &["--json"]].concat())).unwrap()
}

fn error(folder: &Path, arguments: &[&str]) -> String {
    let assert = program(folder, arguments).assert().code(1);
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

/// SqueezeNet with drawn weights, four photographs with a text among them, and four paintings.
fn prepare(folder: &Path) {
    let parameters = Parameters::new(1);
    let vb = parameters.builder(DType::F32, &Device::Cpu);
    for (name, shape) in Architecture::SqueezeNet.parameters().unwrap() {
        let fan_in: usize = shape[1..].iter().product();
        let init = Init::Normal { mean: 0.0, std: (2.0 / fan_in as f64).sqrt() };
        vb.get_with_hints(shape, &name, init).unwrap();
    }
    let path = folder.join("weights.safetensors");
    convoke::hub::files::write_safetensors(&path, &parameters.tensors()).unwrap();
    fs::create_dir_all(folder.join("photos")).unwrap();
    let save = |name: &str, width: usize, height: usize, of: &dyn Fn(usize, usize) -> [u8; 3]| {
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| of(x, y)));
        let picture = Picture::new(width, height, pixels.collect()).unwrap();
        fs::write(folder.join(name), picture.to_png().unwrap()).unwrap();
    };
    for number in 0..4usize {
        let of = |x: usize, y: usize| {
            [x * 4 + number * 30, y * 4, (x + y) * 2].map(|value| (value % 256) as u8)
        };
        save(&format!("photos/{number}.png"), 60, 44, &of);
    }
    fs::write(folder.join("photos/notes.jpg"), "no picture").unwrap();
    save("stripes.png", 50, 40, &|x, _| if x % 6 < 3 { [240, 40, 40] } else { [20, 20, 90] });
    save("dots.png", 44, 44, &|x, y| if x % 8 < 3 && y % 8 < 3 { [200, 0, 200] } else { [230; 3] });
    save("lines.png", 44, 44, &|_, y| if y % 7 < 2 { [0; 3] } else { [250, 220, 0] });
    save("the checks.png", 40, 50, &|x, y| {
        if (x / 4 + y / 4) % 2 == 0 { [250; 3] } else { [0, 90, 0] }
    });
}

const LOSSES: [&str; 2] = ["--loss-network", "weights.safetensors"];

#[test]
fn a_photograph_is_painted_by_descent() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    prepare(folder);
    let paint = |more: &[&'static str]| {
        let arguments =
            ["paint", "photos/1.png", "--style", "stripes.png", "--size", "48", "--steps", "6"];
        [&arguments, &LOSSES[..], more].concat()
    };
    let text = output(folder, &paint(&["--out", "o.png"]));
    assert!(
        text.starts_with("o.png: 48 × 36 pixels\nloss ") && text.contains("in 6 steps"),
        "{text}"
    );
    let page = fs::read_to_string(folder.join("runs/style.html")).unwrap();
    assert!(
        page.contains("style term: textures of the lower layers")
            && page.contains("data:image/png;base64,")
    );
    for outside in ["http:", "https:", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let found = json(folder, &paint(&["--out", "p.png", "--start", "noise", "--threads", "1"]));
    let loss = |at: &str| found[at]["loss"].as_f64().unwrap();
    assert!(loss("end") < 0.8 * loss("start"), "{found}");
    assert_eq!((&found["ended"], found.get("page")), (&"completed".into(), None));
    // The same bits for any number of threads.
    json(folder, &paint(&["--out", "q.png", "--start", "noise", "--threads", "2"]));
    assert_eq!(fs::read(folder.join("p.png")).unwrap(), fs::read(folder.join("q.png")).unwrap());

    // A loss that is not finite: the picture that there was, the step, and an exit status.
    let text = error(folder, &paint(&["--out", "r.png", "--style-weight", "1e38"]));
    assert!(
        text.contains("error: the loss at step 1 is ") && text.contains("r.png holds the picture"),
        "{text}"
    );
    assert!(folder.join("r.png").exists());
    let text = error(folder, &paint(&["--out", "r.jpg"]));
    assert!(text.contains("expected a name that ends in .png"), "{text}");
    let text = error(folder, &paint(&["--out", "none/r.png"]));
    assert!(text.contains("there is no folder none"), "{text}");
    let text = error(
        folder,
        &[
            "paint",
            "photos/1.png",
            "--style",
            "stripes.png",
            "--out",
            "s.png",
            "--size",
            "20",
            LOSSES[0],
            LOSSES[1],
        ],
    );
    assert!(text.contains("is too small: of fire7/concat has 0"), "{text}");
    let text =
        error(folder, &["paint", "photos/1.png", "--style", "stripes.png", "--out", "s.png"]);
    assert!(text.starts_with("error: no loss network"), "{text}");
}

#[test]
fn a_bank_is_trained_and_paints() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    prepare(folder);
    let train = |more: &[&'static str]| {
        let arguments = [
            "train",
            "--data",
            "photos",
            "--style",
            "stripes.png",
            "--style",
            "the checks.png",
            "--crop",
            "48",
            "--epochs",
            "3",
            "--batch-size",
            "1",
        ];
        [&arguments, &LOSSES[..], more].concat()
    };
    let plan = json(folder, &train(&["--dry-run"]));
    assert!(plan.to_string().contains("bank.the_checks.2.weight"), "{plan}");
    let run = json(folder, &train(&["--out", "run", "--half"]));
    assert_eq!(run["steps"], 9);
    for metric in ["dev content", "dev style", "dev psnr"] {
        assert!(run["metrics"][metric].as_f64().unwrap().is_finite(), "{metric}");
    }
    let page = fs::read_to_string(folder.join("run/report.html")).unwrap();
    assert!(page.contains("Held-out photographs in every style") && page.contains("the_checks"));
    let card = fs::read_to_string(folder.join("run/model/README.md")).unwrap();
    assert!(card.contains("StyleBank of stripes, the_checks"));

    let apply =
        |more: &[&'static str]| [&["apply", "photos/2.png", "--model", "run/model"], more].concat();
    let text = output(folder, &apply(&["--style", "stripes", "--out", "a.png"]));
    assert!(text.starts_with("a.png: 60 × 44 pixels in 1 stripes, "), "{text}");
    let mixed = json(
        folder,
        &apply(&["--mix", "stripes=0.5,the_checks=0.5", "--size", "30", "--out", "b.png"]),
    );
    assert_eq!(
        (&mixed["width"], &mixed["mixture"]),
        (&30.into(), &"0.5 stripes + 0.5 the_checks".into())
    );
    output(folder, &apply(&["--style", "the_checks", "--out", "c.png"]));
    assert_ne!(fs::read(folder.join("a.png")).unwrap(), fs::read(folder.join("c.png")).unwrap());
    let text = error(folder, &apply(&["--style", "sea", "--out", "d.png"]));
    assert!(text.contains("there is no style \"sea\", only stripes, the_checks"), "{text}");
    let text = output(folder, &["inspect", "--model", "run/model"]);
    assert!(text.contains("styles           stripes, the_checks"), "{text}");

    let text = error(folder, &train(&["--out", "run"]));
    assert!(text.contains("holds a training run already"), "{text}");
}

#[test]
fn a_style_is_added_and_the_others_keep_every_bit() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    prepare(folder);
    let learn = |first: &[&'static str], more: &[&'static str]| {
        let common = ["--data", "photos", "--crop", "48", "--epochs", "2"];
        [first, &common, &LOSSES[..], more].concat()
    };
    let bank = ["train", "--style", "stripes.png", "--style", "the checks.png"];
    json(folder, &learn(&bank, &["--out", "run", "--half"]));
    let add = ["add", "dots.png", "--model", "run/model"];
    let run = json(folder, &learn(&add, &["--out", "more", "--style-weight", "0.5"]));
    // Encoder and decoder are not taught any more, and so not measured.
    let metrics: Vec<&String> = run["metrics"].as_object().unwrap().keys().collect();
    assert_eq!(metrics, ["dev content", "dev loss", "dev style"]);

    let [before, after] = ["run", "more"].map(|run| {
        let path = folder.join(run).join("model/model.safetensors");
        convoke::hub::read_safetensors(&path, Some(DType::F32)).unwrap()
    });
    assert_eq!(after.len(), before.len() + 8);
    let bits = |tensor: &candle_core::Tensor| {
        let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    for (name, tensor) in &before {
        assert_eq!(bits(tensor), bits(&after[name]), "{name}");
    }
    for (name, style) in [("a", "stripes=1"), ("b", "stripes=0.5,the_checks=0.5")] {
        let painted = ["run", "more"].map(|run| {
            let model = format!("{run}/model");
            let out = format!("{name}-{run}.png");
            let to = ["--model", &model, "--mix", style, "--out", &out];
            output(folder, &[&["apply", "photos/2.png"], &to[..]].concat());
            fs::read(folder.join(out)).unwrap()
        });
        assert!(painted[0] == painted[1], "{style}");
    }
    let mix = ["--mix", "dots=0.5,stripes=0.5", "--out", "c.png"];
    output(folder, &[&["apply", "photos/2.png", "--model", "more/model"], &mix[..]].concat());
    let training = fs::read_to_string(folder.join("more/model/training.json")).unwrap();
    let training: Value = serde_json::from_str(&training).unwrap();
    assert_eq!(training["start"]["styles"], serde_json::json!(["stripes", "the_checks"]));
    assert_eq!(training["recipe"]["losses"]["style_weight"], 0.5);
    let card = fs::read_to_string(folder.join("more/model/README.md")).unwrap();
    assert!(card.contains("Paintings: dots, added to a bank of stripes, the_checks"), "{card}");

    // A bank that was added to is added to.
    let again = ["add", "lines.png", "--model", "more/model"];
    json(folder, &learn(&again, &["--out", "most"]));
    let again = ["add", "dots.png", "--model", "most/model"];
    let text = error(folder, &learn(&again, &["--out", "x"]));
    assert!(text.contains("styles is \"dots\", expected each name once"), "{text}");
    // In full precision: half would round what is to keep every bit.
    let text = error(
        folder,
        &learn(&["add", "lines.png", "--model", "more/model"], &["--out", "x", "--half"]),
    );
    assert!(text.contains("--half: more/model is stored in full precision"), "{text}");
    let again = ["add", "dots.png", "--model", "photos"];
    let text = error(folder, &learn(&again, &["--out", "x"]));
    assert!(text.contains("config.json"), "{text}");
}

/// Johnson et al. (2016): one style, and no step of the auto-encoder.
#[test]
fn a_single_style_network_is_a_bank_of_one_without_the_auto_encoder() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    prepare(folder);
    let arguments = ["train", "--style", "stripes.png", "--single"];
    let common = ["--data", "photos", "--crop", "48", "--epochs", "2", "--out", "run"];
    let run = json(folder, &[&arguments[..], &common, &LOSSES].concat());
    let metrics: Vec<&String> = run["metrics"].as_object().unwrap().keys().collect();
    assert_eq!(metrics, ["dev content", "dev loss", "dev style"]);
    assert_eq!(run["parameters"], 200_835 + 295_680);
    output(folder, &["apply", "photos/2.png", "--model", "run/model", "--out", "a.png"]);
    let inspected = json(folder, &["inspect", "--model", "run/model"]);
    assert!(inspected.to_string().contains("stripes"), "{inspected}");

    // One style means one, and the weight that it sets is not set twice.
    let more = [&arguments[..], &["--style", "dots.png"], &common, &LOSSES].concat();
    let text = error(folder, &more);
    assert!(text.contains("--single takes one painting, and 2 are named"), "{text}");
    let twice = [&arguments[..], &["--reconstruction-weight", "1"], &common].concat();
    program(folder, &twice).assert().code(2);
}

#[test]
fn a_bank_is_compared_with_the_descent() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    prepare(folder);
    let train = ["train", "--style", "stripes.png", "--style", "the checks.png", "--out", "run"];
    let common = ["--data", "photos", "--crop", "48", "--epochs", "1"];
    output(folder, &[&train[..], &common, &LOSSES].concat());
    fs::create_dir(folder.join("styles")).unwrap();
    for name in ["stripes.png", "the checks.png", "dots.png"] {
        fs::copy(folder.join(name), folder.join("styles").join(name)).unwrap();
    }
    let eval = |contents: &'static str, styles: &'static str, more: &[&'static str]| {
        let arguments =
            ["eval", "--contents", contents, "--styles", styles, "--model", "run/model"];
        [&arguments[..], &["--size", "48", "--evaluations", "6"], &LOSSES, more].concat()
    };
    let found = json(folder, &eval("photos", "styles", &["--limit", "3", "--page", "e.html"]));
    // Of each photograph all styles of the bank; the third painting is none.
    let each = found["each"].as_array().unwrap();
    let pairs: Vec<_> = each.iter().map(|pair| (&pair["photograph"], &pair["style"])).collect();
    let expected = [("0.png", "stripes"), ("0.png", "the_checks"), ("1.png", "stripes")];
    assert!(pairs.iter().zip(expected).all(|((a, b), (c, d))| (**a == c) && (**b == d)));
    assert_eq!(pairs.len(), 3);
    let mut falls: Vec<f64> = Vec::new();
    for pair in each {
        let loss = |of: &str| pair[of]["loss"].as_f64().unwrap();
        let fall = (loss("start") - loss("bank")) / (loss("start") - loss("gatys"));
        assert!((pair["fall"].as_f64().unwrap() - fall).abs() < 1e-9);
        assert!(loss("gatys") < loss("start") && pair["evaluations"].as_u64().unwrap() >= 6);
        falls.push(fall);
    }
    falls.sort_by(f64::total_cmp);
    assert_eq!(found["fall"].as_f64(), Some(falls[1]));
    for way in ["bank", "gatys"] {
        assert!(found["seconds"][way].as_f64().unwrap() > 0.0);
    }
    let page = fs::read_to_string(folder.join("e.html")).unwrap();
    assert!(page.contains("Gatys et al.") && page.contains("alt=\"the_checks\""));

    // Beside a network of one of the styles.
    let alone = ["train", "--style", "stripes.png", "--single", "--out", "alone"];
    output(folder, &[&alone[..], &common, &LOSSES].concat());
    let more = ["--limit", "2", "--single", "alone/model", "--page", "s.html"];
    let found = json(folder, &eval("photos", "styles", &more));
    let each = found["each"].as_array().unwrap();
    assert_eq!((each.len(), found["single_pairs"].as_u64()), (2, Some(1)));
    let ratio =
        each[0]["bank"]["style"].as_f64().unwrap() / each[0]["single"]["style"].as_f64().unwrap();
    assert!((found["style_of_single"].as_f64().unwrap() - ratio).abs() < 1e-9 && ratio != 1.0);
    assert!(each[1].get("single").is_none() && found["seconds"]["single"].as_f64().unwrap() > 0.0);
    let page = fs::read_to_string(folder.join("s.html")).unwrap();
    assert!(page.contains("A network of this style alone"));
    let text = error(folder, &eval("photos", "styles", &["--single", "run/model"]));
    assert!(text.contains("--single run/model: a bank of 2 styles, expected one"), "{text}");
    let text =
        error(folder, &eval("photos", "styles/the checks.png", &["--single", "alone/model"]));
    assert!(text.contains("its style stripes is none of the_checks"), "{text}");

    // A painting of which the bank has no style, and a folder without a picture.
    let text = error(folder, &eval("photos", "dots.png", &[]));
    let expected = "dots, none of which is a style of the bank: stripes, the_checks; a picture is called as its style, as stripes.jpg";
    assert!(text.contains(expected), "{text}");
    fs::create_dir(folder.join("empty")).unwrap();
    for (contents, styles) in
        [("empty", "styles"), ("photos", "empty"), ("photos/notes.jpg", "styles")]
    {
        let text = error(folder, &eval(contents, styles, &[]));
        assert!(text.contains("no picture that can be read"), "{text}");
    }
    fs::copy(folder.join("stripes.png"), folder.join("empty/stripes.png")).unwrap();
    fs::copy(folder.join("stripes.png"), folder.join("styles/stripes.jpg")).unwrap();
    fs::create_dir(folder.join("styles/more")).unwrap();
    fs::copy(folder.join("dots.png"), folder.join("styles/more/stripes.png")).unwrap();
    let text = error(folder, &eval("photos", "styles", &[]));
    assert!(text.contains("several pictures are called stripes"), "{text}");
}

#[test]
fn a_descent_has_options() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    prepare(folder);
    let paint = |more: &[&'static str]| {
        let arguments = ["paint", "photos/1.png", "--style", "stripes.png", "--size", "48"];
        [&arguments, &LOSSES[..], more].concat()
    };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    // Pictures on the way; a stop and a second run come to the same bits.
    json(folder, &paint(&["--out", "a.png", "--steps", "6", "--every", "2"]));
    assert!(read("a-0002.png") != read("a-0004.png") && read("a-0004.png") != read("a.png"));
    let halves = ["--out", "b.png", "--checkpoint", "b.saved"];
    json(folder, &[&paint(&["--steps", "3"])[..], &halves].concat());
    json(folder, &[&paint(&["--steps", "6", "--resume"])[..], &halves].concat());
    assert!(read("a.png") == read("b.png"));
    let text = error(
        folder,
        &[&paint(&["--steps", "6", "--resume", "--style-scale", "0.8"])[..], &halves].concat(),
    );
    assert!(text.contains("settings.style_scale differs"), "{text}");

    // Two paintings, each in its half; Adam; two stages; the photograph's colours.
    let half = |left: bool| {
        let pixel = |at: usize| [if (at % 60 < 30) == left { 255 } else { 0 }; 3];
        let mask = Picture::new(60, 44, (0..60 * 44).flat_map(pixel).collect()).unwrap();
        fs::write(folder.join(format!("{left}.png")), mask.to_png().unwrap()).unwrap();
    };
    half(true);
    half(false);
    let two = ["--style", "dots.png", "--mask", "true.png", "--mask", "false.png"];
    let more = ["--style-weights", "1,2", "--optimizer", "adam", "--steps", "8", "--out", "c.png"];
    let found = json(folder, &[&paint(&two)[..], &more].concat());
    assert_eq!(found["end"]["evaluations"], 9);
    let text = error(folder, &[&paint(&two[..4])[..], &more].concat());
    assert!(text.contains("1 --mask for 2 paintings, expected one each, or none"), "{text}");
    let stages =
        ["paint", "photos/1.png", "--style", "stripes.png", "--size", "96", "--stages", "2"];
    let more = ["--steps", "2", "--colours", "luminance", "--out", "d.png"];
    let found = json(folder, &[&stages[..], &LOSSES, &more].concat());
    assert_eq!((&found["width"], &found["end"]["stage"]), (&96.into(), &2.into()));
    output(folder, &paint(&["--start", "a.png", "--steps", "1", "--out", "e.png"]));

    // A small painting is told, and works.
    let small = Picture::new(36, 33, vec![90; 3 * 36 * 33]).unwrap();
    fs::write(folder.join("small.png"), small.to_png().unwrap()).unwrap();
    let small = ["paint", "photos/1.png", "--style", "small.png", "--size", "48", "--steps", "2"];
    let small = [&small[..], &LOSSES, &["--out", "f.png"]].concat();
    let assert = program(folder, &small).assert().success();
    let text = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(text.contains("small.png: 36 × 33 pixels, fewer than the "), "{text}");
}

/// jcjohnson/neural-style #457: memory that runs out after minutes. Here it is told before.
#[test]
#[cfg(target_os = "linux")]
fn the_plan_tells_the_memory() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    prepare(folder);
    let paint = |more: &[&'static str]| {
        let arguments = ["paint", "photos/1.png", "--style", "stripes.png", "--threads", "2"];
        let size = ["--size", "256", "--steps", "4"];
        [&arguments[..], &size, &LOSSES, more].concat()
    };
    let plan = json(folder, &paint(&["--dry-run"]));
    let told = plan["memory"].as_f64().unwrap();
    assert!(!folder.join("o.png").exists() && plan["stages"][0]["width"] == 256);
    // The most that the program holds, as long as it lives.
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("style");
    let mut child = std::process::Command::new(program)
        .current_dir(folder)
        .args(paint(&["--out", "o.png", "--json"]))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut measured = 0.0f64;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(peak) =
            line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok())
        {
            measured = measured.max(peak * 1024.0);
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(folder.join("o.png").exists());
    let ratio = told / measured;
    assert!((0.85..1.15).contains(&ratio), "{told} told, {measured} measured: {ratio:.2}");
}

#[test]
fn regions_tiles_and_frames() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    prepare(folder);
    let train = ["train", "--style", "stripes.png", "--style", "the checks.png", "--out", "run"];
    let common = ["--data", "photos", "--crop", "48", "--epochs", "1"];
    output(folder, &[&train[..], &common, &LOSSES].concat());
    let apply = |more: &[&'static str]| {
        let arguments = ["apply", "photos/2.png", "--model", "run/model"];
        [&arguments, more].concat()
    };
    let pixels = |name: &str| {
        let bytes = fs::read(folder.join(name)).unwrap();
        Picture::decode(&bytes, &Default::default()).unwrap().pixels().to_vec()
    };
    let farthest = |a: &str, b: &str| {
        let (a, b) = (pixels(a), pixels(b));
        a.iter().zip(&b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
    };
    output(folder, &apply(&["--style", "stripes", "--out", "a.png"]));
    output(folder, &apply(&["--style", "the_checks", "--out", "b.png"]));
    output(folder, &apply(&["--style", "stripes", "--tile", "16", "--out", "tiles.png"]));
    assert!(farthest("a.png", "tiles.png") <= 1 && farthest("a.png", "b.png") > 1);

    // A mask that is white everywhere leaves nothing of the rest.
    let save = |name: &str, of: &dyn Fn(usize) -> u8| {
        let pixels = (0..30 * 22).flat_map(|at| [of(at % 30); 3]).collect();
        let mask = Picture::new(30, 22, pixels).unwrap();
        fs::write(folder.join(name), mask.to_png().unwrap()).unwrap();
    };
    save("white.png", &|_| 255);
    save("left.png", &|column| if column < 15 { 255 } else { 0 });
    save("black.png", &|_| 0);
    output(folder, &apply(&["--region", "the_checks=white.png", "--out", "c.png"]));
    assert!(farthest("b.png", "c.png") <= 1);
    let text = output(folder, &apply(&["--region", "the_checks=left.png", "--out", "d.png"]));
    assert!(text.contains("in 1 stripes, the_checks=left.png"), "{text}");
    assert!(farthest("d.png", "a.png") > 1 && farthest("d.png", "b.png") > 1);
    let text = error(folder, &apply(&["--region", "the_checks=black.png", "--out", "e.png"]));
    assert!(text.contains("all black"), "{text}");
    let text = error(folder, &apply(&["--region", "sea=left.png", "--out", "e.png"]));
    assert!(text.contains("no style \"sea\""), "{text}");
    let text = output(folder, &apply(&["--clusters", "stripes,the_checks", "--out", "f.png"]));
    assert!(text.contains("in stripes, the_checks by regions"), "{text}");
    output(
        folder,
        &apply(&["--clusters", "stripes,the_checks", "--threads", "1", "--out", "g.png"]),
    );
    assert_eq!(farthest("f.png", "g.png"), 0);

    // All of it on a page that needs nothing else.
    let text = output(folder, &["show", "photos/1.png", "photos/2.png", "--model", "run/model"]);
    assert!(
        text.starts_with("runs/stylebank.html: 2 photographs in stripes, the_checks"),
        "{text}"
    );
    let page = fs::read_to_string(folder.join("runs/stylebank.html")).unwrap();
    assert_eq!(page.matches("type=\"radio\"").count(), 9);
    assert!(page.contains("alt=\"stripes=0.75,the_checks=0.25\"") && page.contains("by regions"));
    for outside in ["http:", "https:", "url(", "<script"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let show = ["show", "photos/1.png", "--model", "run/model", "--between", "stripes"];
    assert!(error(folder, &show).contains("--between stripes: expected two styles, FROM,TO"));

    // A folder of frames: each as by itself, and what is none is told.
    let text = output(
        folder,
        &["apply", "photos", "--model", "run/model", "--style", "stripes", "--out", "frames"],
    );
    assert!(
        text.starts_with("frames: 4 frames in 1 stripes, ") && text.contains("1 left out"),
        "{text}"
    );
    assert_eq!(farthest("frames/2.png", "a.png"), 0);
    let none = ["apply", "empty", "--model", "run/model", "--out", "none"];
    fs::create_dir(folder.join("empty")).unwrap();
    assert!(error(folder, &none).contains("no frame that can be read"));
}
