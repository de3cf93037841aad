//! The table as it is printed: others' numbers, ours, and what each change of the recipe does.

use super::cell::{Cell, Scores};
use super::recipes::{SMALL, VARIANTS};
use super::{ConvS2s, SHORT, TEST};
use crate::cells::mean_and_spread;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The numbers that others published, and what ours must reach.
#[derive(Debug, Deserialize)]
struct Published {
    system: Vec<System>,
    bar: Bar,
}

#[derive(Debug, Serialize, Deserialize)]
struct System {
    name: String,
    parameters: Option<f64>,
    bleu: f64,
    hours: Option<f64>,
    search: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Bar {
    pair: String,
    bleu: f64,
    seeds: usize,
    parameters: f64,
    /// Of each run.
    hours: f64,
}

/// The table as it is printed.
#[derive(Debug, Serialize)]
pub struct Table {
    published: Vec<System>,
    bar: Bar,
    rows: Vec<Row>,
    /// Short runs; empty with `--quick`.
    ablations: Vec<Row>,
}

/// The runs of a pair, variant and number of epochs.
#[derive(Debug, Default, Serialize)]
struct Row {
    pair: String,
    variant: &'static str,
    what: &'static str,
    epochs: usize,
    runs: usize,
    parameters: Option<usize>,
    threads: Option<usize>,
    /// What they were trained on.
    devices: Vec<String>,
    test: Option<Summary>,
    val: Option<Summary>,
    perplexity: Option<f64>,
    /// BLEU on val less that of the recipe as it is, over the seeds that both have.
    difference: Option<f64>,
    /// Of each run, at most.
    hours: Option<f64>,
    tokens_per_second: Option<f64>,
    length_penalties: Vec<f64>,
    holds: &'static str,
}

/// Means over the runs.
#[derive(Debug, Serialize)]
struct Summary {
    bleu: f64,
    spread: Option<f64>,
    greedy: f64,
    chrf: f64,
    multi_bleu: f64,
}

impl Summary {
    fn of<'a>(scores: &[(&'a Scores, &'a Scores)]) -> Option<Self> {
        let mean = |value: &dyn Fn(&(&'a Scores, &'a Scores)) -> f64| {
            mean_and_spread(&scores.iter().map(value).collect::<Vec<_>>())
        };
        let (bleu, spread) = mean(&|(beam, _)| beam.bleu);
        (!scores.is_empty()).then(|| Self {
            bleu,
            spread: (scores.len() > 1).then_some(spread),
            greedy: mean(&|(_, greedy)| greedy.bleu).0,
            chrf: mean(&|(beam, _)| beam.chrf).0,
            multi_bleu: mean(&|(beam, _)| beam.multi_bleu).0,
        })
    }
}

pub fn table(experiment: &ConvS2s) -> Result<Table> {
    let Published { system, bar } = toml::from_str(include_str!("published.toml"))?;
    let options = experiment.options;
    let row = |pair: &str, variant: &super::Variant, epochs: usize| -> Row {
        let of = |name: &str| -> Vec<&Cell> {
            experiment.cells.pick(|cell| {
                (cell.pair.as_str(), cell.variant.as_str(), cell.epochs) == (pair, name, epochs)
            })
        };
        let cells = of(variant.name);
        let as_it_is = of(SMALL.name);
        let mut row = Row::of(&cells);
        (row.pair, row.variant, row.what, row.epochs) =
            (pair.into(), variant.name, variant.what, epochs);
        row.difference = difference(&cells, &as_it_is).filter(|_| variant.name != SMALL.name);
        row.holds = row.judge(&bar, &cells, epochs >= variant.epochs());
        row
    };
    let mut rows: Vec<Row> = Vec::new();
    if !options.ablations {
        for plan in experiment.plans() {
            let pair = plan.pair.to_string();
            let is_there =
                |row: &Row| (row.pair.as_str(), row.variant) == (pair.as_str(), plan.variant.name);
            if !rows.iter().any(is_there) {
                rows.push(row(&pair, &plan.variant, plan.epochs));
            }
        }
    }
    let epochs = options.epochs.filter(|_| options.ablations).unwrap_or(SHORT);
    let variants = VARIANTS.iter().filter(|_| !options.flags.quick);
    let ablations = variants.map(|variant| row(&bar.pair, variant, epochs)).collect();
    Ok(Table { published: system, bar, rows, ablations })
}

/// The mean difference of BLEU on val over the seeds that both have.
fn difference(cells: &[&Cell], others: &[&Cell]) -> Option<f64> {
    let pairs = cells.iter().filter_map(|cell| {
        let other = others.iter().find(|other| other.seed == cell.seed)?;
        Some(cell.val.beam.bleu - other.val.beam.bleu)
    });
    let differences: Vec<f64> = pairs.collect();
    (!differences.is_empty()).then(|| mean_and_spread(&differences).0)
}

impl Row {
    fn of(cells: &[&Cell]) -> Self {
        let mean = |value: fn(&Cell) -> f64| {
            let values: Vec<f64> = cells.iter().map(|cell| value(cell)).collect();
            (!values.is_empty()).then(|| mean_and_spread(&values).0)
        };
        let tests: Vec<_> = cells.iter().filter_map(|cell| cell.test.as_ref()).collect();
        let tests: Vec<_> = tests.iter().map(|found| (&found.beam, &found.greedy)).collect();
        let vals: Vec<_> = cells.iter().map(|cell| (&cell.val.beam, &cell.val.greedy)).collect();
        Self {
            runs: cells.len(),
            parameters: cells.iter().map(|cell| cell.parameters).max(),
            threads: cells.iter().map(|cell| cell.threads).max(),
            devices: unique(cells.iter().map(|cell| cell.device.clone())),
            test: Summary::of(&tests),
            val: Summary::of(&vals),
            perplexity: mean(|cell| cell.perplexity),
            hours: cells.iter().map(|cell| cell.seconds / 3600.0).max_by(f64::total_cmp),
            tokens_per_second: mean(|cell| cell.target_tokens_per_second),
            length_penalties: cells.iter().map(|cell| cell.search.length_penalty).collect(),
            ..Self::default()
        }
    }

