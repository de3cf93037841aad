//! Table 2 as it is printed: ours beside others' numbers and the twin's.

use super::cell::Cell;
use super::{Kim, twin};
use crate::cells::mean_and_spread;
use anyhow::Result;
use conv_sentence::Variant;
use conv_sentence::data::KimSet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The numbers that others published, and what ours must reach.
#[derive(Debug, Deserialize)]
struct Published {
    sets: Vec<String>,
    paper: BTreeMap<String, Vec<f64>>,
    torch: BTreeMap<String, Vec<f64>>,
    bar: BTreeMap<String, Vec<f64>>,
}

/// Table 2 as it is printed.
#[derive(Debug, Serialize)]
pub struct Table2 {
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
    twin: Option<f64>,
    /// Ours less the twin's over the runs that both have.
    difference: Option<Difference>,
    seconds: f64,
}

pub fn table2(experiment: &Kim, sets: &[KimSet], variants: &[Variant]) -> Result<Table2> {
    let published: Published = toml::from_str(include_str!("published.toml"))?;
    let recipe = experiment.options.recipe.name;
    let mut rows = Vec::new();
    for (&variant, &set) in variants.iter().flat_map(|v| sets.iter().map(move |set| (v, set))) {
        let column = published.sets.iter().position(|name| name == set.name());
        let number =
            |table: &BTreeMap<String, Vec<f64>>| Some(*table.get(variant.name())?.get(column?)?);
        let cells = experiment.kept(set, variant, recipe);
        let twins = experiment.kept(set, variant, twin::RECIPE);
        let (ours, spread) = summary(&cells);
        rows.push(Row {
            set: set.to_string(),
            variant: variant.to_string(),
            paper: number(&published.paper),
            torch: number(&published.torch),
            bar: number(&published.bar),
            ours,
            spread,
            runs: cells.len(),
            twin: summary(&twins).0,
            difference: Difference::of(&cells, &twins),
            seconds: cells.iter().fold(0.0, |sum, cell| sum + cell.seconds),
        });
    }
    Ok(Table2 { recipe, rows })
}

/// Mean and standard deviation of the cells' test figures in per cent, as far as there are enough.
fn summary(cells: &[&Cell]) -> (Option<f64>, Option<f64>) {
    let tests: Vec<f64> = cells.iter().map(|cell| 100.0 * cell.test).collect();
    let (mean, spread) = mean_and_spread(&tests);
    ((!tests.is_empty()).then_some(mean), (tests.len() > 1).then_some(spread))
}

/// The mean difference of paired runs in per cent, and its standard error where there are two pairs
/// or more.
#[derive(Debug, Serialize)]
struct Difference {
    mean: f64,
    error: Option<f64>,
    pairs: usize,
}

impl Difference {
    fn of(ours: &[&Cell], theirs: &[&Cell]) -> Option<Self> {
        let pairs = ours.iter().filter_map(|cell| {
            let same = |other: &&&Cell| (other.round, other.seed) == (cell.round, cell.seed);
            Some(100.0 * (cell.test - theirs.iter().find(same)?.test))
        });
        let differences: Vec<f64> = pairs.collect();
        let pairs = differences.len();
        let (mean, spread) = mean_and_spread(&differences);
        let error = (pairs > 1).then_some(spread / (pairs as f64).sqrt());
        (pairs > 0).then_some(Self { mean, error, pairs })
    }
}

impl Difference {
    /// By more than a standard error.
    fn is_worse(&self) -> bool {
        self.error.is_some_and(|error| self.mean < -error)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.error {
            Some(error) => write!(f, "{:+.1} ± {error:.1} ({})", self.mean, self.pairs),
            None => write!(f, "{:+.1} ({})", self.mean, self.pairs),
        }
    }
}

impl Row {
    fn holds(&self) -> &'static str {
        match (self.ours, self.bar) {
            (None, _) => "not run",
            (Some(_), None) => "no bar",
            (Some(ours), Some(bar)) if ours < bar => "MISSED",
            _ if self.difference.as_ref().is_some_and(Difference::is_worse) => "BELOW TWIN",
            _ => "holds",
        }
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or("–".into(), |value| format!("{value:.1}"))
}

impl fmt::Display for Table2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Kim (2014), Table 2: test accuracy in %, recipe {}.", self.recipe)?;
        writeln!(
            f,
            "Paper and torch use word2vec of 300 dimensions; ours and its twin in PyTorch GloVe 6B of 100 where vectors are\n\
             pre-trained. The twin has the paper's recipe. ± is the standard deviation over the runs, and for ours − twin the standard error over the pairs.\n"
        )?;
        writeln!(
            f,
            "| variant | set | paper | torch | ours ± sd (runs) | bar | | twin | ours − twin |\n|---|---|---|---|---|---|---|---|---|"
        )?;
        for row in &self.rows {
            let ours = match (row.ours, row.spread) {
                (Some(ours), Some(spread)) => format!("{ours:.1} ± {spread:.1} ({})", row.runs),
                (Some(ours), None) => format!("{ours:.1} ({})", row.runs),
                _ => "–".into(),
            };
            let paper = number(row.paper);
            let torch = number(row.torch);
            let bar = number(row.bar);
            let difference = row.difference.as_ref().map_or("–".into(), Difference::to_string);
            writeln!(
                f,
                "| {} | {} | {paper} | {torch} | {ours} | {bar} | {} | {} | {difference} |",
                row.variant,
                row.set,
                row.holds(),
                number(row.twin)
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
        let hours = self.rows.iter().fold(0.0, |sum, row| sum + row.seconds) / 3600.0;
        write!(f, "\n{hours:.1} hours of training in all, each run on one thread or more")
    }
}
