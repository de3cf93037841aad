//! Kim (2014), Table 2: accuracy on seven data sets of four variants.
//!
//! A cell is one training run: a fold of ten (MR, Subj, CR, MPQA) or a seed (SST-1, SST-2, TREC,
//! which come split). Folds and dev parts are drawn with [`SPLITS`], so that all variants, and the
//! PyTorch twin, see the same ones.

mod cell;
mod recipes;
mod table;
mod twin;

use crate::cells::Cells;
use crate::experiment::{self, Experiment, Flags, data_folder};
use anyhow::{Context, Result, bail};
use candle_core::Device;
use cell::Cell;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use conv_sentence::data::{KimData, KimSet};
use conv_sentence::{Sentences, Table, Training, Variant};
use conv_train::{End, Run, fit};
use recipes::Named;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Seed of every split.
const SPLITS: u64 = 2014;

/// Seeds of a variant on SST, and on TREC, whose 500 test sentences say little in one run.
const SEEDS: u64 = 3;
const SEEDS_OF_TREC: u64 = 10;

#[derive(Debug, Args)]
pub struct Options {
    /// Sets to run or print, e.g. mr,trec [default: all]
    #[arg(long, value_delimiter = ',')]
    sets: Vec<KimSet>,
    /// Variants to run or print [default: all]
    #[arg(long, value_delimiter = ',')]
    variants: Vec<Variant>,
    /// The recipe to train with: kim, the paper's, or tuned, which a search on dev parts led to
    #[arg(long, default_value = recipes::PAPER.name, value_parser = Named::parse)]
    recipe: Named,
    /// At most so many folds or seeds of a set [default: 10 folds, or 10 seeds on TREC, 3 on SST]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..=100))]
    rounds: Option<usize>,
    /// Word vectors [default: vectors/glove.6B.100d*.txt of the data folder]
    #[arg(long)]
    vectors: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

pub fn run(
    options: &Options,
    data: Option<PathBuf>,
    common: &conv_cli::Common,
    device: &Device,
) -> Result<()> {
    let quick = options.flags.quick;
    let sets = match options.sets.as_slice() {
        [] if quick => vec![KimSet::Mr, KimSet::Subj, KimSet::Trec, KimSet::Cr, KimSet::Mpqa],
        [] => KimSet::ALL.to_vec(),
        sets => KimSet::ALL.into_iter().filter(|set| sets.contains(set)).collect(),
    };
    let variants = match options.variants.as_slice() {
        [] if quick => vec![Variant::Rand, Variant::NonStatic],
        [] => Variant::ALL.to_vec(),
        variants => Variant::ALL.into_iter().filter(|v| variants.contains(v)).collect(),
    };
    let flags = &options.flags;
    let seed = common.seed();
    let cells = flags.cells("kim")?;
    let experiment = Kim { options, sets, variants, data, device, cells, seed, stop: None };
    experiment::run(experiment, flags, common)
}

impl Experiment for Kim<'_> {
    type Table = table::Table2;
    type Speed = twin::Speed;

    /// Each set's sentences, splits and first vectors.
    fn export(&self, folder: &Path) -> Result<()> {
        self.export_sets(&self.sets, &self.variants, folder)
    }

    fn speed(&self, steps: u64) -> Result<twin::Speed> {
        self.time(self.sets[0], self.variants[0], steps)
    }

    fn complete(&mut self, stop: &'static AtomicBool) -> Result<()> {
        self.stop = Some(stop);
        for set in self.sets.clone() {
            self.complete_set(set)?;
        }
        Ok(())
    }

    fn table(&self) -> Result<table::Table2> {
        table::table2(self, &self.sets, &self.variants)
    }
}

struct Kim<'a> {
    options: &'a Options,
    sets: Vec<KimSet>,
    variants: Vec<Variant>,
    data: Option<PathBuf>,
    device: &'a Device,
    cells: Cells<Cell>,
    /// Of every fold, and of the first of several runs on a fixed split.
    seed: u64,
    stop: Option<&'static AtomicBool>,
}

