//! What Convoke can do, in seconds, from what ships with it: one section a task.
//!
//!     cargo run --release --example tour
//!     cargo run --release --example tour -- vision

mod clevr;
mod detection;
mod dialog;
mod lens;
mod reasoning;
mod sentence;
mod speech;
mod style;
mod translation;
mod vision;

use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::{Parser, ValueEnum};
use conv_train::report::{Environment, Report};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Shows each task at work on what ships with the repository: sentences classified and translated,
/// recordings written down, pictures named, scenes taken apart, made and asked about, a drawing
/// painted in two styles, units of a network made visible, two agents that invent a language.
/// Writes an HTML report.
#[derive(Parser)]
#[command(name = "tour", version)]
struct Arguments {
    /// One part alone [default: all]
    part: Option<Part>,
    #[command(flatten)]
    common: conv_cli::Common,
    /// Folder of what ships with the repository
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Where the report goes
    #[arg(long, default_value = "runs/tour")]
    out: PathBuf,
}

/// A section of the tour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Sentence,
    Translation,
    Speech,
    Vision,
    Detection,
    Reasoning,
    Clevr,
    Style,
    Lens,
    Dialog,
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let begun = Instant::now();
        let device = arguments.common.start()?;
        let mut report = Report::new("Tour", "What the shipped models say of sample inputs");
        let data = shipped(&arguments.data)?;
        let mut sections = Vec::new();
        for (part, name, run) in PARTS {
            if arguments.part.is_none_or(|only| only == part) {
                let (found, longer) = run(&data, &device, report)?;
                report = longer;
                sections.push((name, found));
            }
        }
        let environment = Environment {
            commit: conv_cli::commit(&[]),
            ..Environment::collect(begun.elapsed().as_secs_f64())
        };
        std::fs::create_dir_all(&arguments.out)
            .with_context(|| format!("creating {}", arguments.out.display()))?;
        let report_file = arguments.out.join("report.html");
        report.environment(&environment).write(&report_file)?;
        let seconds = begun.elapsed().as_secs_f64();
        conv_cli::print(arguments.common.json, &Tour { sections, seconds, report: report_file })
    })
}

/// A part with the name of what it finds in JSON, in the order in which they are shown.
const PARTS: [(Part, &str, Section); 10] = [
    (Part::Sentence, "sentences", |data, device, report| {
        found(sentence::section(data, device, report))
    }),
    (Part::Translation, "translations", |data, device, report| {
        found(translation::section(data, device, report))
    }),
    (Part::Speech, "recordings", |data, device, report| {
        found(speech::section(data, device, report))
    }),
    (Part::Vision, "pictures", |data, device, report| found(vision::section(data, device, report))),
    (Part::Detection, "scenes", |data, device, report| {
        found(detection::section(data, device, report))
    }),
    (Part::Reasoning, "reasoning", |data, device, report| {
        found(reasoning::section(data, device, report))
    }),
    (Part::Clevr, "made", |data, device, report| found(clevr::section(data, device, report))),
    (Part::Style, "styles", |data, device, report| found(style::section(data, device, report))),
    (Part::Lens, "units", |data, device, report| found(lens::section(data, device, report))),
    (Part::Dialog, "dialog", |data, device, report| found(dialog::section(data, device, report))),
];

/// Runs a part and adds what it found to the report.
type Section = fn(&Path, &Device, Report) -> Result<(Found, Report)>;

/// What a part found, as JSON and as text.
struct Found {
    json: Value,
    text: String,
}

fn found<T: Serialize + fmt::Display>(section: Result<(T, Report)>) -> Result<(Found, Report)> {
    let (found, report) = section?;
    Ok((Found { json: serde_json::to_value(&found)?, text: found.to_string() }, report))
}

/// What all parts found.
struct Tour {
    sections: Vec<(&'static str, Found)>,
    seconds: f64,
    report: PathBuf,
}

impl Serialize for Tour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, found) in &self.sections {
            map.serialize_entry(name, &found.json)?;
        }
        map.serialize_entry("seconds", &self.seconds)?;
        map.serialize_entry("report", &self.report)?;
        map.end()
    }
}

impl fmt::Display for Tour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (_, found) in &self.sections {
            writeln!(f, "{}\n", found.text)?;
        }
        let report = self.report.display();
        write!(f, "{:.1} s; the report, to open in a browser: {report}", self.seconds)
    }
}

/// The folder of shipped models and samples. The package on the registry leaves it out.
fn shipped(folder: &Path) -> Result<PathBuf> {
    if folder.join("models").is_dir() && folder.join("samples").is_dir() {
        return Ok(folder.into());
    }
    bail!(
        "{} holds no models/ and samples/: they come with the repository, not with the package; run the tour in a clone of it, or name its data folder by --data",
        folder.display()
    )
}
