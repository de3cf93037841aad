//! The table as it is printed: who paints how well in what time, and each pair.

use super::Pairs;
use super::cell::{Cell, Way};
use crate::cells::{each, median};
use serde::Serialize;
use std::fmt;

/// What is to be reached of thirty pairs at 256 pixels beside 300 evaluations: the share of the
/// descent's fall that the bank gets, its style term as a multiple of single-style networks', and
/// how many times faster it is.
const BARS: (f64, f64, f64) = (0.8, 1.25, 500.0);
const PAIRS: usize = 30;

#[derive(Debug, Serialize)]
pub struct Table {
    size: usize,
    evaluations: usize,
    /// What tells the losses and the bank's weights from others.
    losses: String,
    weights: String,
    ways: Vec<Row>,
    pairs: Vec<Pair>,
    /// Medians over the pairs that have both.
    fall: Option<f64>,
    faster: Option<f64>,
    /// By style: the bank's style term over the single-style network's.
    of_single: Vec<(String, usize, f64)>,
    hours: f64,
    threads: Vec<usize>,
    commits: Vec<String>,
}

/// A way: medians over its pairs.
#[derive(Debug, Serialize)]
struct Row {
    way: Way,
    pairs: usize,
    loss: Option<f64>,
    content: Option<f64>,
    style: Option<f64>,
    seconds: Option<f64>,
    peak_mib: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Pair {
    photograph: String,
    style: String,
    start: f64,
    /// As [`Way::ALL`]: loss and style term.
    found: [Option<(f64, f64)>; 3],
    fall: Option<f64>,
    faster: Option<f64>,
}

pub fn table(pairs: &Pairs) -> Table {
    let weights = |way: Way, style: &str| match way {
        Way::Bank => Some(pairs.bank.hash.clone()),
        Way::Gatys | Way::Single => pairs.painter(way, style).map(|(weights, _)| weights),
    };
    let all = pairs.cells.pick(|_| true);
    let names = each(all.iter().map(|cell| (cell.photograph.clone(), cell.style.clone())));
    let of = |photograph: &str, style: &str| {
        Way::ALL.map(|way| pairs.kept(way, photograph, style, weights(way, style).as_deref()))
    };
    let cells = names.iter().map(|(photograph, style)| of(photograph, style));
    let found: Vec<[Option<&Cell>; 3]> =
        cells.filter(|cells| cells.iter().any(Option::is_some)).collect();
    let rows: Vec<Pair> = found.iter().filter_map(pair).collect();
    let kept: Vec<&Cell> = found.iter().flatten().flatten().copied().collect();
    let of_single = |style: String| {
        let ratios = found.iter().filter_map(|[_, bank, single]| {
            let bank = (*bank)?;
            let single = (*single)?;
            (bank.style == style).then(|| bank.found.sum.style / single.found.sum.style)
        });
        let ratios: Vec<f64> = ratios.collect();
        let count = ratios.len();
        median(ratios).map(|ratio| (style, count, ratio))
    };
    let styles = each(kept.iter().map(|cell| cell.style.clone()));
    Table {
        size: pairs.size,
        evaluations: pairs.evaluations,
        losses: pairs.key.clone(),
        weights: pairs.bank.hash.clone(),
        ways: Way::ALL.into_iter().map(|way| row(way, &kept)).collect(),
        fall: median(rows.iter().filter_map(|pair| pair.fall).collect()),
        faster: median(rows.iter().filter_map(|pair| pair.faster).collect()),
        of_single: styles.into_iter().filter_map(of_single).collect(),
        hours: kept.iter().map(|cell| cell.found.seconds).sum::<f64>() / 3600.0,
        threads: each(kept.iter().map(|cell| cell.threads)),
        commits: each(kept.iter().map(|cell| cell.commit.clone())),
        pairs: rows,
    }
}

fn pair(cells: &[Option<&Cell>; 3]) -> Option<Pair> {
    let first = cells.iter().flatten().next()?;
    let start = first.found.start.loss;
    let loss = |cell: Option<&Cell>| cell.map(|cell| cell.found.sum.loss);
    let [gatys, bank, _] = *cells;
    let fall = loss(gatys).zip(loss(bank)).map(|(gatys, bank)| (start - bank) / (start - gatys));
    Some(Pair {
        photograph: first.photograph.clone(),
        style: first.style.clone(),
        start,
        found: cells.map(|cell| cell.map(|cell| (cell.found.sum.loss, cell.found.sum.style))),
        fall,
        faster: gatys.zip(bank).map(|(gatys, bank)| gatys.found.seconds / bank.found.seconds),
    })
}

fn row(way: Way, kept: &[&Cell]) -> Row {
    let own: Vec<&Cell> = kept.iter().filter(|cell| cell.way == way).copied().collect();
    let of = |number: fn(&Cell) -> f64| median(own.iter().map(|cell| number(cell)).collect());
    let peaks = own.iter().filter_map(|cell| cell.found.peak_kib).map(|kib| kib as f64 / 1024.0);
    Row {
        way,
        pairs: own.len(),
        loss: of(|cell| cell.found.sum.loss),
        content: of(|cell| cell.found.sum.content),
        style: of(|cell| cell.found.sum.style),
        seconds: of(|cell| cell.found.seconds),
        peak_mib: median(peaks.collect()),
    }
}

impl Table {
    /// Whether a figure is what it is to be, where the pairs are there that it is to be of.
    fn holds(&self, fits: bool) -> &'static str {
        let both = self.pairs.iter().filter(|pair| pair.fall.is_some()).count();
        match () {
            () if (self.size, self.evaluations) != (256, 300) => "no bar",
            () if both < PAIRS => "fewer than 30 pairs",
            () if fits => "holds",
            () => "MISSED",
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, evaluations, ways, pairs, fall, faster, of_single, hours, .. } = self;
        writeln!(
            f,
            "Neural style three ways on the same pairs, {size} pixels, {evaluations} evaluations of the descent from the photograph, under\n\
             the losses that the bank was trained with. Losses are of the written pictures; memory is what a process of its own held\n\
             at most until it had painted.\n"
        )?;
        writeln!(
            f,
            "| medians | pairs | loss | content | style | seconds | peak, MiB |\n|---|---|---|---|---|---|---|"
        )?;
        let sci = |value: &Option<f64>| value.map_or("–".into(), |value| format!("{value:.3e}"));
        for Row { way, pairs, loss, content, style, seconds, peak_mib } in ways {
            let seconds = seconds.map_or("–".into(), |seconds| format!("{seconds:.2}"));
            let peak = peak_mib.map_or("–".into(), |peak| format!("{peak:.0}"));
            let [loss, content, style] = [loss, content, style].map(sci);
            writeln!(
                f,
                "| {} | {pairs} | {loss} | {content} | {style} | {seconds} | {peak} |",
                way.name()
            )?;
        }
        writeln!(f, "\n| figure | bar | ours | |\n|---|---|---|---|")?;
        let (least, most, times) = BARS;
        let line = |f: &mut fmt::Formatter<'_>,
                    name: &str,
                    bar: String,
                    ours: Option<String>,
                    holds: &str| {
            let (ours, holds) = ours.map_or(("–".into(), "not run"), |ours| (ours, holds));
            writeln!(f, "| {name} | {bar} | {ours} | {holds} |")
        };
        let share = fall.map(|fall| format!("{:.1} %", 100.0 * fall));
        let holds = self.holds(fall.is_some_and(|fall| fall >= least));
        line(
            f,
            "share of the descent's fall in loss",
            format!("≥ {:.0} %", 100.0 * least),
            share,
            holds,
        )?;
        let quick = faster.map(|faster| format!("{faster:.0} ×"));
        let holds = self.holds(faster.is_some_and(|faster| faster >= times));
        line(f, "times faster than the descent", format!("≥ {times} ×"), quick, holds)?;
        if of_single.is_empty() {
            line(f, "style term over a single-style network's", format!("≤ {most}"), None, "")?;
        }
        for (style, count, ratio) in of_single {
            let name =
                format!("style term over the single-style network's, {style}, {count} pairs");
            let holds = if *ratio <= most { "holds" } else { "MISSED" };
            line(f, &name, format!("≤ {most}"), Some(format!("{ratio:.2}")), holds)?;
        }
        writeln!(
            f,
            "\n| photograph | style | start | Gatys | StyleBank | single-style | share of the fall | style: Gatys | StyleBank | single-style |\n\
             |---|---|---|---|---|---|---|---|---|---|"
        )?;
        for Pair { photograph, style, start, found, fall, .. } in pairs {
            let losses = found.map(|found| sci(&found.map(|found| found.0))).join(" | ");
            let styles = found.map(|found| sci(&found.map(|found| found.1))).join(" | ");
            let fall = fall.map_or("–".into(), |fall| format!("{:.1} %", 100.0 * fall));
            writeln!(f, "| {photograph} | {style} | {start:.3e} | {losses} | {fall} | {styles} |")?;
        }
        let threads = self.threads.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let commits = self.commits.join(", ");
        write!(f, "\n{hours:.2} hours of painting in all, on {threads} threads; commit {commits}")
    }
}
