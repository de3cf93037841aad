//! Olah et al. (2017), "Feature Visualization", on GoogLeNet with Caffe's weights: how often a
//! rendered picture excites its unit more than every photograph, and what of that is left without
//! the spectrum, without decorrelated colours and without transformations.
//!
//! A cell is one unit rendered in one way. Units are drawn by the seed from those that some
//! photograph excites; the ablation has the first of each layer's.

mod cell;
mod table;

use crate::cells::Cells;
use crate::experiment::{self, Experiment, Flags, data_folder};
use crate::speed::{Memory, Speed, WARM_UP};
use anyhow::{Context, Result, bail};
use candle_core::Device;
use cell::{Cell, Way};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use conv_hub::files::write_atomic;
use conv_lens::evaluate::{draw, measure_picture, render_unit};
use conv_lens::{Climb, Objective, Survey, column, high_frequencies, render_all, row, stages};
use conv_vision::{Architecture, Limits, Picture, Pretrained};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// The network and the photographs within the folder of data sets.
const WEIGHTS: &str = "vision/weights/googlenet-bvlc.safetensors";
const PHOTOGRAPHS: &str = "vision/images/imagenet_samples";
/// The sides that photographs are measured at: the picture's and the network's own. The better
/// counts.
const SIDES: [usize; 2] = [128, 224];
/// What is timed: four pictures of a unit side by side.
const TIMED: (&str, usize) = ("inception_4c:64", 4);

#[derive(Debug, Args)]
pub struct Options {
    /// Units of each layer, conv2/3x3 and inception_3a to inception_5b [default: 20, with --quick
    /// 2]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    units: Option<usize>,
    /// Of these, how many are rendered with one thing missing too [default: 2, with --quick 1]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(0..=64))]
    ablated: Option<usize>,
    /// Steps of an ascent [default: 128, with --quick 64]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    steps: Option<usize>,
    /// Folder for the pictures
    #[arg(long, default_value = "runs/lens")]
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
    let (units, ablated, steps) = if flags.quick { (2, 1, 64) } else { (20, 2, 128) };
    let experiment = Lens {
        units: options.units.unwrap_or(units),
        ablated: options.ablated.unwrap_or(ablated),
        steps: options.steps.unwrap_or(steps),
        seed: common.seed(),
        threads: common.threads()?,
        cells: flags.cells("lens")?,
        out: &options.out,
        again: flags.again,
        data,
        device,
    };
    experiment::run(experiment, flags, common)
}

struct Lens<'a> {
    units: usize,
    ablated: usize,
    steps: usize,
    seed: u64,
    threads: usize,
    cells: Cells<Cell>,
    out: &'a Path,
    again: bool,
    data: Option<PathBuf>,
    device: &'a Device,
}

impl Experiment for Lens<'_> {
    type Table = table::Table;
    type Speed = Speed;

    fn speed(&self, steps: u64) -> Result<Speed> {
        let mut memory = Memory::now();
        let model = self.model()?;
        let (unit, pictures) = TIMED;
        let objective = Objective::parse(unit, &model)?;
        let climb = Climb::new(objective, (0..pictures as u64).collect());
        let taken = (WARM_UP + steps) as usize;
        let rendering = Way::Whole.rendering(taken, self.seed);
        let mut begun = Instant::now();
        let mut seconds = 0.0;
        render_all(&model, &[climb], &rendering, |taken| {
            let taken = taken[0].step as u64 + 1;
            if taken == WARM_UP {
                begun = Instant::now();
            } else if taken == WARM_UP + steps {
                seconds = begun.elapsed().as_secs_f64();
            }
            true
        })?;
        memory.look();
        Ok(Speed::new(steps, seconds, memory))
    }

    fn complete(&mut self, stop: &'static AtomicBool) -> Result<()> {
        let is_kept = |way: Way, count: usize| {
            let kept = self.kept();
            let of = |layer: &String| {
                kept.iter().filter(|cell| cell.way == way && cell.layer == *layer).count()
            };
            layers().iter().all(|layer| of(layer) >= count)
        };
        let missing = Way::ALL.iter().any(|&way| !is_kept(way, self.count(way)));
        if missing || self.again {
            self.render(stop)?;
        }
        self.draw_ablation()
    }

    fn table(&self) -> Result<table::Table> {
        Ok(table::table(self))
    }
}

/// The layers, from the pixels up.
fn layers() -> Vec<String> {
    stages(&Architecture::GoogLeNet.graph())
}