impl Kim<'_> {
    /// Folds and seeds of one result.
    fn runs(&self, set: KimSet) -> Vec<(usize, u64)> {
        let first = self.seed;
        let seeds = |count| (0..count).map(|more| (0, first.wrapping_add(more))).collect();
        let mut runs: Vec<(usize, u64)> = match set {
            KimSet::Sst1 | KimSet::Sst2 => seeds(SEEDS),
            KimSet::Trec => seeds(SEEDS_OF_TREC),
            _ => (0..10).map(|fold| (fold, first)).collect(),
        };
        let rounds = if self.options.flags.quick { Some(1) } else { self.options.rounds };
        runs.truncate(rounds.unwrap_or(runs.len()));
        runs
    }

    /// What is kept of a result.
    fn kept(&self, set: KimSet, variant: Variant, recipe: &str) -> Vec<&Cell> {
        let runs = self.runs(set);
        self.cells.pick(|cell| {
            (cell.set.as_str(), cell.variant.as_str(), cell.recipe.as_str())
                == (set.name(), variant.name(), recipe)
                && runs.contains(&(cell.round, cell.seed))
        })
    }

    /// Runs what is missing of one set.
    fn complete_set(&mut self, set: KimSet) -> Result<()> {
        let recipe = self.options.recipe;
        let missing = |variant: Variant| -> Vec<(usize, u64)> {
            let kept = self.kept(set, variant, recipe.name);
            let known = |run: &(usize, u64)| kept.iter().any(|c| (c.round, c.seed) == *run);
            let again = self.options.flags.again;
            self.runs(set).into_iter().filter(|run| again || !known(run)).collect()
        };
        let work: Vec<_> =
            self.variants.iter().map(|&variant| (variant, missing(variant))).collect();
        if work.iter().all(|(_, runs)| runs.is_empty()) {
            return Ok(());
        }
        let (data, sentences) = self.load(set)?;
        for (variant, runs) in work.into_iter().filter(|(_, runs)| !runs.is_empty()) {
            let table = self.table_of(variant, &sentences)?;
            for (round, seed) in runs {
                let cell = self.train(&data, variant, &sentences, &table, (round, seed))?;
                conv_cli::note(format_args!(
                    "{set} {variant} {} round {round} seed {seed}: dev {:.2} test {:.2} after {} epochs, {:.0} s",
                    recipe.name,
                    100.0 * cell.dev,
                    100.0 * cell.test,
                    cell.epochs,
                    cell.seconds
                ));
                self.cells.keep(cell)?;
            }
        }
        Ok(())
    }

    fn load(&self, set: KimSet) -> Result<(KimData, Sentences)> {
        let data = set
            .load(&data_folder(&self.data, set)?.join("sentence"))
            .with_context(|| format!("loading {set}"))?;
        let sentences = Sentences::fit(&data.corpus, set.style(), None)?;
        Ok((data, sentences))
    }

    fn table_of(&self, variant: Variant, sentences: &Sentences) -> Result<Table> {
        if !variant.needs_vectors() {
            return Ok(Table::random(conv_sentence::Recipe::kim(variant).dimension)?);
        }
        let path = match &self.options.vectors {
            Some(path) => path.clone(),
            None => glove(&data_folder(&self.data, variant)?.join("vectors"))?,
        };
        let table = Table::read(&path, sentences).with_context(|| path.display().to_string())?;
        if let Some(coverage) = table.coverage {
            conv_cli::note(format_args!("{}: {coverage}", path.display()));
        }
        Ok(table)
    }

    fn train(
        &self,
        data: &KimData,
        variant: Variant,
        sentences: &Sentences,
        table: &Table,
        (round, seed): (usize, u64),
    ) -> Result<Cell> {
        let mut recipe = self.options.recipe.of(variant, data.set);
        recipe.fit.seed = seed;
        let split = data.split(round, SPLITS)?;
        let training =
            Training::new(&recipe, sentences, &split, table, BTreeMap::new(), self.device)?;
        let folder = tempfile::tempdir()?;
        let run = Run { stop: self.stop, ..Run::new(folder.path()) };
        let outcome = fit(&training, &recipe.fit, run)?;
        if outcome.end == End::Interrupted {
            bail!("stopped; the same command goes on with this run, from its start");
        }
        Ok(Cell {
            set: data.set.name().into(),
            variant: variant.name().into(),
            recipe: self.options.recipe.name.into(),
            round,
            seed,
            dev: training.accuracy(&split.dev)?,
            test: training.accuracy(&split.test)?,
            epochs: outcome.epoch,
            seconds: outcome.seconds,
            commit: experiment::commit(),
        })
    }
}

fn glove(folder: &Path) -> Result<PathBuf> {
    let listing = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files: Vec<PathBuf> = listing.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let is_glove = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("glove.6B.100d") && name.ends_with(".txt")
    };
    files.into_iter().find(is_glove).with_context(|| {
        format!("no glove.6B.100d*.txt in {}; --vectors names another file", folder.display())
    })
}
