//! Battenberg et al. (2017), "Exploring Neural Transducers for End-to-End Speech Recognition": the
//! same encoder under three losses, on two front ends; and what reading forward only and the
//! reduction of time cost. Everything is chosen and measured on dev.

mod cell;
mod table;

use crate::cells::Cells;
use crate::experiment::{self, Experiment, Flags};
use crate::speech::{self, Data, Plan, model_of};
use crate::speed::Speed;
use anyhow::{Result, bail};
use candle_core::Device;
use cell::{Cell, Front, Key, Loss, Part};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use conv_speech::frontend::{FrontEnd, LogMelConfig};
use conv_speech::{Recipe, Training};
use conv_train::{Direction, Interval, MonitoredMetric};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Thread-minutes of a run of either part at most.
const MINUTES: [f64; 2] = [80.0, 40.0];

#[derive(Debug, Args)]
pub struct Options {
    /// Parts to run or print [default: both]
    #[arg(long, value_delimiter = ',')]
    parts: Vec<Part>,
    /// Losses to run or print [default: all]
    #[arg(long, value_delimiter = ',')]
    losses: Vec<Loss>,
    /// Front ends to run or print [default: both]
    #[arg(long, value_delimiter = ',')]
    fronts: Vec<Front>,
    /// Seeds of the loss that is best on log-mel energies, from --seed on [default: 3, with --quick
    /// 1]
    #[arg(long, value_parser = RangedU64ValueParser::<u64>::new().range(1..=100))]
    seeds: Option<u64>,
    /// Thread-minutes of a run at most, by which its epochs are cut [default: 80, of encoders 40]
    #[arg(long)]
    minutes: Option<f64>,
    /// Folder of the runs: one that was stopped goes on from its last checkpoint [default:
    /// runs/neural-transducers, with --quick runs/neural-transducers-quick]
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

pub fn run(
    options: &Options,
    data: Option<PathBuf>,
    common: &conv_cli::Common,
    device: &Device,
) -> Result<()> {
    if options.minutes.is_some_and(|minutes| !(minutes > 0.0 && minutes.is_finite())) {
        bail!("--minutes is {:?}, expected more than 0", options.minutes.unwrap_or_default());
    }
    let experiment = Transducers {
        cells: options.flags.cells("neural-transducers")?,
        threads: common.threads()?,
        seed: common.seed(),
        recordings: None,
        stop: None,
        options,
        data,
        device,
    };
    experiment::run(experiment, &options.flags, common)
}

struct Transducers<'a> {
    options: &'a Options,
    data: Option<PathBuf>,
    device: &'a Device,
    cells: Cells<Cell>,
    seed: u64,
    threads: usize,
    recordings: Option<Data>,
    stop: Option<&'static AtomicBool>,
}

impl Experiment for Transducers<'_> {
    type Table = table::Table;
    type Speed = Speed;

    fn speed(&self, steps: u64) -> Result<Speed> {
        let Some(key) = self.keys().into_iter().next() else { bail!("no run is asked for") };
        let data = Data::read(&self.data, self.options.flags.quick)?;
        let recipe = self.recipe(key);
        let training = Training::new(&recipe, &data.train, Some(&data.dev), None, self.device)?;
        Speed::of(&training, &recipe.fit, steps)
    }

    fn complete(&mut self, stop: &'static AtomicBool) -> Result<()> {
        self.stop = Some(stop);
        for key in self.keys() {
            self.complete_one(key)?;
        }
        // The best loss is known only now.
        for key in self.further() {
            self.complete_one(key)?;
        }
        Ok(())
    }

    fn table(&self) -> Result<table::Table> {
        let keys: Vec<Key> = self.keys().into_iter().chain(self.further()).collect();
        let cells = self.cells.pick(|cell| keys.contains(&cell.key)).into_iter().cloned();
        Ok(table::Table::new(keys.clone(), cells.collect(), self.options.flags.quick))
    }
}

