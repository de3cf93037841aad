//! What experiments do alike: their flags, where their results are kept, and the order of things.

use crate::cells::{Cell, Cells};
use anyhow::{Result, bail};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde::Serialize;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

#[derive(Debug, Args)]
pub struct Flags {
    /// Run again what has been run
    #[arg(long)]
    pub again: bool,
    /// Print what there is and run nothing
    #[arg(long)]
    print: bool,
    /// A small version, run here and now
    #[arg(long)]
    pub quick: bool,
    /// Where results are kept [default: docs/results/NAME.jsonl, with --quick
    /// runs/NAME-quick.jsonl]
    #[arg(long)]
    cells: Option<PathBuf>,
    /// Write what the PyTorch twin needs to train the same to this folder, and train nothing
    #[arg(long, group = "job")]
    export: Option<PathBuf>,
    /// Time so many training steps of what is asked for first
    #[arg(long, group = "job", value_parser = RangedU64ValueParser::<u64>::new().range(1..=100_000))]
    speed: Option<u64>,
}

impl Flags {
    /// The results of the experiment `name`.
    pub fn cells<C: Cell>(&self, name: &str) -> Result<Cells<C>> {
        let kept = if self.quick {
            format!("runs/{name}-quick.jsonl")
        } else {
            format!("docs/results/{name}.jsonl")
        };
        Cells::open(self.cells.as_deref().unwrap_or(Path::new(&kept)))
    }
}

/// An experiment of a paper, with its results so far.
pub trait Experiment {
    /// Its table, which prints what has not been run as not run.
    type Table: Display + Serialize;
    /// What timing came to.
    type Speed: Display + Serialize;

    /// Writes what a twin in PyTorch needs to train the same to `folder`; most have none that trains.
    fn export(&self, _folder: &Path) -> Result<()> {
        bail!("--export: this experiment has no twin in PyTorch that trains")
    }

    /// Times so many steps.
    fn speed(&self, steps: u64) -> Result<Self::Speed>;

    /// Runs what is missing and keeps each result as it comes. `stop` becomes true when it is to
    /// stop.
    fn complete(&mut self, stop: &'static AtomicBool) -> Result<()>;

    /// The table of what is kept.
    fn table(&self) -> Result<Self::Table>;
}

/// Does what the flags say.
pub fn run(
    mut experiment: impl Experiment,
    flags: &Flags,
    common: &conv_cli::Common,
) -> Result<()> {
    if let Some(folder) = &flags.export {
        return experiment.export(folder);
    }
    if let Some(steps) = flags.speed {
        return conv_cli::print(common.json, &experiment.speed(steps)?);
    }
    if !flags.print {
        experiment.complete(conv_cli::stop_on_signal()?)?;
    }
    conv_cli::print(common.json, &experiment.table()?)
}

/// The folder of the data sets, which `wanted` is to be run on.
pub fn data_folder(data: &Option<PathBuf>, wanted: impl Display) -> Result<&Path> {
    let Some(folder) = data else {
        bail!(
            "{wanted} is to be run, but neither --data nor CONVOKE_DATA says where the data is (docs/datasets.md)"
        );
    };
    Ok(folder)
}

/// The commit that runs, as cells name it.
pub fn commit() -> String {
    conv_cli::commit(&["crates", "examples/repro"]).unwrap_or_else(|| "unknown".into())
}
