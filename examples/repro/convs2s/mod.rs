//! Gehring et al. (2017) on Multi30k: a small translator, trained and compared with what others
//! have published of the set.
//!
//! A cell is one training run: a pair of languages, a variant of the recipe, a seed and a number of
//! epochs. It is trained on `train`, its length penalty is chosen on `val`, and it is scored on
//! `test_2016_flickr` once. Where variants are chosen among, `val` alone is read.

mod cell;
mod recipes;
mod score;
mod table;
mod twin;

use crate::cells::Cells;
use crate::experiment::{self, Experiment, Flags, data_folder};
use anyhow::{Context, Result, bail};
use candle_core::Device;
use cell::Cell;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use conv_train::{End, Event, Progress, Run, fit, task};
use conv_translate::data::{Languages, Store};
use conv_translate::{Dev, PairFiles, Recipe, Training, Translator, Vocabularies, card};
use recipes::{SMALL, VARIANTS, Variant};
use score::Part;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Epochs of an ablation, and of `--quick`.
const SHORT: usize = 10;
const QUICK: usize = 4;

/// What the models are measured on in the end.
const TEST: &str = "test_2016_flickr";

#[derive(Debug, Args)]
pub struct Options {
    /// Pairs of languages to run or print [default: de-en, en-de and en-fr; with --ablations or --quick
    /// de-en]
    #[arg(long, value_delimiter = ',')]
    pairs: Vec<Languages>,
    /// Variants of the recipe [default: small; with --ablations all]
    #[arg(long, value_delimiter = ',', value_parser = Variant::parse)]
    variants: Vec<Variant>,
    /// Seeds of each, from --seed on [default: 2 for de-en, 1 for the others and with --ablations
    /// or --quick]
    #[arg(long, value_parser = RangedU64ValueParser::<u64>::new().range(1..=100))]
    seeds: Option<u64>,
    /// Passes over the data, with a warm-up in proportion [default: the recipe's; 10 with --ablations,
    /// 4 with --quick]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    epochs: Option<usize>,
    /// Short runs of all variants, compared on val; the test set is not read
    #[arg(long, conflicts_with = "quick")]
    ablations: bool,
    /// Leave the test set unread, as while choosing among recipes
    #[arg(long)]
    val_only: bool,
    /// Folder of runs in progress and of the models: a run that was stopped or killed goes on from
    /// its last checkpoint
    #[arg(long, default_value = "runs/convs2s")]
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
    let cells = flags.cells("convs2s")?;
    let device_name = common.device.clone();
    let experiment =
        ConvS2s { options, data, device, device_name, cells, seed, threads, stop: None };
    experiment::run(experiment, flags, common)
}

impl Experiment for ConvS2s<'_> {
    type Table = table::Table;
    type Speed = twin::Speed;

    /// The first epoch's batches, val and a model of the first weights of the first pair and
    /// variant.
    fn export(&self, folder: &Path) -> Result<()> {
        self.export_plan(&self.plans()[0], folder)
    }

    fn speed(&self, steps: u64) -> Result<twin::Speed> {
        self.time(&self.plans()[0], steps)
    }

    fn complete(&mut self, stop: &'static AtomicBool) -> Result<()> {
        self.stop = Some(stop);
        self.plans().iter().try_for_each(|plan| self.complete_plan(plan))
    }

    fn table(&self) -> Result<table::Table> {
        table::table(self)
    }
}

/// A cell to be.
#[derive(Debug, Clone)]
struct Plan {
    pair: Languages,
    variant: Variant,
    seed: u64,
    epochs: usize,
}

impl Plan {
    fn is_of(&self, cell: &Cell) -> bool {
        let (pair, Plan { variant, seed, epochs, .. }) = (self.pair.to_string(), self);
        (cell.pair.as_str(), cell.variant.as_str(), cell.seed, cell.epochs)
            == (pair.as_str(), variant.name, *seed, *epochs)
    }

    fn recipe(&self) -> Recipe {
        self.variant.recipe(self.epochs, self.seed)
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pair, variant, seed, epochs } = self;
        write!(f, "{pair}-{}-{epochs}-seed{seed}", variant.name)
    }
}

