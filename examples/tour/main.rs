//! What the house can do, in seconds, from what ships with it: one section a task.
//!
//!     cargo run --release --example tour

mod sentence;
mod speech;
mod translation;

use anyhow::{Context, Result, bail};
use clap::Parser;
use conv_train::report::{Environment, Report};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Classifies and translates sample sentences and writes down sample recordings with the shipped models, shows which words decided, what
/// was read and what was heard, and writes an HTML report.
#[derive(Parser)]
#[command(name = "tour", version)]
struct Arguments {
    #[command(flatten)]
    common: conv_cli::Common,
    /// Folder of what ships with the repository
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Where the report goes
    #[arg(long, default_value = "runs/tour")]
    out: PathBuf,
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let begun = Instant::now();
        let device = arguments.common.start()?;
        let report = Report::new("Tour", "What the shipped models say of sample inputs");
        let data = shipped(&arguments.data)?;
        let (sentences, report) = sentence::section(&data, &device, report)?;
        let (translations, report) = translation::section(&data, &device, report)?;
        let (recordings, report) = speech::section(&data, &device, report)?;
        let environment = Environment {
            commit: conv_cli::commit(&[]),
            ..Environment::collect(begun.elapsed().as_secs_f64())
        };
        std::fs::create_dir_all(&arguments.out)
            .with_context(|| format!("creating {}", arguments.out.display()))?;
        let report_file = arguments.out.join("report.html");
        report.environment(&environment).write(&report_file)?;
        let seconds = begun.elapsed().as_secs_f64();
        let tour = Tour { sentences, translations, recordings, seconds, report: report_file };
        conv_cli::print(arguments.common.json, &tour)
    })
}

/// What the sections found.
#[derive(Debug, Serialize)]
struct Tour {
    sentences: sentence::Sentences,
    translations: translation::Translations,
    recordings: speech::Speech,
    seconds: f64,
    report: PathBuf,
}

impl fmt::Display for Tour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sentences, translations, recordings, seconds, report } = self;
        let report = report.display();
        write!(
            f,
            "{sentences}\n\n{translations}\n\n{recordings}\n\n{seconds:.1} s; the report, to open in a browser: {report}"
        )
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
