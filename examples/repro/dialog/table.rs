//! The arms beside each other.

use super::Game;
use super::cell::{Arm, Cell};
use crate::cells::mean_and_spread;
use serde::Serialize;
use std::fmt;

/// Figures by the names that evaluation gives them.
pub const BEFORE: &str = "percentile at round 0";
pub const AFTER: &str = "percentile at the end";
const SHUFFLED: &str = "percentile with shuffled answers";
const RIGHT: &str = "right answers";
const SAID: [&str; 2] =
    ["perplexity of said questions before", "perplexity of said answers before"];

/// Columns: mean over the seeds.
const COLUMNS: [&str; 6] = [BEFORE, AFTER, SHUFFLED, RIGHT, SAID[0], SAID[1]];

#[derive(Debug, Serialize)]
pub struct Table {
    games: usize,
    seeds: u64,
    rows: Vec<Row>,
    /// At the last round: full less the start, full less further supervision; then full less its
    /// own games with shuffled answers.
    gains: Vec<Gain>,
    hours: f64,
}

#[derive(Debug, Serialize)]
struct Row {
    arm: &'static str,
    runs: usize,
    steps: Option<u64>,
    /// As [`COLUMNS`].
    figures: Vec<Option<f64>>,
    /// Of each seed at the last round.
    each: Vec<f64>,
}

/// A mean difference over seeds that both sides have.
#[derive(Debug, Serialize)]
struct Gain {
    name: &'static str,
    each: Vec<f64>,
    mean: Option<f64>,
    /// The 95 % interval by Student's t, from two seeds on.
    interval: Option<[f64; 2]>,
}

impl Gain {
    fn of(name: &'static str, each: Vec<f64>) -> Self {
        let (mean, spread) = mean_and_spread(&each);
        let error = spread / (each.len() as f64).sqrt();
        let interval = t(each.len()).map(|t| [mean - t * error, mean + t * error]);
        Self { name, mean: (!each.is_empty()).then_some(mean), interval, each }
    }
}

/// Student's t that 2.5 % lie above, for so many values.
fn t(count: usize) -> Option<f64> {
    const T: [f64; 9] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
    let degrees = count.checked_sub(2)?;
    // Beyond ten values the interval comes out a little too wide.
    Some(*T.get(degrees).unwrap_or(&T[T.len() - 1]))
}

pub fn table(game: &Game) -> Table {
    let of = |arm: Arm| -> Vec<&Cell> {
        let runs = game.runs();
        runs.iter().filter(|run| run.0 == arm).filter_map(|run| game.kept(arm, run.1)).collect()
    };
    let row = |&arm: &Arm| {
        let cells = of(arm);
        let values = |name: &str| -> Vec<f64> {
            cells.iter().filter_map(|cell| cell.figures.get(name).copied()).collect()
        };
        let mean = |name: &&str| {
            let values = values(name);
            (!values.is_empty()).then(|| mean_and_spread(&values).0)
        };
        Row {
            arm: arm.name(),
            runs: cells.len(),
            steps: cells.first().map(|cell| cell.steps),
            figures: COLUMNS.iter().map(mean).collect(),
            each: values(AFTER),
        }
    };
    let full = of(Arm::Full);
    let less = |arm: Arm, name: &str| -> Vec<f64> {
        let other = of(arm);
        let pair = |cell: &&Cell| {
            let same = other.iter().find(|other| other.seed == cell.seed)?;
            Some(cell.figures.get(AFTER)? - same.figures.get(name)?)
        };
        full.iter().filter_map(pair).collect()
    };
    let gains = [
        ("over the start", Arm::Start, AFTER),
        ("over further supervision", Arm::Supervised, AFTER),
        ("over shuffled answers", Arm::Full, SHUFFLED),
    ];
    let seconds: f64 = game.arms.iter().flat_map(|&arm| of(arm)).map(|cell| cell.seconds).sum();
    Table {
        games: game.games,
        seeds: game.seeds,
        rows: game.arms.iter().map(row).collect(),
        gains: gains.map(|(name, arm, figure)| Gain::of(name, less(arm, figure))).into(),
        hours: seconds / 3600.0,
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { games, seeds, rows, gains, hours } = self;
        writeln!(
            f,
            "Guessing game after Das et al. (2017): 200 games among 1,000 drawn scenes a seed, percentile of the right one.\n\
             Ten epochs of {games} games from the same supervised agents, {seeds} seeds, the frozen arms one. Perplexity is\n\
             that of what is said under the language of the start.\n"
        )?;
        writeln!(
            f,
            "| arm | runs | steps | round 0 | round 10 | shuffled | right answers | questions | answers | round 10 of each seed |\n\
             |---|---|---|---|---|---|---|---|---|---|"
        )?;
        let number = |value: &Option<f64>, scale: f64, digits: usize| {
            value.map_or("–".into(), |value| format!("{:.digits$}", value * scale))
        };
        for Row { arm, runs, steps, figures, each } in rows {
            if *runs == 0 {
                writeln!(f, "| {arm} | not run | – | – | – | – | – | – | – | – |")?;
                continue;
            }
            let columns = figures.iter().enumerate().map(|(column, value)| match column {
                0..=2 => number(value, 1.0, 1),
                3 => number(value, 100.0, 1) + " %",
                _ => number(value, 1.0, 2),
            });
            let columns = columns.collect::<Vec<_>>().join(" | ");
            let each = join(each);
            let steps = steps.unwrap_or_default();
            writeln!(f, "| {arm} | {runs} | {steps} | {columns} | {each} |")?;
        }
        writeln!(f, "\nWhat full reinforcement gains at round 10, paired by seed:\n")?;
        for Gain { name, each, mean, interval } in gains {
            let Some(mean) = mean else {
                writeln!(f, "- {name}: not run")?;
                continue;
            };
            let interval = match interval {
                Some([low, high]) => format!("{low:+.1} to {high:+.1}"),
                None => "one seed, no interval".into(),
            };
            writeln!(f, "- {name}: {mean:+.1} ({interval}); each: {}", join(each))?;
        }
        write!(f, "\n{hours:.1} hours of training in all")
    }
}

fn join(values: &[f64]) -> String {
    values.iter().map(|value| format!("{value:.1}")).collect::<Vec<_>>().join(", ")
}
