//! `eval`: how often a rendered picture excites its unit more than every photograph.

use crate::flags::{AscentFlags, ModelFlags, other_units, sides};
use crate::folder::claim;
use anyhow::{Result, bail};
use candle_core::Device;
use clap::Args;
use conv_lens::evaluate::{Measured, Share, draw, measure, shares};
use conv_lens::{Survey, stages};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

#[derive(Debug, Args)]
pub struct Options {
    /// A folder of photographs to compare with
    #[arg(long)]
    photos: PathBuf,
    /// Units that are rendered, spread over the layers
    #[arg(long, default_value = "200")]
    units: usize,
    /// Layers, with commas [default: of GoogLeNet conv2/3x3 and inception_3a to inception_5b,
    /// otherwise all joints or rectified layers]
    #[arg(long, value_delimiter = ',')]
    layers: Vec<String>,
    #[arg(long, default_value = "128")]
    steps: usize,
    /// A folder for the rendered pictures; those that lie there already are not rendered again
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    model: ModelFlags,
    #[command(flatten)]
    ascent: AscentFlags,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let begun = Instant::now();
    if options.units == 0 {
        bail!("--units 0: expected at least 1");
    }
    let model = options.model.open(device)?;
    let rendering = options.ascent.rendering(&model, options.steps, Vec::new(), common.seed());
    rendering.check()?;
    if let Some(folder) = &options.out {
        claim(folder, &model, &rendering)?;
    }
    let layers = if options.layers.is_empty() {
        stages(model.network.graph())
    } else {
        options.layers.clone()
    };
    let sides = sides(&model, &rendering);
    let survey = Survey::measure(&model, &layers, &options.photos, &sides)?;
    survey.skipped.iter().for_each(|file| conv_cli::note(format_args!("left out: {file}")));
    let units = draw(&survey, options.units, common.seed());
    if units.is_empty() {
        bail!("no photograph in {} excites a unit of these layers", options.photos.display());
    }
    let stop = conv_cli::stop_on_signal()?;
    let mut number = 0;
    let folder = options.out.as_deref();
    let measured = measure(&model, &survey, &units, &rendering, folder, |one| {
        number += 1;
        conv_cli::note(format_args!("{number} of {}: {}", units.len(), Line(one)));
        !stop.load(Ordering::SeqCst)
    })?;
    let (all, layers) = shares(&survey, &measured);
    let answer = Answer {
        network: model.network.name(),
        units: all.units,
        mean_beats: all.mean_beats,
        maximum_beats: all.maximum_beats,
        layers,
        unexcited: all.unexcited,
        photographs: survey.photographs,
        skipped: survey.skipped.len(),
        sides,
        steps: rendering.steps,
        size: rendering.size,
        seed: rendering.seed,
        seconds: begun.elapsed().as_secs_f64(),
        measured,
        note: other_units(&model),
    };
    conv_cli::print(common.json, &answer)
}

#[derive(Serialize)]
struct Answer {
    network: &'static str,
    units: usize,
    mean_beats: f64,
    maximum_beats: f64,
    layers: Vec<Share>,
    unexcited: usize,
    photographs: usize,
    skipped: usize,
    sides: Vec<usize>,
    steps: usize,
    size: usize,
    seed: u64,
    seconds: f64,
    measured: Vec<Measured>,
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'static str,
}

/// A unit on a line.
struct Line<'a>(&'a Measured);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Measured { unit, mean, best_mean, maximum, best_maximum, .. } = self.0;
        write!(
            f,
            "{unit}: mean {mean:.2}, best photograph {best_mean:.2}; maximum {maximum:.1}, best {best_maximum:.1}"
        )
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, units, photographs, steps, size, seconds, unexcited, .. } = self;
        writeln!(
            f,
            "{units} units of {network} after {steps} steps at {size} pixels, beside {photographs} photographs, {seconds:.0} s"
        )?;
        writeln!(f, "{unexcited} channels that no photograph excites were not drawn from")?;
        writeln!(
            f,
            "{:24} {:>5}  {:>10}  {:>13}",
            "layer", "units", "mean beats", "maximum beats"
        )?;
        let line = |f: &mut fmt::Formatter<'_>, layer: &str, units: usize, shares: [f64; 2]| {
            write!(f, "{layer:24} {units:>5}")?;
            // Of a run that was broken off, a layer that was not reached.
            if units == 0 {
                return Ok(());
            }
            let [mean, maximum] = shares.map(|share| 100.0 * share);
            write!(f, "  {mean:>8.1} %  {maximum:>11.1} %")
        };
        for layer in &self.layers {
            line(f, &layer.layer, layer.units, [layer.mean_beats, layer.maximum_beats])?;
            writeln!(f)?;
        }
        line(f, "all", *units, [self.mean_beats, self.maximum_beats])?;
        for one in self.measured.iter().filter(|one| !one.mean_beats() || !one.maximum_beats()) {
            write!(f, "\nnot above every photograph: {}", Line(one))?;
        }
        match self.note {
            "" => Ok(()),
            note => write!(f, "\n{note}"),
        }
    }
}
