//! Johnson et al. (2016), "CLEVR", and the heads that came after it, in a small world: scenes of
//! three to six objects, drawn and rendered here, with questions of our own templates.
//!
//! A cell is one head of one seed. Pictures, questions and maps are made first; what is there
//! stays, so that a run that was broken off goes on.

mod cell;
mod table;
mod world;

use crate::cells::Cells;
use crate::experiment::{self, Experiment, Flags};
use crate::speed::Speed;
use anyhow::{Result, bail};
use candle_core::Device;
use cell::Cell;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use conv_clevr::Function;
use conv_clevr::evaluate::{Evaluation, Type, compare};
use conv_clevr::heads::{Architecture, Recipe, Training};
use conv_train::{End, Event, Learner, Outcome, Progress, Run, Task, fit};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use world::{Part, World};

#[derive(Debug, Args)]
pub struct Options {
    /// Heads to run or print: type, lstm, cnn-lstm, attention, relation, film, mac [default: all]
    #[arg(long, value_delimiter = ',')]
    heads: Vec<Architecture>,
    /// Seeds, from --seed on
    #[arg(long, default_value = "1", value_parser = RangedU64ValueParser::<u64>::new().range(1..=100))]
    seeds: u64,
    /// Pictures to learn from, fewer or more than the table has [default: 10000, with --quick 600]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(40..=1_000_000))]
    pictures: Option<usize>,
    /// Pictures to be asked about [default: 1000, with --quick 200]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    test_pictures: Option<usize>,
    /// Passes over what is learnt from, other than each head's own
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    epochs: Option<usize>,
    /// Folder of the pictures, questions and maps, which are made where they are not there
    /// [default: runs/clevr/world, with --quick runs/clevr/quick]
    #[arg(long)]
    world: Option<PathBuf>,
    /// Folder of the runs in progress
    #[arg(long, default_value = "runs/clevr/heads")]
    out: PathBuf,
    #[command(flatten)]
    flags: Flags,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let quick = options.flags.quick;
    let chosen = |head: &Architecture| options.heads.is_empty() || options.heads.contains(head);
    let folder = if quick { "runs/clevr/quick" } else { "runs/clevr/world" };
    let (train, test) = if quick { (600, 200) } else { (10_000, 1_000) };
    let counts = [options.pictures.unwrap_or(train), options.test_pictures.unwrap_or(test)];
    let experiment = Clevr {
        heads: Architecture::ALL.into_iter().filter(chosen).collect(),
        cells: options.flags.cells("clevr")?,
        world: World::new(options.world.as_deref().unwrap_or(Path::new(folder)), counts),
        seeds: (0..options.seeds).map(|more| common.seed().wrapping_add(more)).collect(),
        threads: common.threads()?,
        options,
        device,
        stop: None,
    };
    experiment::run(experiment, &options.flags, common)
}

struct Clevr<'a> {
    options: &'a Options,
    heads: Vec<Architecture>,
    seeds: Vec<u64>,
    world: World,
    cells: Cells<Cell>,
    threads: usize,
    device: &'a Device,
    stop: Option<&'static AtomicBool>,
}

impl Experiment for Clevr<'_> {
    type Table = table::Table;
    type Speed = Speed;

    fn speed(&self, steps: u64) -> Result<Speed> {
        let head = self.heads.iter().copied().find(|head| *head != Architecture::Type);
        let recipe = self.recipe(head.unwrap_or(Architecture::Film), self.seeds[0]);
        let train = self.world.train(self.device)?;
        let training =
            Training::new(recipe.clone(), &train.questions, Some(&train.maps), self.device)?;
        Speed::of(&training, &recipe.fit, steps)
    }

    fn complete(&mut self, stop: &'static AtomicBool) -> Result<()> {
        self.stop = Some(stop);
        let again = self.options.flags.again;
        let missing = self.runs().filter(|&(head, seed)| again || self.kept(head, seed).is_none());
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() {
            return Ok(());
        }
        let train = self.world.train(self.device)?;
        let test = self.world.test(self.device)?;
        for (head, seed) in missing {
            let cell = self.cell(head, seed, &train, &test)?;
            let Cell { accuracy, seconds, .. } = cell;
            conv_cli::note(format_args!(
                "{head} seed {seed}: {:.1} % in {:.0} minutes",
                100.0 * accuracy,
                seconds / 60.0
            ));
            self.cells.keep(cell)?;
        }
        Ok(())
    }

    fn table(&self) -> Result<table::Table> {
        let cells = self.runs().filter_map(|(head, seed)| self.kept(head, seed)).collect();
        Ok(table::Table::new(&self.heads, cells, &self.world))
    }
}

