//! Kim (2014), Table 2: accuracy on seven data sets of four variants.
//!
//! A cell is one training run: a fold of ten (MR, Subj, CR, MPQA) or a seed (SST-1, SST-2, TREC, which come split). Folds and
//! dev parts are drawn with [`SPLITS`], so that all variants, and the PyTorch twin, see the same ones.

use crate::cells::{Cell, Cells, mean_and_spread};
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_text::data::{KimData, KimSet};
use conv_text::{Recipe, Sentences, Table, Training, Variant};
use conv_train::{Learner, Run, fit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Seed of every split.
const SPLITS: u64 = 2014;

/// Seeds of a variant on a set that comes split.
const SEEDS: u64 = 3;

#[derive(Debug, Args)]
pub struct Options {
    /// Sets to run or print, e.g. mr,trec [default: all]
    #[arg(long, value_delimiter = ',')]
    sets: Vec<KimSet>,
    /// Variants to run or print [default: all]
    #[arg(long, value_delimiter = ',')]
    variants: Vec<Variant>,
    /// Run again what has been run
    #[arg(long)]
    again: bool,
    /// Print what there is and run nothing
    #[arg(long)]
    print: bool,
    /// A small version, run here and now: rand and nonstatic, one fold of ten, one seed, without SST's phrases
    #[arg(long)]
    quick: bool,
    /// Word vectors [default: vectors/glove.6B.100d*.txt of the data folder]
    #[arg(long)]
    vectors: Option<PathBuf>,
    /// Where results are kept [default: docs/results/kim.jsonl, with --quick runs/kim-quick.jsonl]
    #[arg(long)]
    cells: Option<PathBuf>,
    /// Write each set's sentences, splits and first vectors to this folder for the PyTorch twin, and run nothing
    #[arg(long)]
    export: Option<PathBuf>,
}

/// The recipe's name in the kept results: the paper's.
const RECIPE: &str = "kim";

fn recipe(variant: Variant, set: KimSet) -> Recipe {
    Recipe { style: set.style(), ..Recipe::kim(variant) }
}

/// The numbers that others published, and what ours must reach.
#[derive(Debug, Deserialize)]
struct Published {
    sets: Vec<String>,
    paper: BTreeMap<String, Vec<f64>>,
    torch: BTreeMap<String, Vec<f64>>,
    bar: BTreeMap<String, Vec<f64>>,
}

pub fn run(
    options: &Options,
    data: Option<PathBuf>,
    common: &conv_cli::Common,
    device: &Device,
) -> Result<()> {
    let sets = match options.sets.as_slice() {
        [] if options.quick => {
            vec![KimSet::Mr, KimSet::Subj, KimSet::Trec, KimSet::Cr, KimSet::Mpqa]
        }
        [] => KimSet::ALL.to_vec(),
        sets => sets.to_vec(),
    };
    let variants = match options.variants.as_slice() {
        [] if options.quick => vec![Variant::Rand, Variant::NonStatic],
        [] => Variant::ALL.to_vec(),
        variants => variants.to_vec(),
    };
    let kept = if options.quick { "runs/kim-quick.jsonl" } else { "docs/results/kim.jsonl" };
    let cells = Cells::open(options.cells.as_deref().unwrap_or(Path::new(kept)))?;
    let mut experiment = Experiment { options, data, device, cells };
    for &set in &sets {
        if !options.print {
            experiment.run_set(set, &variants)?;
        }
    }
    if options.export.is_some() {
        return Ok(());
    }
    conv_cli::print(common.json, &experiment.table(&sets, &variants)?)
}

struct Experiment<'a> {
    options: &'a Options,
    data: Option<PathBuf>,
    device: &'a Device,
    cells: Cells,
}

