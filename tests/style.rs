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

/// SqueezeNet with drawn weights, four photographs with a text among them, and two paintings.
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