impl Lens<'_> {
    /// How many units of each layer are rendered in this way.
    fn count(&self, way: Way) -> usize {
        match way {
            Way::Whole => self.units,
            _ => self.ablated.min(self.units),
        }
    }

    /// The cells of these settings, by layer.
    fn kept(&self) -> Vec<&Cell> {
        self.cells.pick(|cell| (cell.steps, cell.seed) == (self.steps, self.seed))
    }

    fn cell(&self, way: Way, layer: &str, channel: usize) -> Option<&Cell> {
        let kept = self.kept();
        kept.into_iter()
            .find(|cell| (cell.way, cell.layer.as_str(), cell.channel) == (way, layer, channel))
    }

    fn model(&self) -> Result<Pretrained> {
        let path = data_folder(&self.data, "GoogLeNet")?.join(WEIGHTS);
        Ok(Pretrained::open(&path, self.device)?)
    }

    fn render(&mut self, stop: &AtomicBool) -> Result<()> {
        let model = self.model()?;
        let photographs = data_folder(&self.data, "GoogLeNet")?.join(PHOTOGRAPHS);
        let survey = Survey::measure(&model, &layers(), &photographs, &SIDES)?;
        survey.skipped.iter().for_each(|file| conv_cli::note(format_args!("left out: {file}")));
        conv_cli::note(format_args!("{} photographs measured", survey.photographs));
        let runs = self.runs(&survey);
        for (number, (way, layer, channel)) in runs.iter().enumerate() {
            if !self.again && self.cell(*way, layer, *channel).is_some() {
                continue;
            }
            if stop.load(Ordering::SeqCst) {
                bail!("stopped; the same command goes on with the next unit");
            }
            let cell = self.unit(&model, &survey, *way, layer, *channel)?;
            conv_cli::note(format_args!(
                "{} of {}: {layer}:{channel} {}: mean {:.2}, best photograph {:.2}; high {:.2} %; {:.1} s",
                number + 1,
                runs.len(),
                way.name(),
                cell.mean,
                cell.best_mean,
                100.0 * cell.high,
                cell.seconds
            ));
            self.cells.keep(cell)?;
        }
        Ok(())
    }

    /// A unit of each layer after the other, so that what is there is always of all layers; each
    /// unit in all ways that it is rendered in.
    fn runs(&self, survey: &Survey) -> Vec<(Way, String, usize)> {
        let layers = layers();
        let drawn = draw(survey, self.units * layers.len(), self.seed);
        let mut runs = Vec::new();
        for number in 0..self.units {
            for layer in &layers {
                let mut of_layer = drawn.iter().filter(|unit| unit.0 == *layer);
                let Some((_, channel)) = of_layer.nth(number) else { continue };
                let ways = Way::ALL.into_iter().filter(|&way| number < self.count(way));
                runs.extend(ways.map(|way| (way, layer.clone(), *channel)));
            }
        }
        runs
    }

    fn unit(
        &self,
        model: &Pretrained,
        survey: &Survey,
        way: Way,
        layer: &str,
        channel: usize,
    ) -> Result<Cell> {
        let begun = Instant::now();
        let rendering = way.rendering(self.steps, self.seed);
        let picture = render_unit(model, layer, channel, &rendering, None)?;
        let seconds = begun.elapsed().as_secs_f64();
        let path = self.picture(way, layer, channel);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        write_atomic(&path, &picture.to_png()?)
            .with_context(|| format!("writing {}", path.display()))?;
        let measured = measure_picture(model, survey, layer, channel, &picture)?;
        let of_layer = survey.layers.iter().find(|(name, _)| name == layer);
        let best = of_layer.map_or(&[][..], |(_, best)| best);
        Ok(Cell {
            way,
            layer: layer.into(),
            channel,
            steps: self.steps,
            seed: self.seed,
            mean: measured.mean,
            maximum: measured.maximum,
            best_mean: measured.best_mean,
            best_maximum: measured.best_maximum,
            high: high_frequencies(&picture)?,
            unexcited: best.iter().filter(|best| best.maximum <= 0.0).count(),
            photographs: survey.photographs,
            seconds,
            threads: self.threads,
            commit: experiment::commit(),
        })
    }

    fn picture(&self, way: Way, layer: &str, channel: usize) -> PathBuf {
        let folder = self.out.join(format!("{}-seed{}", self.steps, self.seed));
        folder.join(way.folder()).join(Cell::file(layer, channel))
    }

    /// The ablation as one picture: a row a unit, from the pixels up, a column a way. Units whose
    /// pictures are elsewhere are left out.
    fn draw_ablation(&self) -> Result<()> {
        let mut rows = Vec::new();
        for layer in layers() {
            let kept = self.kept();
            for cell in kept.iter().filter(|cell| cell.layer == layer && cell.way == Way::Whole) {
                let paths = Way::ALL.map(|way| self.picture(way, &layer, cell.channel));
                let drawn = paths.iter().map(|path| Picture::open(path, &Limits::default()).ok());
                if let Some(pictures) = drawn.collect::<Option<Vec<_>>>() {
                    rows.push(row(&pictures)?);
                }
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let path = self.out.join(format!("ablation-{}-seed{}.png", self.steps, self.seed));
        write_atomic(&path, &column(&rows)?.to_png()?)
            .with_context(|| format!("writing {}", path.display()))?;
        let ways = Way::ALL.map(Way::name).join(", ");
        conv_cli::note(format_args!("{}: {ways}", path.display()));
        Ok(())
    }
}
