//! A report in a real browser: no console error, no request, every picture drawn.
//!
//! Needs Chromium on the path (Debian's package `chromium`), or its name in `CHROMIUM`; without it
//! the test says so and passes.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use conv_train::metrics::Confusion;
use conv_train::report::{Environment, Html, Report};
use conv_train::{EvaluationRecord, Record, StepRecord};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const HOSTILE: &str = "<script>alert(1)</script><img src=http://leak.invalid/x onerror=alert(2)>";

fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"].map(PathBuf::from);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let on_path =
        |name: &PathBuf| std::env::split_paths(&folders).any(|folder| folder.join(name).is_file());
    let found = match std::env::var_os("CHROMIUM") {
        Some(program) => Some(PathBuf::from(program)),
        None => names.into_iter().find(on_path),
    };
    if found.is_none() {
        eprintln!("skipped: needs Chromium on the path, or its name in CHROMIUM");
    }
    found
}

/// What a page did.
struct Visit {
    /// The page's markup after it has loaded.
    dom: String,
    console: Vec<String>,
    /// What the page asked for.
    requests: Vec<String>,
}

fn visit(program: &Path, page: &Path) -> Visit {
    let profile = tempfile::tempdir().unwrap();
    let log = profile.path().join("network.json");
    let output = Command::new(program)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--allow-file-access-from-files", "--enable-logging=stderr", "--v=0"])
        .args(["--window-size=1280,1000", "--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().join("profile").display()))
        .arg(format!("--log-net-log={}", log.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    let network: NetworkLog = serde_json::from_slice(&std::fs::read(&log).unwrap()).unwrap();
    // What the browser asks for on its own account (updates, the time) has no origin.
    let of_a_page =
        |event: &Event| event.params.initiator.as_ref().is_some_and(|i| i != "not an origin");
    let requests =
        network.events.into_iter().filter(of_a_page).filter_map(|event| event.params.url);
    Visit {
        dom: String::from_utf8_lossy(&output.stdout).into_owned(),
        console: messages
            .lines()
            .filter(|line| line.contains(":CONSOLE"))
            .map(String::from)
            .collect(),
        requests: requests
            .filter(|url| !url.starts_with("file:") && !url.starts_with("data:"))
            .collect(),
    }
}

#[derive(Deserialize)]
struct NetworkLog {
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    params: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    url: Option<String>,
    initiator: Option<String>,
}

fn records() -> Vec<Record> {
    let step = |step: u64| {
        let noise = (step.wrapping_mul(2_654_435_761) % 1000) as f64 / 1000.0;
        Record::Step(StepRecord {
            step,
            epoch: (step / 170) as usize,
            loss: 0.2 + 0.5 * (-(step as f64) / 500.0).exp() + 0.12 * noise,
            learning_rate: 1.5e-4 * (step as f64 / 100.0).min(1.0),
            gradient_norm: 1.0 + noise,
            seconds: step as f64 / 50.0,
        })
    };
    let evaluation = |epoch: u64| {
        let accuracy = 0.81 - 0.3 * (-(epoch as f64) / 2.0).exp();
        Record::Evaluation(EvaluationRecord {
            step: epoch * 170,
            epoch: epoch as usize,
            metrics: BTreeMap::from([
                ("accuracy".into(), accuracy),
                ("loss".into(), 0.45 + 0.25 * (-(epoch as f64) / 2.0).exp() + 0.004 * epoch as f64),
            ]),
            improved: epoch < 8,
            seconds: epoch as f64 * 3.4,
        })
    };
    (1..=1700).map(step).chain((1..=10).map(evaluation)).collect()
}

fn report() -> Report {
    let mut confusion = Confusion::new(3);
    for (truth, predicted, count) in
        [(0, 0, 431), (0, 1, 88), (0, 2, 14), (1, 1, 402), (1, 0, 97), (2, 2, 61), (2, 0, 39)]
    {
        (0..count).for_each(|_| confusion.add(truth, predicted));
    }
    let sample = |text, label| vec![Html::text(text), Html::text(label), Html::text("0.93")];
    let rows = vec![
        sample("a gripping film that earns its tears", "positive"),
        sample("ein langer Abend <b>ohne</b> Ende & Ziel", "negative"),
        sample(HOSTILE, HOSTILE),
    ];
    let configuration = serde_json::json!({
        "seed": 1, "epochs": 25, "batching": { "size": { "examples": 50 }, "window": 50 },
        "optimizer": { "kind": "adadelta", "rho": 0.95, "epsilon": 1e-6 }, "clip_norm": null,
        "schedule": "a_name_of_a_setting_that_has_no_blank_at_which_a_line_might_be_broken",
    });
    Report::new("Sentence classification", "CNN-non-static on movie reviews, fold 3 of 10")
        .metrics([("accuracy", 0.8147), ("macro F1", 0.8071), ("loss", 0.4471)])
        .curves(&records())
        .unwrap()
        .confusion("test", &["negative", "positive", HOSTILE], &confusion)
        .samples(&["sentence", "label", "probability"], rows)
        .configuration(&configuration)
        .environment(&Environment::collect(34.2))
}

#[derive(Debug, Deserialize)]
struct Found {
    title: String,
    sections: usize,
    pictures: Vec<Picture>,
    active: usize,
    wider: bool,
    phone: Phone,
}

/// The page in a frame of 360 pixels.
#[derive(Debug, Deserialize)]
struct Phone {
    width: f64,
    wider: bool,
    /// Texts of pictures that do not lie within them.
    cut: Vec<String>,
    /// Tables of names and values of which one sees a part only.
    scrolls: usize,
    /// The height of the smallest text of the pictures, in pixels of the page.
    smallest: f64,
}

#[derive(Debug, Deserialize)]
struct Picture {
    width: f64,
    height: f64,
    curves: usize,
    labels: usize,
    painted: f64,
}

#[test]
fn a_report_opens_without_error_or_request_and_draws_its_pictures() {
    let Some(program) = chromium() else {
        return;
    };
    // A folder that stays, so that one can look at the page.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&folder).unwrap();
    report().write(&folder.join("report.html")).unwrap();
    std::fs::write(folder.join("inspect.html"), include_str!("reference/inspect.html")).unwrap();

    let visit = visit(&program, &folder.join("inspect.html"));
    assert_eq!(visit.console, Vec::<String>::new());
    assert_eq!(visit.requests, Vec::<String>::new());
    let json = visit.dom.split("FOUND").nth(1).and_then(|rest| rest.split("END").next());
    let found: Found = serde_json::from_str(json.unwrap_or(&visit.dom)).unwrap();
    assert_eq!((found.title.as_str(), found.sections), ("Sentence classification", 6));
    assert_eq!((found.active, found.wider), (0, false));
    assert_eq!(found.pictures.len(), 4);
    for picture in &found.pictures {
        assert!(picture.width > 300.0 && picture.height > 150.0, "{picture:?}");
        assert!(picture.curves >= 1 && picture.labels >= 6, "{picture:?}");
        assert!(picture.painted > 0.002, "{picture:?}");
    }
    assert!((330.0..=360.0).contains(&found.phone.width), "{:?}", found.phone);
    assert_eq!((&found.phone.cut[..], found.phone.scrolls), (&[][..], 0));
    assert!(!found.phone.wider && found.phone.smallest >= 9.0, "{:?}", found.phone);
}

#[test]
fn the_browser_would_have_told() {
    let Some(program) = chromium() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let body = "<!doctype html><img src=\"http://leak.invalid/x.png\"><script>console.error('seen')</script>";
    std::fs::write(&page, body).unwrap();
    let visit = visit(&program, &page);
    assert!(visit.console.iter().any(|line| line.contains("seen")), "{:?}", visit.console);
    assert!(visit.requests.iter().any(|url| url.contains("leak.invalid")), "{:?}", visit.requests);
}
