//! Sainath et al. (2015), "Learning the Speech Front-end With Raw Waveform CLDNNs": one factor at a
//! time, in small and with CTC; noises and rooms are for measuring alone.

mod cell;
mod table;

use crate::cells::Cells;
use crate::experiment::{self, Experiment, Flags, data_folder};
use crate::speech::{self, Data, Plan};
use crate::speed::Speed;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use cell::{Cell, Variant};
use clap::Args;
use conv_speech::data::Recordings;
use conv_speech::frontend::{FrontEnd, LogMelConfig, RawConfig, Start};
use conv_speech::{
    ConvolutionConfig, Recipe, Recognizer, Surroundings, SurroundingsConfig, Training, evaluate,
    filters, filters_picture,
};
use conv_train::report::Report;
use conv_train::{Direction, Interval, MonitoredMetric};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Noises that are for tests alone.
const NOISES: [&str; 2] = ["exercise_bike.flac", "running_tap.flac"];

/// What is measured besides clean speech, as it is called.
const RATIOS: [f64; 4] = [20.0, 10.0, 5.0, 0.0];
const ROOMS: &str = "rooms";

#[derive(Debug, Args)]
pub struct Options {
    /// Variants to run or print [default: all]
    #[arg(long, value_delimiter = ',')]
    variants: Vec<Variant>,
    /// Thread-minutes of a run at most, by which its epochs are cut
    #[arg(long, default_value_t = 40.0)]
    minutes: f64,
    /// Folder of the runs: one that was stopped goes on from its last checkpoint [default:
    /// runs/cldnn, with --quick runs/cldnn-quick]
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
    if !(options.minutes > 0.0 && options.minutes.is_finite()) {
        bail!("--minutes is {}, expected more than 0", options.minutes);
    }
    let cells = options.flags.cells("cldnn")?;
    let threads = common.threads()?;
    let seed = common.seed();
    let experiment =
        Network { options, data, device, cells, seed, threads, recordings: None, stop: None };
    experiment::run(experiment, &options.flags, common)
}

struct Network<'a> {
    options: &'a Options,
    data: Option<PathBuf>,
    device: &'a Device,
    cells: Cells<Cell>,
    seed: u64,
    threads: usize,
    recordings: Option<Data>,
    stop: Option<&'static AtomicBool>,
}

impl Experiment for Network<'_> {
    type Table = table::Table;
    type Speed = Speed;

    fn speed(&self, steps: u64) -> Result<Speed> {
        let variant = self.variants().first().copied().unwrap_or(Variant::Raw);
        let data = Data::read(&self.data, self.options.flags.quick)?;
        let recipe = self.recipe(variant);
        let training = Training::new(&recipe, &data.train, Some(&data.dev), None, self.device)?;
        Speed::of(&training, &recipe.fit, steps)
    }

    fn complete(&mut self, stop: &'static AtomicBool) -> Result<()> {
        self.stop = Some(stop);
        for variant in self.variants() {
            if self.kept(variant).is_some() && !self.options.flags.again {
                continue;
            }
            if self.recordings.is_none() {
                self.recordings = Some(Data::read(&self.data, self.options.flags.quick)?);
            }
            let Some(data) = &self.recordings else { break };
            let cell = self.train(variant, data)?;
            conv_cli::note(format_args!(
                "{}: WER {:.1} %, {:.1} thread-minutes",
                variant.name(),
                100.0 * cell.figures.wer,
                cell.figures.minutes
            ));
            self.cells.keep(cell)?;
        }
        Ok(())
    }

    fn table(&self) -> Result<table::Table> {
        let variants = self.variants();
        let rows = variants.iter().map(|&variant| (variant, self.kept(variant).cloned()));
        Ok(table::Table::new(rows.collect(), self.options.flags.quick))
    }
}