    fn judge(&self, bar: &Bar, cells: &[&Cell], is_whole: bool) -> &'static str {
        let tested = cells.iter().filter(|cell| cell.test.is_some()).count();
        match (&self.test, self.parameters, self.hours) {
            _ if cells.is_empty() => "not run",
            (None, ..) => "val alone",
            _ if self.pair != bar.pair || !is_whole || self.devices != ["cpu"] => "no bar",
            (Some(test), ..) if test.bleu < bar.bleu => "MISSED",
            (_, Some(parameters), _) if parameters as f64 > bar.parameters => "TOO LARGE",
            (_, _, Some(hours)) if hours > bar.hours => "TOO SLOW",
            _ if tested < bar.seeds => "too few seeds",
            _ => "holds",
        }
    }
}

fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("–".into(), |value| format!("{value:.digits$}"))
}

fn millions(parameters: Option<f64>) -> String {
    parameters.map_or("–".into(), |count| format!("{:.1} M", count / 1e6))
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bar { pair, bleu, seeds, parameters, hours } = &self.bar;
        writeln!(
            f,
            "Gehring et al. (2017) on Multi30k, lower-cased and tokenised, {TEST}. BLEU is sacreBLEU's of the tokens as they are.\n\
             Published, {pair}:\n\n| system | parameters | BLEU | hours | search |\n|---|---|---|---|---|"
        )?;
        for System { name, parameters, bleu, hours, search } in &self.published {
            let size = millions(*parameters);
            let hours = number(*hours, 1);
            writeln!(f, "| {name} | {size} | {bleu:.2} | {hours} | {search} |")?;
        }
        if !self.rows.is_empty() {
            writeln!(
                f,
                "\nOurs, trained on the set's training pairs alone. Beam 5, with the length penalty that is best on val; ± is the standard deviation over \
                 the seeds.\nThe bar, {pair}: {bleu:.1} in the mean of {seeds} seeds, at most {} parameters and {hours:.0} hours a run.\n\n\
                 | pair | recipe | epochs | parameters | test BLEU (seeds) | | greedy | chrF | multi-bleu | val BLEU | perplexity | length penalty | hours | threads | device | target tokens/s |\n\
                 |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
                millions(Some(*parameters))
            )?;
        }
        for row in &self.rows {
            writeln!(f, "{}", row.whole())?;
        }
        if !self.ablations.is_empty() {
            writeln!(
                f,
                "\nWhat each change does, {pair}, {} epochs with a warm-up in proportion, on val:\n\n\
                 | recipe | what is changed | parameters | val BLEU (seeds) | change | greedy | chrF | perplexity | hours | device |\n\
                 |---|---|---|---|---|---|---|---|---|---|",
                self.ablations[0].epochs
            )?;
        }
        for row in &self.ablations {
            writeln!(f, "{}", row.short())?;
        }
        let all = self.rows.iter().chain(&self.ablations);
        let hours = all.fold(0.0, |sum, row| sum + row.hours.unwrap_or(0.0) * row.runs as f64);
        write!(f, "\n{hours:.1} hours of training in all, at most")
    }
}

fn score(summary: Option<&Summary>, runs: usize) -> String {
    match summary {
        None => "–".into(),
        Some(Summary { bleu, spread: Some(spread), .. }) => {
            format!("{bleu:.2} ± {spread:.2} ({runs})")
        }
        Some(Summary { bleu, .. }) => format!("{bleu:.2} ({runs})"),
    }
}

impl Row {
    fn devices(&self) -> String {
        if self.devices.is_empty() { "–".into() } else { self.devices.join(", ") }
    }

    fn whole(&self) -> String {
        let test = self.test.as_ref();
        let of_test = |value: fn(&Summary) -> f64| number(test.map(value), 2);
        let penalties: Vec<String> = self.length_penalties.iter().map(f64::to_string).collect();
        let cells = [
            self.pair.clone(),
            self.variant.into(),
            self.epochs.to_string(),
            millions(self.parameters.map(|count| count as f64)),
            score(test, self.runs),
            self.holds.into(),
            of_test(|test| test.greedy),
            of_test(|test| test.chrf),
            of_test(|test| test.multi_bleu),
            number(self.val.as_ref().map(|val| val.bleu), 2),
            number(self.perplexity, 2),
            if penalties.is_empty() { "–".into() } else { penalties.join(", ") },
            number(self.hours, 2),
            self.threads.map_or("–".into(), |threads| threads.to_string()),
            self.devices(),
            number(self.tokens_per_second, 0),
        ];
        format!("| {} |", cells.join(" | "))
    }

    fn short(&self) -> String {
        let val = self.val.as_ref();
        let cells = [
            self.variant.into(),
            self.what.into(),
            millions(self.parameters.map(|count| count as f64)),
            if self.runs == 0 { "not run".into() } else { score(val, self.runs) },
            self.difference.map_or("–".into(), |difference| format!("{difference:+.2}")),
            number(val.map(|val| val.greedy), 2),
            number(val.map(|val| val.chrf), 2),
            number(self.perplexity, 2),
            number(self.hours, 2),
            self.devices(),
        ];
        format!("| {} |", cells.join(" | "))
    }
}
