//! Krizhevsky et al. (2012) in small: AlexNet's layers for pictures of 32 × 32, and the same with
//! batch normalisation in place of response normalisation, on a subset of CIFAR-10.

mod cell;
mod table;

use crate::cells::Cells;
use crate::experiment::{self, Experiment, Flags, data_folder};
use crate::speed::Speed;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use cell::Cell;
use clap::Args;
use conv_hub::Card;
use conv_train::{End, Event, Learner, Progress, Run, Task, fit, task};
use conv_vision::data::Examples;
use conv_vision::{Architecture, Classifier, Limits, Recipe, Training, evaluate};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

const WHOLE: usize = 20;
const QUICK: usize = 2;

/// The pictures within the folder of data sets, unpacked.
const DATA: &str = "vision/images/cifar10";

const NETWORKS: [(Architecture, &str); 2] = [
    (Architecture::AlexNet32, "AlexNet for 32 × 32"),
    (Architecture::AlexNet32Bn, "the same with batch norm"),
];

#[derive(Debug, Args)]
pub struct Options {
    /// Folder with the pictures of train.zip and test.zip unpacked to train/ and test/ [default:
    /// vision/images/cifar10 of the data sets]
    #[arg(long)]
    pictures: Option<PathBuf>,
    /// One of the networks alone: alexnet32 or alexnet32_bn
    #[arg(long)]
    network: Option<Architecture>,
    /// Folder of the runs in progress: one that was stopped or killed goes on from its last
    /// checkpoint
    #[arg(long, default_value = "runs/alexnet")]
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
    let cells = flags.cells("alexnet")?;
    let experiment = AlexNet { options, data, device, cells, seed, epochs, threads, stop: None };
    experiment::run(experiment, flags, common)
}

struct AlexNet<'a> {
    options: &'a Options,
    data: Option<PathBuf>,
    device: &'a Device,
    cells: Cells<Cell>,
    seed: u64,
    epochs: usize,
    threads: usize,
    stop: Option<&'static AtomicBool>,
}

impl Experiment for AlexNet<'_> {
    type Table = table::Table;
    type Speed = Speed;

    fn speed(&self, steps: u64) -> Result<Speed> {
        let network = self.wanted()[0];
        Speed::of(&self.training(network)?, &self.recipe(network).fit, steps)
    }

    fn complete(&mut self, stop: &'static AtomicBool) -> Result<()> {
        self.stop = Some(stop);
        for network in self.wanted() {
            let run = (network.id().to_owned(), self.seed, self.epochs);
            let is_kept = !self.cells.pick(|cell| crate::cells::Cell::run(cell) == run).is_empty();
            if !is_kept || self.options.flags.again {
                let cell = self.train(network)?;
                self.cells.keep(cell)?;
            }
        }
        Ok(())
    }

    /// All seeds that are kept.
    fn table(&self) -> Result<table::Table> {
        let cells = self.cells.pick(|cell| cell.epochs == self.epochs);
        let networks = NETWORKS.map(|(network, name)| (network.id(), name));
        Ok(table::Table::new(&cells, &networks, self.epochs))
    }
}

impl AlexNet<'_> {
    fn wanted(&self) -> Vec<Architecture> {
        let own = |network: &Architecture| self.options.network.is_none_or(|own| own == *network);
        NETWORKS.map(|(network, _)| network).into_iter().filter(own).collect()
    }

    fn recipe(&self, network: Architecture) -> Recipe {
        let mut recipe = Recipe::new(network);
        (recipe.fit.epochs, recipe.fit.seed) = (self.epochs, self.seed);
        recipe.augmentation.flip = true;
        // Squares of 24 pixels at the least: about as far as four pixels to each side move a
        // picture.
        (recipe.augmentation.smallest_area, recipe.augmentation.aspect) = (0.6, 1.1);
        recipe
    }

    fn pictures(&self, part: &str) -> Result<PathBuf> {
        let folder = match &self.options.pictures {
            Some(folder) => folder.join(part),
            None => data_folder(&self.data, "AlexNet")?.join(DATA).join(part),
        };
        if folder.is_dir() {
            Ok(folder)
        } else {
            bail!(
                "{} is no folder: unpack {part}.zip to it, and name what it is in by --pictures",
                folder.display()
            )
        }
    }

    fn training(&self, network: Architecture) -> Result<Training> {
        let limits = Limits::default();
        let data = Examples::read(&self.pictures("train")?, None, &limits)?;
        Ok(Training::new(self.recipe(network), data, None, limits, self.device)?)
    }

    fn train(&self, network: Architecture) -> Result<Cell> {
        let test = self.pictures("test")?;
        let training = self.training(network)?;
        let name = format!("{}-{}-seed{}", network.id(), self.epochs, self.seed);
        let folder = self.options.out.join(name);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let mut progress = Progress::new();
        let mut observer = |event: &Event| progress.show(event);
        let resume = folder.join("last.safetensors").exists() && !self.options.flags.again;
        let run =
            Run { resume, stop: self.stop, observer: Some(&mut observer), ..Run::new(&folder) };
        let outcome = fit(&training, &self.recipe(network).fit, run)?;
        if outcome.end == End::Interrupted {
            bail!("stopped; the same command goes on with this run");
        }
        let model = folder.join("model");
        task::save(&training, &model, &Card::default(), true)?;
        let classifier = Classifier::open(&model, None, self.device)?;
        let found = evaluate(&classifier, &test, &Limits::default())?;
        let examples = training.examples();
        let layers = training.network().graph().report(&[3, 32, 32])?;
        Ok(Cell {
            network: network.id().into(),
            seed: self.seed,
            epochs: self.epochs,
            parameters: training.parameters().count(),
            multiply_adds: layers.iter().map(|layer| layer.multiply_adds).sum(),
            steps: outcome.step,
            seconds: outcome.seconds,
            threads: self.threads,
            trained: [examples["train"], examples["dev"]],
            pictures: found.images,
            right: found.top1,
            version: env!("CARGO_PKG_VERSION").into(),
            commit: experiment::commit(),
        })
    }
}
