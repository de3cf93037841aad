//! What the house can do, in seconds, from what ships with it: one section a task.
//!
//!     cargo run --release --example tour
//!     cargo run --release --example tour -- vision

mod detection;
mod reasoning;
mod sentence;
mod speech;
mod translation;
mod vision;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use conv_train::report::{Environment, Report};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Classifies and translates sample sentences, writes down sample recordings and names sample pictures and finds what is on sample
/// scenes and answers questions about one with the shipped models, shows which words decided, what was read, what was heard and which pictures are alike, and writes an HTML
/// report.
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
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let begun = Instant::now();
        let device = arguments.common.start()?;
        let report = Report::new("Tour", "What the shipped models say of sample inputs");
        let data = shipped(&arguments.data)?;
        let has = |part: Part| arguments.part.is_none_or(|only| only == part);
        let (sentences, report) = section(has(Part::Sentence), report, |report| {
            sentence::section(&data, &device, report)
        })?;
        let (translations, report) = section(has(Part::Translation), report, |report| {
            translation::section(&data, &device, report)
        })?;
        let (recordings, report) =
            section(has(Part::Speech), report, |report| speech::section(&data, &device, report))?;
        let (pictures, report) =
            section(has(Part::Vision), report, |report| vision::section(&data, &device, report))?;
        let (scenes, report) = section(has(Part::Detection), report, |report| {
            detection::section(&data, &device, report)
        })?;
        let (reasoning, report) = section(has(Part::Reasoning), report, |report| {
            reasoning::section(&data, &device, report)
        })?;
        let environment = Environment {
            commit: conv_cli::commit(&[]),
            ..Environment::collect(begun.elapsed().as_secs_f64())
        };
        std::fs::create_dir_all(&arguments.out)
            .with_context(|| format!("creating {}", arguments.out.display()))?;
        let report_file = arguments.out.join("report.html");
        report.environment(&environment).write(&report_file)?;
        let seconds = begun.elapsed().as_secs_f64();
        let tour = Tour {
            sentences,
            translations,
            recordings,
            pictures,
            scenes,
            reasoning,
            seconds,
            report: report_file,
        };
        conv_cli::print(arguments.common.json, &tour)
    })
}

/// A section, if it is asked for.
fn section<T>(
    is_wanted: bool,
    report: Report,
    run: impl FnOnce(Report) -> Result<(T, Report)>,
) -> Result<(Option<T>, Report)> {
    if !is_wanted {
        return Ok((None, report));
    }
    let (found, report) = run(report)?;
    Ok((Some(found), report))
}

/// What the sections found.
#[derive(Debug, Serialize)]
struct Tour {
    #[serde(skip_serializing_if = "Option::is_none")]
    sentences: Option<sentence::Sentences>,
    #[serde(skip_serializing_if = "Option::is_none")]
    translations: Option<translation::Translations>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recordings: Option<speech::Speech>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pictures: Option<vision::Pictures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scenes: Option<detection::Scenes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<reasoning::Reasoning>,
    seconds: f64,
    report: PathBuf,
}

impl fmt::Display for Tour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sentences,
            translations,
            recordings,
            pictures,
            scenes,
            reasoning,
            seconds,
            report,
        } = self;
        if let Some(sentences) = sentences {
            writeln!(f, "{sentences}\n")?;
        }
        if let Some(translations) = translations {
            writeln!(f, "{translations}\n")?;
        }
        if let Some(recordings) = recordings {
            writeln!(f, "{recordings}\n")?;
        }
        if let Some(pictures) = pictures {
            writeln!(f, "{pictures}\n")?;
        }
        if let Some(scenes) = scenes {
            writeln!(f, "{scenes}\n")?;
        }
        if let Some(reasoning) = reasoning {
            writeln!(f, "{reasoning}\n")?;
        }
        let report = report.display();
        write!(f, "{seconds:.1} s; the report, to open in a browser: {report}")
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