struct ConvS2s<'a> {
    options: &'a Options,
    data: Option<PathBuf>,
    device: &'a Device,
    /// As it was asked for.
    device_name: String,
    cells: Cells<Cell>,
    /// The first of several.
    seed: u64,
    threads: usize,
    stop: Option<&'static AtomicBool>,
}

impl ConvS2s<'_> {
    /// What is asked for, in the order in which it is run.
    fn plans(&self) -> Vec<Plan> {
        let ablations = self.options.ablations;
        let quick = self.options.flags.quick;
        let pairs: Vec<Languages> = match self.options.pairs.as_slice() {
            [] if ablations || quick => vec![main_pair()],
            [] => ["de-en", "en-de", "en-fr"].map(known).to_vec(),
            pairs => pairs.to_vec(),
        };
        let variants: Vec<Variant> = match self.options.variants.as_slice() {
            [] if ablations => VARIANTS.to_vec(),
            [] => vec![SMALL],
            variants => variants.to_vec(),
        };
        let mut plans = Vec::new();
        for (pair, variant) in pairs.iter().flat_map(|pair| variants.iter().map(move |v| (pair, v)))
        {
            let usual = if *pair == main_pair() && !ablations && !quick { 2 } else { 1 };
            for more in 0..self.options.seeds.unwrap_or(usual) {
                let seed = self.seed.wrapping_add(more);
                let epochs = self.epochs(variant);
                plans.push(Plan { pair: pair.clone(), variant: *variant, seed, epochs });
            }
        }
        plans
    }

    /// Of a run that is asked for.
    fn epochs(&self, variant: &Variant) -> usize {
        let usual = match self.options {
            Options { ablations: true, .. } => SHORT,
            Options { flags: Flags { quick: true, .. }, .. } => QUICK,
            _ => variant.epochs(),
        };
        self.options.epochs.unwrap_or(usual)
    }

    /// Runs what is missing of a cell.
    fn complete_plan(&mut self, plan: &Plan) -> Result<()> {
        let kept = self.cells.pick(|cell| plan.is_of(cell)).first().map(|cell| (*cell).clone());
        let wants_test = !self.options.ablations && !self.options.val_only;
        let cell = match kept {
            Some(cell) if !self.options.flags.again && (cell.test.is_some() || !wants_test) => {
                return Ok(());
            }
            Some(cell) if !self.options.flags.again => self.test(plan, cell)?,
            _ => self.train(plan, wants_test)?,
        };
        conv_cli::note(format_args!(
            "{plan}: val BLEU {:.2}, chrF {:.2}, test BLEU {}, {:.0} s of training, {:.0} target tokens/s",
            cell.val.beam.bleu,
            cell.val.beam.chrf,
            cell.test.as_ref().map_or("unread".into(), |test| format!("{:.2}", test.beam.bleu)),
            cell.seconds,
            cell.target_tokens_per_second,
        ));
        self.cells.keep(cell)?;
        self.clear(plan)
    }

    /// Of a run that was looked at on val alone.
    fn test(&self, plan: &Plan, cell: Cell) -> Result<Cell> {
        let model = self.folder(plan).join("model");
        let translator = Translator::open(&model, &Device::Cpu).with_context(|| {
            format!(
                "{plan} was scored on val alone, and its model is wanted for the test set; --again trains it again"
            )
        })?;
        let test = Part::read(&self.files(&plan.pair, TEST)?)?.found(&translator, &cell.search)?;
        Ok(Cell { test: Some(test), ..cell })
    }

    fn train(&self, plan: &Plan, wants_test: bool) -> Result<Cell> {
        let recipe = plan.recipe();
        let folder = self.folder(plan);
        let corpus = Corpus::read(self, &plan.pair, &recipe, &folder)?;
        let training = corpus.training(&recipe, self.device)?;
        let mut progress = Progress::new();
        let mut observer = |event: &Event| progress.show(event);
        let observer = Some(&mut observer as &mut dyn FnMut(&Event));
        let run = Run { resume: true, stop: self.stop, observer, ..Run::new(&folder) };
        let outcome = fit(&training, &recipe.fit, run)?;
        if outcome.end == End::Interrupted {
            bail!("stopped after step {}, which is saved: the same command goes on", outcome.step);
        }
        let evaluation = conv_train::Learner::evaluate(&training)?;
        let perplexity = *evaluation.get("perplexity").context("a perplexity of val")?;
        // Searched for on the CPU, wherever it was trained.
        let network = training.frozen(&Device::Cpu)?;
        let translator = Translator::new(vec![network], corpus.vocabularies.encoders())?;
        let val = Part::read(&self.files(&plan.pair, "val")?)?;
        let (search, found) = val.choose(&translator)?;
        let [signature, chrf_signature] = val.signatures()?;
        let test = wants_test
            .then(|| Part::read(&self.files(&plan.pair, TEST)?)?.found(&translator, &search));
        let (languages, metrics) = (
            plan.pair.to_string(),
            BTreeMap::from([
                ("perplexity".to_string(), perplexity),
                ("bleu".to_string(), found.beam.bleu),
            ]),
        );
        let card = card(&languages, "Multi30k, for research and education only", metrics);
        task::save(&training, &folder.join("model"), &card, false)?;
        let learnt = (corpus.store.tokens()[1] + corpus.store.len() as u64) * plan.epochs as u64;
        Ok(Cell {
            pair: languages,
            variant: plan.variant.name.into(),
            seed: plan.seed,
            epochs: plan.epochs,
            parameters: conv_train::Learner::parameters(&training).count(),
            steps: outcome.step,
            seconds: outcome.seconds,
            threads: self.threads,
            device: self.device_name.clone(),
            target_tokens_per_second: learnt as f64 / outcome.seconds,
            perplexity,
            search,
            val: found,
            test: test.transpose()?,
            signature,
            chrf_signature,
            version: env!("CARGO_PKG_VERSION").into(),
            commit: experiment::commit(),
        })
    }

    /// Removes what a run goes on from, once its cell is kept; its model and its log stay.
    fn clear(&self, plan: &Plan) -> Result<()> {
        let folder = self.folder(plan);
        if !folder.is_dir() {
            return Ok(());
        }
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_weights = name.ends_with(".safetensors")
                && ["last.", "best.", "after-"].iter().any(|begin| name.starts_with(begin));
            if is_weights || name.starts_with(STORE) {
                std::fs::remove_file(&path).with_context(|| path.display().to_string())?;
            }
        }
        Ok(())
    }

    fn folder(&self, plan: &Plan) -> PathBuf {
        self.options.out.join(plan.to_string())
    }

    /// The files of a part of Multi30k.
    fn files(&self, pair: &Languages, part: &str) -> Result<PairFiles> {
        let data = data_folder(&self.data, pair)?;
        Ok(PairFiles::Two(pair.files(&data.join("translate/multi30k/tok").join(part))?))
    }
}