impl Clevr<'_> {
    fn runs(&self) -> impl Iterator<Item = (Architecture, u64)> {
        self.seeds.iter().flat_map(|&seed| self.heads.iter().map(move |&head| (head, seed)))
    }

    fn kept(&self, head: Architecture, seed: u64) -> Option<&Cell> {
        let epochs = self.recipe(head, seed).fit.epochs;
        let own = |cell: &Cell| {
            (cell.head, cell.seed, cell.pictures, cell.epochs, cell.test_pictures)
                == (head, seed, self.world.pictures(), epochs, self.world.test_pictures())
        };
        self.cells.pick(own).first().copied()
    }

    /// The preset, for as many epochs as are asked for.
    fn recipe(&self, head: Architecture, seed: u64) -> Recipe {
        let mut recipe = Recipe::preset(head);
        recipe.fit.seed = seed;
        recipe.fit.epochs = self.options.epochs.unwrap_or(recipe.fit.epochs);
        recipe
    }

    fn cell(&self, head: Architecture, seed: u64, train: &Part, test: &Part) -> Result<Cell> {
        let recipe = self.recipe(head, seed);
        let epochs = recipe.fit.epochs;
        let questions = &train.questions;
        let maps = Some(&train.maps);
        let training = Training::new(recipe, questions, maps, self.device)?;
        let outcome = match head {
            // What is counted needs no loop.
            Architecture::Type => None,
            _ => Some(self.fit(&training, head, seed)?),
        };
        let found = self.measure(&training, test, seed)?;
        let of = |of: &Evaluation, kind: Type| of.types.get(&kind).map(|one| one.accuracy.value());
        let kinds = [
            Type::Exist,
            Type::Count,
            Type::CompareInteger,
            Type::QueryAttribute,
            Type::CompareAttribute,
        ];
        let named = |kind: Type| Some((kind.to_string(), of(&found, kind)?));
        let dev = training.measure()?.get("accuracy").copied().unwrap_or_default();
        Ok(Cell {
            head,
            seed,
            pictures: self.world.pictures(),
            epochs,
            test_pictures: self.world.test_pictures(),
            questions: found.questions,
            accuracy: found.accuracy,
            interval: found.interval,
            most_frequent: found.most_frequent,
            types: kinds.into_iter().filter_map(named).collect(),
            dev,
            parameters: training.parameters().count(),
            steps: outcome.as_ref().map_or(0, |outcome| outcome.step),
            seconds: outcome.as_ref().map_or(0.0, |outcome| outcome.seconds),
            threads: self.threads,
            version: env!("CARGO_PKG_VERSION").into(),
            commit: experiment::commit(),
        })
    }

    fn fit(&self, training: &Training, head: Architecture, seed: u64) -> Result<Outcome> {
        let pictures = self.world.pictures();
        let epochs = training.fit().epochs;
        let folder = self.options.out.join(format!("{head}-{pictures}-{epochs}-seed{seed}"));
        std::fs::create_dir_all(&folder)?;
        let mut progress = Progress::new();
        let mut observer = |event: &Event| progress.show(event);
        let resume = folder.join("last.safetensors").exists() && !self.options.flags.again;
        let run =
            Run { resume, stop: self.stop, observer: Some(&mut observer), ..Run::new(&folder) };
        let outcome = fit(training, training.fit(), run)?;
        if outcome.end == End::Interrupted {
            bail!("stopped; the same command goes on with this run");
        }
        let data = format!("{pictures} pictures of a small world, ten questions each");
        let card = conv_clevr::heads::card(training.config(), &data, training.measure()?);
        conv_train::task::save(training, &folder.join("model"), &card, true)?;
        Ok(outcome)
    }

    fn measure(&self, training: &Training, test: &Part, seed: u64) -> Result<Evaluation> {
        let answerer = training.answerer()?;
        let answers = |image: &str, questions: &[(&str, Option<Function>)]| {
            let map = test.maps.of(&[image], self.device)?.get(0)?;
            let found = answerer.answers(questions, Some(&map))?;
            Ok(Some(found.into_iter().map(|one| one.map(|likely| likely.answer)).collect()))
        };
        Ok(compare(&test.questions, |_| None, answers, seed)?)
    }
}
