//! The table as it is printed: shares by layer, the ablation, and the units that a photograph
//! excites more.

use super::cell::{Cell, Way};
use super::{Lens, layers};
use crate::cells::{each, median};
use serde::Serialize;
use std::fmt;

/// What is to be reached of all units: the share whose mean, and whose maximum, is above every
/// photograph's.
const BARS: [f64; 2] = [0.9, 0.8];
/// The same of a layer's means.
const LAYER: f64 = 0.75;
/// Steps that the bars are for.
const STEPS: usize = 128;

#[derive(Debug, Serialize)]
pub struct Table {
    steps: usize,
    seed: u64,
    photographs: Option<usize>,
    layers: Vec<Row>,
    all: Row,
    ablation: Vec<Ablated>,
    /// Of the whole way, where a photograph is above the picture.
    below: Vec<Cell>,
    hours: f64,
    threads: Vec<usize>,
    commits: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    layer: String,
    units: usize,
    /// That are to be rendered.
    of: usize,
    mean_beats: usize,
    maximum_beats: usize,
    /// The median of the picture's mean over the best photograph's.
    times: Option<f64>,
    unexcited: Option<usize>,
}

impl Row {
    fn of(layer: &str, cells: &[&Cell], of: usize) -> Self {
        let times = cells.iter().map(|cell| cell.mean / cell.best_mean).collect();
        Self {
            layer: layer.into(),
            units: cells.len(),
            of,
            mean_beats: cells.iter().filter(|cell| cell.mean_beats()).count(),
            maximum_beats: cells.iter().filter(|cell| cell.maximum_beats()).count(),
            times: median(times),
            unexcited: cells.first().map(|cell| cell.unexcited),
        }
    }

    /// Against the shares that are to be reached, where all is there.
    fn holds(&self, [mean, maximum]: [f64; 2], steps: usize) -> &'static str {
        let share = |count: usize| count as f64 / self.units as f64;
        match () {
            () if self.units < self.of => "not all run",
            () if steps != STEPS => "no bar",
            () if share(self.mean_beats) < mean || share(self.maximum_beats) < maximum => "MISSED",
            () => "holds",
        }
    }
}

/// A way of the ablation: medians over the units that were rendered in all ways.
#[derive(Debug, Serialize)]
struct Ablated {
    way: &'static str,
    units: usize,
    /// The share of energy above half the Nyquist frequency.
    high: Option<f64>,
    /// In how many units that is more than with everything.
    rises: usize,
    times: Option<f64>,
    mean_beats: usize,
}

pub fn table(lens: &Lens) -> Table {
    let kept = lens.kept();
    let whole = |layer: &str| -> Vec<&Cell> {
        let of_layer = |cell: &&&Cell| cell.way == Way::Whole && cell.layer == layer;
        kept.iter().filter(of_layer).copied().collect()
    };
    let names = layers();
    let rows: Vec<Row> =
        names.iter().map(|layer| Row::of(layer, &whole(layer), lens.units)).collect();
    let every: Vec<&Cell> = names.iter().flat_map(|layer| whole(layer)).collect();
    let mut all = Row::of("all", &every, lens.units * names.len());
    all.unexcited = rows.iter().map(|row| row.unexcited).sum();
    // The units that are there in every way.
    let full = every.iter().filter_map(|cell| {
        let of = |way| lens.cell(way, &cell.layer, cell.channel);
        Way::ALL.map(of).into_iter().collect::<Option<Vec<_>>>()
    });
    let full: Vec<Vec<&Cell>> = full.collect();
    let ablated = |(column, way): (usize, Way)| {
        let of: Vec<&Cell> = full.iter().map(|unit| unit[column]).collect();
        Ablated {
            way: way.name(),
            units: of.len(),
            high: median(of.iter().map(|cell| cell.high).collect()),
            rises: full.iter().filter(|unit| unit[column].high > unit[0].high).count(),
            times: median(of.iter().map(|cell| cell.mean / cell.best_mean).collect()),
            mean_beats: of.iter().filter(|cell| cell.mean_beats()).count(),
        }
    };
    let below = |cell: &&&Cell| !cell.mean_beats() || !cell.maximum_beats();
    Table {
        steps: lens.steps,
        seed: lens.seed,
        photographs: kept.first().map(|cell| cell.photographs),
        ablation: Way::ALL.into_iter().enumerate().map(ablated).collect(),
        below: every.iter().filter(below).map(|cell| (*cell).clone()).collect(),
        hours: kept.iter().map(|cell| cell.seconds).sum::<f64>() / 3600.0,
        threads: each(kept.iter().map(|cell| cell.threads)),
        commits: each(kept.iter().map(|cell| cell.commit.clone())),
        layers: rows,
        all,
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, seed, photographs, layers, all, ablation, below, hours, .. } = self;
        let photographs = photographs.map_or("the".into(), |count| count.to_string());
        writeln!(
            f,
            "Feature visualisation after Olah et al. (2017): random units of GoogLeNet (Caffe's weights: other units than those of the\n\
             paper's Inception), {steps} steps at 128 pixels, seed {seed}, beside {photographs} photographs at 128 and 224 pixels. In how\n\
             many units the written picture's mean, and its maximum, over the positions is above every photograph's.\n"
        )?;
        writeln!(
            f,
            "| layer | units | mean beats | maximum beats | mean over the best photograph's, median | excited by no photograph | |\n\
             |---|---|---|---|---|---|---|"
        )?;
        for (row, bars) in layers.iter().map(|row| (row, [LAYER, 0.0])).chain([(all, BARS)]) {
            let Row { layer, units, mean_beats, maximum_beats, times, unexcited, .. } = row;
            let share = |count: &usize| match units {
                0 => "–".into(),
                _ => format!("{count} ({:.1} %)", 100.0 * *count as f64 / *units as f64),
            };
            let times = times.map_or("–".into(), |times| format!("{times:.1}"));
            let unexcited = unexcited.map_or("–".into(), |count| count.to_string());
            writeln!(
                f,
                "| {layer} | {units} | {} | {} | {times} | {unexcited} | {} |",
                share(mean_beats),
                share(maximum_beats),
                row.holds(bars, *steps)
            )?;
        }
        writeln!(
            f,
            "\nThe same units with one thing missing; energy above half the Nyquist frequency (waves of fewer than four pixels):\n\n\
             | ascent | units | energy above half Nyquist, median | more than with everything | mean over the best photograph's, median | mean beats |\n\
             |---|---|---|---|---|---|"
        )?;
        for Ablated { way, units, high, rises, times, mean_beats } in ablation {
            let (Some(high), Some(times)) = (high, times) else {
                writeln!(f, "| {way} | not run | – | – | – | – |")?;
                continue;
            };
            let rises = if *way == Way::Whole.name() {
                "–".into()
            } else {
                format!("{rises} of {units}")
            };
            writeln!(
                f,
                "| {way} | {units} | {:.2} % | {rises} | {times:.1} | {mean_beats} of {units} |",
                100.0 * high
            )?;
        }
        writeln!(
            f,
            "\nNot above every photograph:{}",
            if below.is_empty() { " none" } else { "" }
        )?;
        for Cell { layer, channel, mean, best_mean, maximum, best_maximum, .. } in below {
            writeln!(
                f,
                "- {layer}:{channel}: mean {mean:.2}, best photograph {best_mean:.2}; maximum {maximum:.1}, best {best_maximum:.1}"
            )?;
        }
        let threads = self.threads.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let commits = self.commits.join(", ");
        write!(f, "\n{hours:.2} hours of ascent in all, on {threads} threads; commit {commits}")
    }
}