/// The pair of the published numbers.
fn main_pair() -> Languages {
    known("de-en")
}

fn known(pair: &str) -> Languages {
    pair.parse().unwrap_or_else(|_| unreachable!("it is a pair of languages"))
}

/// The encoded pairs, in a run's folder.
const STORE: &str = "train.pairs";

/// What a run learns from.
struct Corpus {
    vocabularies: Vocabularies,
    store: Store,
    dev: Dev,
}

impl Corpus {
    fn read(
        experiment: &ConvS2s,
        pair: &Languages,
        recipe: &Recipe,
        folder: &Path,
    ) -> Result<Self> {
        let train = experiment.files(pair, "train")?;
        let val = experiment.files(pair, "val")?;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let vocabularies = Vocabularies::train(&train, recipe)?;
        let (store, _) = vocabularies.store(&train, recipe, &folder.join(STORE))?;
        let dev = vocabularies.dev(&val, recipe)?;
        Ok(Self { vocabularies, store, dev })
    }

    fn training<'a>(&'a self, recipe: &'a Recipe, device: &Device) -> Result<Training<'a>> {
        let Self { vocabularies, store, dev } = self;
        let encoders = vocabularies.encoders();
        Ok(Training::new(recipe, store, dev, encoders, BTreeMap::new(), device)?)
    }
}
