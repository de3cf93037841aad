//! Das et al. (2017), "Learning Cooperative Visual Dialog Agents", the image-guessing game: what
//! reinforcement gains over the supervised start and over as many further supervised updates.
//!
//! A cell is one training run of one seed. Every run starts from the same agents, and every arm of
//! a seed is measured on the same games.

mod cell;
mod table;

use crate::cells::Cells;
use crate::experiment::{self, Experiment, Flags};
use crate::speed::Speed;
use anyhow::{Result, bail};
use candle_core::Device;
use cell::{Arm, Cell};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use conv_dialog::guess::{AgentsRecipe, AgentsTraining};
use conv_train::{End, FitConfig, Interval, Learner, Run, fit};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Agents that the program ships, supervised.
const SHIPPED: &str = "data/models/guess-agents";
/// Epoch e, from 0, plays its last e + 1 rounds.
const EPOCHS: usize = 10;

#[derive(Debug, Args)]
pub struct Options {
    /// Arms to run or print [default: all; with --quick start, supervised and full]
    #[arg(long, value_delimiter = ',')]
    arms: Vec<Arm>,
    /// Seeds, from --seed on; the frozen arms have the first alone [default: 5, with --quick 1]
    #[arg(long, value_parser = RangedU64ValueParser::<u64>::new().range(1..=100))]
    seeds: Option<u64>,
    /// Games of each of ten epochs [default: 1024, with --quick 256]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(32..=1 << 20))]
    games: Option<usize>,
    /// Supervised agents to start from
    #[arg(long, default_value = SHIPPED)]
    start: String,
    #[command(flatten)]
    flags: Flags,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let quick = options.flags.quick;
    conv_cli::check_shipped(&options.start, SHIPPED, "dialog train-bots --out DIR")?;
    let start = conv_hub::resolve(&options.start)?;
    let arms = match options.arms.as_slice() {
        [] if quick => vec![Arm::Start, Arm::Supervised, Arm::Full],
        [] => Arm::ALL.to_vec(),
        arms => Arm::ALL.into_iter().filter(|arm| arms.contains(arm)).collect(),
    };
    let (seeds, games) = if quick { (1, 256) } else { (5, 1024) };
    let experiment = Game {
        arms,
        seeds: options.seeds.unwrap_or(seeds),
        games: options.games.unwrap_or(games),
        first: common.seed(),
        again: options.flags.again,
        cells: options.flags.cells("dialog")?,
        start,
        device,
        stop: None,
    };
    experiment::run(experiment, &options.flags, common)
}

struct Game<'a> {
    arms: Vec<Arm>,
    seeds: u64,
    games: usize,
    first: u64,
    again: bool,
    cells: Cells<Cell>,
    start: PathBuf,
    device: &'a Device,
    stop: Option<&'static AtomicBool>,
}

impl Experiment for Game<'_> {
    type Table = table::Table;
    type Speed = Speed;

    fn speed(&self, steps: u64) -> Result<Speed> {
        let arm = self.arms.iter().copied().find(|arm| arm.learning().is_some());
        let recipe = self.recipe(arm.unwrap_or(Arm::Full), self.first);
        let training = AgentsTraining::new(&recipe, Some(&self.start), self.device)?;
        Speed::of(&training, &recipe.fit, steps)
    }

    fn complete(&mut self, stop: &'static AtomicBool) -> Result<()> {
        self.stop = Some(stop);
        for (arm, seed) in self.runs() {
            if !self.again && self.kept(arm, seed).is_some() {
                continue;
            }
            let cell = self.train(arm, seed)?;
            let figures = &cell.figures;
            conv_cli::note(format_args!(
                "{} seed {seed}: percentile {:.1} to {:.1}, {:.0} s",
                arm.name(),
                figures[table::BEFORE],
                figures[table::AFTER],
                cell.seconds
            ));
            self.cells.keep(cell)?;
        }
        Ok(())
    }

    fn table(&self) -> Result<table::Table> {
        Ok(table::table(self))
    }
}

impl Game<'_> {
    /// Seed by seed, so that what is there is always pairs.
    fn runs(&self) -> Vec<(Arm, u64)> {
        let of = |more: u64| {
            let is_once = |arm: &Arm| matches!(arm, Arm::FrozenQ | Arm::FrozenA);
            let arms = self.arms.iter().filter(move |arm| more == 0 || !is_once(arm));
            arms.map(move |&arm| (arm, self.first.wrapping_add(more)))
        };
        (0..self.seeds).flat_map(of).collect()
    }

    fn kept(&self, arm: Arm, seed: u64) -> Option<&Cell> {
        let games = self.games;
        self.cells
            .pick(|cell| (cell.arm, cell.seed, cell.games) == (arm, seed, games))
            .first()
            .copied()
    }

    fn recipe(&self, arm: Arm, seed: u64) -> AgentsRecipe {
        let usual = AgentsRecipe::default();
        AgentsRecipe {
            learning: arm.learning().unwrap_or_default(),
            games: self.games,
            fit: FitConfig {
                seed,
                epochs: EPOCHS,
                learning_rate: 1e-3,
                evaluate_every: Interval::Epochs(EPOCHS),
                ..usual.fit
            },
            ..usual
        }
    }

    fn train(&self, arm: Arm, seed: u64) -> Result<Cell> {
        let recipe = self.recipe(arm, seed);
        let training = AgentsTraining::new(&recipe, Some(&self.start), self.device)?;
        let (mut steps, mut seconds) = (0, 0.0);
        if arm.learning().is_some() {
            let folder = tempfile::tempdir()?;
            let run = Run { stop: self.stop, ..Run::new(folder.path()) };
            let outcome = fit(&training, &recipe.fit, run)?;
            if outcome.end == End::Interrupted {
                bail!("stopped; the same command goes on with this run, from its start");
            }
            (steps, seconds) = (outcome.step, outcome.seconds);
        }
        let figures = training.evaluate()?;
        let commit = experiment::commit();
        Ok(Cell { arm, seed, games: self.games, steps, figures, seconds, commit })
    }
}