impl Experiment<'_> {
    /// Runs what is missing of one set.
    fn run_set(&mut self, set: KimSet, variants: &[Variant]) -> Result<()> {
        let runs = |rounds: usize| -> Vec<(usize, u64)> {
            match rounds {
                1 if self.options.quick => vec![(0, 1)],
                1 => (1..=SEEDS).map(|seed| (0, seed)).collect(),
                _ if self.options.quick => vec![(0, 1)],
                rounds => (0..rounds).map(|round| (round, 1)).collect(),
            }
        };
        let rounds = if matches!(set, KimSet::Sst1 | KimSet::Sst2 | KimSet::Trec) { 1 } else { 10 };
        let missing = |variant: Variant| -> Vec<(usize, u64)> {
            let known = |&(round, seed): &(usize, u64)| {
                !self
                    .cells
                    .pick(|c| self.is(c, set, variant) && (c.round, c.seed) == (round, seed))
                    .is_empty()
            };
            runs(rounds).into_iter().filter(|run| self.options.again || !known(run)).collect()
        };
        let work: Vec<(Variant, Vec<(usize, u64)>)> =
            variants.iter().map(|&variant| (variant, missing(variant))).collect();
        if work.iter().all(|(_, runs)| runs.is_empty()) && self.options.export.is_none() {
            return Ok(());
        }
        let Some(folder) = &self.data else {
            bail!(
                "{set} is to be run, but neither --data nor CONVOKE_DATA says where the data is (docs/datasets.md)"
            );
        };
        let data = set.load(&folder.join("sentence")).with_context(|| format!("loading {set}"))?;
        let sentences = Sentences::fit(&data.corpus, set.style(), None)?;
        for (variant, runs) in work {
            let table = self.table_of(variant, &sentences, folder)?;
            if let Some(export) = &self.options.export {
                self.export(&data, variant, &sentences, &table, export)?;
                continue;
            }
            for (round, seed) in runs {
                let cell = self.run_cell(&data, variant, &sentences, &table, round, seed)?;
                conv_cli::note(format_args!(
                    "{set} {variant} round {round} seed {seed}: dev {:.2} test {:.2} after {} epochs, {:.0} s",
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

    fn is(&self, cell: &Cell, set: KimSet, variant: Variant) -> bool {
        cell.set == set.name() && cell.variant == variant.name() && cell.recipe == RECIPE
    }

    fn table_of(&self, variant: Variant, sentences: &Sentences, folder: &Path) -> Result<Table> {
        if !variant.needs_vectors() {
            return Ok(Table::random(Recipe::kim(variant).dimension)?);
        }
        let path = match &self.options.vectors {
            Some(path) => path.clone(),
            None => glove(&folder.join("vectors"))?,
        };
        let table = Table::read(&path, sentences).with_context(|| path.display().to_string())?;
        if let Some(coverage) = table.coverage {
            conv_cli::note(format_args!("{}: {coverage}", path.display()));
        }
        Ok(table)
    }

    fn run_cell(
        &self,
        data: &KimData,
        variant: Variant,
        sentences: &Sentences,
        table: &Table,
        round: usize,
        seed: u64,
    ) -> Result<Cell> {
        let mut recipe = recipe(variant, data.set);
        recipe.fit.seed = seed;
        let split = data.split(round, SPLITS)?;
        let training =
            Training::new(&recipe, sentences, &split, table, BTreeMap::new(), self.device)?;
        let folder = tempfile::tempdir()?;
        let outcome = fit(&training, &recipe.fit, Run::new(folder.path()))?;
        Ok(Cell {
            set: data.set.name().into(),
            variant: variant.name().into(),
            recipe: RECIPE.into(),
            round,
            seed,
            dev: training.accuracy(&split.dev)?,
            test: training.accuracy(&split.test)?,
            epochs: outcome.epoch,
            seconds: outcome.seconds,
            commit: conv_cli::commit(&["crates", "examples/repro"])
                .unwrap_or_else(|| "unknown".into()),
        })
    }

    /// What the PyTorch twin needs to train the same network on the same words and splits from the same vectors.
    fn export(
        &self,
        data: &KimData,
        variant: Variant,
        sentences: &Sentences,
        table: &Table,
        folder: &Path,
    ) -> Result<()> {
        let recipe = recipe(variant, data.set);
        let splits: Vec<_> =
            (0..data.rounds()).map(|round| data.split(round, SPLITS)).collect::<Result<_, _>>()?;
        let training =
            Training::new(&recipe, sentences, &splits[0], table, BTreeMap::new(), self.device)?;
        let folder = folder.join(format!("{}_{variant}", data.set.name()));
        std::fs::create_dir_all(&folder)?;
        let set = serde_json::json!({
            "set": data.set.name(),
            "config": training.model().config(),
            "train": { "epochs": recipe.fit.epochs, "patience": recipe.fit.patience, "batch_size": 50, "max_norm": 3.0 },
            "sentences": sentences.words,
            "labels": sentences.classes,
            "folds": splits.iter().map(|split| serde_json::json!({
                "train": split.train, "dev": split.dev, "test": split.test,
            })).collect::<Vec<_>>(),
        });
        conv_train::files::write_atomic(&folder.join("set.json"), set.to_string().as_bytes())?;
        let name = if variant == Variant::Static { "static.weight" } else { "embedding.weight" };
        let weight =
            training.parameters().tensors().remove(name).context("a table of word vectors")?;
        let first = BTreeMap::from([("embedding.weight".to_string(), weight)]);
        conv_train::files::write_safetensors(&folder.join("table.safetensors"), &first)?;
        conv_cli::note(format_args!("wrote {}", folder.display()));
        Ok(())
    }

    fn table(&self, sets: &[KimSet], variants: &[Variant]) -> Result<Report> {
        let published: Published = toml::from_str(include_str!("kim.toml"))?;
        let mut rows = Vec::new();
        for &variant in variants {
            for &set in sets {
                let column = published.sets.iter().position(|name| name == set.name());
                let number = |table: &BTreeMap<String, Vec<f64>>| {
                    Some(*table.get(variant.name())?.get(column?)?)
                };
                let cells = self.cells.pick(|cell| self.is(cell, set, variant));
                let tests: Vec<f64> = cells.iter().map(|cell| 100.0 * cell.test).collect();
                let (mean, spread) = mean_and_spread(&tests);
                rows.push(Row {
                    set: set.to_string(),
                    variant: variant.to_string(),
                    paper: number(&published.paper),
                    torch: number(&published.torch),
                    bar: number(&published.bar),
                    ours: (!tests.is_empty()).then_some(mean),
                    spread: (tests.len() > 1).then_some(spread),
                    runs: tests.len(),
                    seconds: cells.iter().map(|cell| cell.seconds).sum(),
                });
            }
        }
        Ok(Report { recipe: RECIPE, rows })
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

/// The table as it is printed.
#[derive(Debug, Serialize)]
struct Report {
    recipe: &'static str,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    set: String,
    variant: String,
    paper: Option<f64>,
    torch: Option<f64>,
    bar: Option<f64>,
    ours: Option<f64>,
    spread: Option<f64>,
    runs: usize,
    seconds: f64,
}

impl Row {
    fn holds(&self) -> &'static str {
        match (self.ours, self.bar) {
            (None, _) => "not run",
            (Some(_), None) => "no bar",
            (Some(ours), Some(bar)) if ours >= bar => "holds",
            _ => "MISSED",
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.1}"));
        writeln!(f, "Kim (2014), Table 2: test accuracy in %, recipe {}.", self.recipe)?;
        writeln!(
            f,
            "Paper and torch use word2vec of 300 dimensions; ours GloVe 6B of 100 where vectors are pre-trained.\n"
        )?;
        writeln!(
            f,
            "| variant | set | paper | torch | ours ± sd (runs) | bar | |\n|---|---|---|---|---|---|---|"
        )?;
        for row in &self.rows {
            let ours = match (row.ours, row.spread) {
                (Some(ours), Some(spread)) => format!("{ours:.1} ± {spread:.1} ({})", row.runs),
                (Some(ours), None) => format!("{ours:.1} ({})", row.runs),
                _ => "–".into(),
            };
            let (paper, torch, bar) = (number(row.paper), number(row.torch), number(row.bar));
            writeln!(
                f,
                "| {} | {} | {paper} | {torch} | {ours} | {bar} | {} |",
                row.variant,
                row.set,
                row.holds()
            )?;
        }
        for variant in Variant::ALL.map(Variant::name) {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.variant == variant).collect();
            let mean = |value: fn(&Row) -> Option<f64>| {
                let values: Option<Vec<f64>> = rows.iter().map(|row| value(row)).collect();
                values.filter(|values| !values.is_empty()).map(|values| mean_and_spread(&values).0)
            };
            if let (Some(paper), Some(torch)) = (mean(|row| row.paper), mean(|row| row.torch)) {
                let ours = number(mean(|row| row.ours));
                writeln!(
                    f,
                    "\n{variant}, mean of {}: paper {paper:.1}, torch {torch:.1}, ours {ours}",
                    rows.len()
                )?;
            }
        }
        let hours = self.rows.iter().map(|row| row.seconds).sum::<f64>() / 3600.0;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        write!(f, "\n{hours:.1} hours of training in all (this machine has {cores} cores)")
    }
}