impl Network<'_> {
    fn variants(&self) -> Vec<Variant> {
        let asked = &self.options.variants;
        let all = Variant::ALL.into_iter();
        all.filter(|variant| asked.is_empty() || asked.contains(variant)).collect()
    }

    fn kept(&self, variant: Variant) -> Option<&Cell> {
        self.cells.pick(|cell| (cell.variant, cell.seed) == (variant, self.seed)).first().copied()
    }

    fn recipe(&self, variant: Variant) -> Recipe {
        let raw = RawConfig { stride: 4, ..RawConfig::default() };
        let front_end = match variant {
            Variant::Logmel => FrontEnd::LogMel(LogMelConfig::default()),
            Variant::Both => Recipe::both(),
            Variant::Random => FrontEnd::Raw(RawConfig { start: Start::Random, ..raw }),
            Variant::Window25 => FrontEnd::Raw(RawConfig { window_ms: raw.filter_ms, ..raw }),
            Variant::Raw | Variant::NoConvolution | Variant::Dense => FrontEnd::Raw(raw),
        };
        let mut recipe = Recipe::cldnn(front_end.clone());
        match variant {
            Variant::NoConvolution => recipe.convolutions = Vec::new(),
            Variant::Dense => {
                // A filter over all features and 21 frames is a dense layer over them.
                let features = front_end.features();
                recipe.convolutions = vec![ConvolutionConfig {
                    maps: 384,
                    kernel: [2 * features - 1, 21],
                    stride: [features, 4],
                    pool: 1,
                }];
                (recipe.stack, recipe.reduction, recipe.recurrent.layers) = (1, None, 0);
                recipe.dense = vec![384; 5];
            }
            _ => {}
        }
        let quick = self.options.flags.quick;
        recipe.fit.epochs = 80;
        if quick {
            // Few short recordings: what the preset for such has.
            let small = Recipe::small(front_end);
            (recipe.fit, recipe.masks, recipe.perturbation) =
                (small.fit, small.masks, small.perturbation);
            (recipe.spelled_apart, recipe.dropout, recipe.fit.epochs) = (false, small.dropout, 24);
        }
        recipe.fit.seed = self.seed;
        recipe.fit.evaluate_every = Interval::Epochs(if quick { 4 } else { 2 });
        recipe.fit.monitor =
            Some(MonitoredMetric { metric: "wer".into(), direction: Direction::Minimize });
        recipe
    }

    fn train(&self, variant: Variant, data: &Data) -> Result<Cell> {
        let own = if self.options.flags.quick { "runs/cldnn-quick" } else { "runs/cldnn" };
        let out = self.options.out.as_deref().unwrap_or(Path::new(own));
        let name = speech::name(&[&variant.folder(), &self.seed]);
        let plan = Plan {
            recipe: self.recipe(variant),
            start: None,
            folder: out.join(&name),
            minutes: self.options.minutes,
            threads: self.threads,
            again: self.options.flags.again,
            stop: self.stop,
        };
        let (figures, recognizer) = speech::run(&plan, data, self.device)?;
        let bands = filters(recognizer.model())?;
        if let Some(bands) = &bands {
            let path = out.join(format!("{name}-filters.html"));
            let picture = filters_picture(bands, data.train.rate);
            let page = Report::new("Filters over the waveform", variant.name());
            page.section("Centre frequencies and bandwidths", picture)
                .write(&path)
                .with_context(|| path.display().to_string())?;
        }
        let elsewhere = self.elsewhere(&recognizer, &data.dev)?;
        Ok(Cell { variant, seed: self.seed, figures, elsewhere, bands })
    }

    /// Word error rates where training has not been.
    fn elsewhere(
        &self,
        recognizer: &Recognizer,
        dev: &Recordings,
    ) -> Result<BTreeMap<String, f64>> {
        let folder = data_folder(&self.data, "a recogniser")?.join("speech");
        let noises = NOISES.map(|name| folder.join("noise").join(name));
        let surroundings = Surroundings::read(&noises, &[folder.join("rir")], dev.rate)?;
        let none = SurroundingsConfig::default();
        let noise = |ratio: f64| SurroundingsConfig { noise: 1.0, snr: [ratio; 2], ..none };
        let mut places: Vec<(String, SurroundingsConfig)> =
            RATIOS.iter().map(|&ratio| (ratio_name(ratio), noise(ratio))).collect();
        places.push((ROOMS.into(), SurroundingsConfig { room: 1.0, ..none }));
        let rate = |(name, config): (String, SurroundingsConfig)| {
            let heard = dev.clone().within(&surroundings, &config, 1)?;
            Ok((name, evaluate(recognizer, &heard)?.0.wer))
        };
        places.into_iter().map(rate).collect()
    }
}

fn ratio_name(ratio: f64) -> String {
    format!("{ratio:.0} dB")
}