impl Transducers<'_> {
    /// All runs of the first seed, CTC before those that start from it.
    fn keys(&self) -> Vec<Key> {
        let Options { parts, losses, fronts, .. } = self.options;
        let mut keys = Vec::new();
        let asked = |key: &Key| {
            (parts.is_empty() || parts.contains(&key.part))
                && (losses.is_empty() || losses.contains(&key.loss))
                && (fronts.is_empty() || fronts.contains(&key.front))
        };
        for loss in Loss::ALL {
            for front in [Front::Logmel, Front::Raw] {
                let (part, seed) = (Part::Losses, self.seed);
                keys.push(Key { part, loss, front, both: true, reduction: 4, seed });
            }
        }
        for (loss, reductions) in [(Loss::Ctc, &[2, 4, 8][..]), (Loss::Rnnt, &[4])] {
            for &reduction in reductions {
                for both in [false, true] {
                    let part = Part::Encoders;
                    let front = Front::Logmel;
                    keys.push(Key { part, loss, front, both, reduction, seed: self.seed });
                }
            }
        }
        keys.retain(asked);
        keys
    }

    /// Further seeds of the best loss, on both front ends, once each loss has been run.
    fn further(&self) -> Vec<Key> {
        let seeds = self.options.seeds.unwrap_or(if self.options.flags.quick { 1 } else { 3 });
        let first: Vec<Key> = self.keys().into_iter().filter(|k| k.part == Part::Losses).collect();
        let of_log_mel: Vec<&Key> = first.iter().filter(|k| k.front == Front::Logmel).collect();
        let kept: Vec<&Cell> = of_log_mel.iter().filter_map(|key| self.kept(**key)).collect();
        let best = kept.iter().min_by(|a, b| a.figures.wer.total_cmp(&b.figures.wer));
        let Some(best) = best.filter(|_| kept.len() == of_log_mel.len()) else {
            return Vec::new();
        };
        let more = (1..seeds).flat_map(|more| {
            let seed = self.seed.wrapping_add(more);
            let same = first.iter().filter(|key| key.loss == best.key.loss);
            same.map(move |key| Key { seed, ..*key })
        });
        // They start from CTC's of their own seed.
        let with_start = more.flat_map(|key| match key.loss {
            Loss::Ctc => vec![key],
            _ => vec![Key { loss: Loss::Ctc, ..key }, key],
        });
        with_start.collect()
    }

    fn kept(&self, key: Key) -> Option<&Cell> {
        self.cells.pick(|cell| cell.key == key).first().copied()
    }

    fn folder(&self, key: Key) -> PathBuf {
        let own = if self.options.flags.quick {
            "runs/neural-transducers-quick"
        } else {
            "runs/neural-transducers"
        };
        self.options.out.as_deref().unwrap_or(Path::new(own)).join(key.folder())
    }

    fn recipe(&self, key: Key) -> Recipe {
        let front_end = match key.front {
            Front::Logmel => FrontEnd::LogMel(LogMelConfig::default()),
            Front::Raw => Recipe::raw(),
        };
        let quick = self.options.flags.quick;
        let mut recipe = if quick { Recipe::small(front_end) } else { Recipe::medium(front_end) };
        recipe.objective = key.loss.objective();
        recipe.recurrent.bidirectional = key.both;
        // The same filters, whatever the reduction.
        let strides = match key.reduction {
            2 => [2, 1],
            8 => [2, 4],
            _ => [2, 2],
        };
        for (convolution, stride) in recipe.convolutions.iter_mut().zip(strides) {
            convolution.stride[1] = stride;
        }
        let is_first = key.loss == Loss::Ctc;
        recipe.fit.epochs = match (quick, key.part, is_first) {
            (true, _, true) => 24,
            (true, _, false) => 8,
            (false, Part::Losses, true) => 110,
            (false, Part::Encoders, true) => 46,
            (false, _, false) => 30,
        };
        // What is there is kept, and the new layers are learnt.
        recipe.fit.learning_rate *= if is_first { 1.0 } else { 0.5 };
        recipe.fit.seed = key.seed;
        let every = if quick { 4 } else { 2 };
        recipe.fit.evaluate_every = Interval::Epochs(every);
        recipe.fit.monitor =
            Some(MonitoredMetric { metric: "wer".into(), direction: Direction::Minimize });
        recipe
    }

    fn complete_one(&mut self, key: Key) -> Result<()> {
        if self.kept(key).is_some() && !self.options.flags.again {
            return Ok(());
        }
        if self.recordings.is_none() {
            self.recordings = Some(Data::read(&self.data, self.options.flags.quick)?);
        }
        let Some(data) = &self.recordings else { return Ok(()) };
        let start = match key.loss {
            Loss::Ctc => None,
            _ => Some(model_of(&self.folder(Key { loss: Loss::Ctc, ..key }))?),
        };
        let limit = match key.part {
            Part::Losses => MINUTES[0],
            Part::Encoders => MINUTES[1],
        };
        let plan = Plan {
            recipe: self.recipe(key),
            start,
            folder: self.folder(key),
            minutes: self.options.minutes.unwrap_or(limit),
            threads: self.threads,
            again: self.options.flags.again,
            stop: self.stop,
        };
        let (figures, _) = speech::run(&plan, data, self.device)?;
        conv_cli::note(format_args!(
            "{}: WER {:.1} %, CER {:.1} %, {:.1} thread-minutes",
            key.folder(),
            100.0 * figures.wer,
            100.0 * figures.cer,
            figures.minutes
        ));
        self.cells.keep(Cell { key, figures })
    }
}
