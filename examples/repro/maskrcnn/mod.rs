//! He et al. (2017) in small: the slim network on CLEVR's objects, from nothing, on four fifths of
//! the rendered scenes; measured on the fifth that is held out, which chooses nothing.

mod cell;
mod table;

use crate::cells::Cells;
use crate::experiment::{self, Experiment, Flags, data_folder};
use crate::speed::Speed;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use cell::Cell;
use clap::Args;
use conv_detect::{Dataset, Limits, Recipe, Training};
use conv_train::{End, Event, Learner, Progress, Run, fit};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Epochs of the shipped model, and of `--quick`.
const WHOLE: usize = 40;
const QUICK: usize = 5;

/// The data within the folder of data sets.
const DATA: &str = "clevr/rendered";

#[derive(Debug, Args)]
pub struct Options {
    /// Folder of the run in progress: one that was stopped or killed goes on from its last
    /// checkpoint
    #[arg(long, default_value = "runs/maskrcnn")]
    out: PathBuf,
    #[command(flatten)]
    flags: Flags,
}

pub fn run(
    options: &Options,
    data: Option<PathBuf>,
    common: &conv_cli::Common,
    device: &Device,
) -> Result<()> {
    let flags = &options.flags;
    let seed = common.seed();
    let threads = common.threads()?;
    let epochs = if flags.quick { QUICK } else { WHOLE };
    let cells = flags.cells("maskrcnn")?;
    let experiment = MaskRcnn { options, data, device, cells, seed, epochs, threads, stop: None };
    experiment::run(experiment, flags, common)
}

struct MaskRcnn<'a> {
    options: &'a Options,
    data: Option<PathBuf>,
    device: &'a Device,
    cells: Cells<Cell>,
    seed: u64,
    epochs: usize,
    threads: usize,
    stop: Option<&'static AtomicBool>,
}

impl Experiment for MaskRcnn<'_> {
    type Table = table::Table;
    type Speed = Speed;

    fn speed(&self, steps: u64) -> Result<Speed> {
        Speed::of(&self.training()?, &self.recipe().fit, steps)
    }

    fn complete(&mut self, stop: &'static AtomicBool) -> Result<()> {
        self.stop = Some(stop);
        if self.kept().is_some() && !self.options.flags.again {
            return Ok(());
        }
        let cell = self.train()?;
        self.cells.keep(cell)
    }

    fn table(&self) -> Result<table::Table> {
        let is_whole = self.epochs == WHOLE;
        Ok(table::Table::new(self.kept(), self.seed, self.epochs, is_whole))
    }
}

impl MaskRcnn<'_> {
    fn kept(&self) -> Option<&Cell> {
        let own = |cell: &Cell| (cell.seed, cell.epochs) == (self.seed, self.epochs);
        self.cells.pick(own).first().copied()
    }

    /// The shipped model's.
    fn recipe(&self) -> Recipe {
        let mut recipe = Recipe { scale: [0.85, 1.2], ..Recipe::default() };
        (recipe.fit.epochs, recipe.fit.seed) = (self.epochs, self.seed);
        recipe
    }

    fn training(&self) -> Result<Training> {
        let limits = Limits::default();
        let folder = data_folder(&self.data, "the slim network")?.join(DATA);
        let data = Dataset::open(&folder, &limits)?;
        Ok(Training::new(self.recipe(), &data, limits, self.device)?)
    }

    fn train(&self) -> Result<Cell> {
        let training = self.training()?;
        let folder = self.options.out.join(format!("{}-seed{}", self.epochs, self.seed));
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let mut progress = Progress::new();
        let mut observer = |event: &Event| progress.show(event);
        let resume = folder.join("last.safetensors").exists() && !self.options.flags.again;
        let run =
            Run { resume, stop: self.stop, observer: Some(&mut observer), ..Run::new(&folder) };
        let outcome = fit(&training, &self.recipe().fit, run)?;
        if outcome.end == End::Interrupted {
            bail!("stopped; the same command goes on with this run");
        }
        let found = training.held_out()?.context("no picture is held out")?;
        Ok(Cell {
            seed: self.seed,
            epochs: self.epochs,
            parameters: training.parameters().count(),
            steps: outcome.step,
            seconds: outcome.seconds,
            threads: self.threads,
            pictures: found.pictures,
            objects: found.objects,
            recall: found.matched as f64 / found.objects.max(1) as f64,
            figures: found.figures(),
            version: env!("CARGO_PKG_VERSION").into(),
            commit: experiment::commit(),
        })
    }
}
