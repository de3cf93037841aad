//! The runs beside each other.

use super::cell::{Cell, Front, Key, Loss, Part};
use crate::cells::mean_and_spread;
use crate::speech::{difference, points};
use serde::Serialize;
use std::fmt;

#[derive(Debug, Serialize)]
pub struct Table {
    quick: bool,
    rows: Vec<Row>,
    /// Pairs of runs of the first seed: what the first has more of words in error.
    differences: Vec<(String, Option<String>)>,
}

/// Runs that differ in their seed alone.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    key: Key,
    cells: Vec<Cell>,
}

impl Row {
    fn values(&self, of: impl Fn(&Cell) -> f64) -> Vec<f64> {
        self.cells.iter().map(of).collect()
    }
}

impl Table {
    pub fn new(keys: Vec<Key>, cells: Vec<Cell>, quick: bool) -> Self {
        let mut rows: Vec<Row> = Vec::new();
        for key in keys {
            let same = |row: &Row| Key { seed: row.key.seed, ..key } == row.key;
            let found = cells.iter().find(|cell| cell.key == key).cloned();
            match rows.iter_mut().find(|row| same(row)) {
                Some(row) => row.cells.extend(found),
                None => rows.push(Row { key, cells: found.into_iter().collect() }),
            }
        }
        rows.sort_by_key(|row| row.key);
        let mut differences = Vec::new();
        let mut compare = |name: String, a: Key, b: Key| {
            let cell = |key: Key| cells.iter().find(|cell| cell.key == key);
            let asked = |key: Key| rows.iter().any(|row| row.key == key);
            if asked(a) && asked(b) {
                let pair = cell(a)
                    .zip(cell(b))
                    .and_then(|(a, b)| difference(&a.figures.speakers, &b.figures.speakers));
                differences.push((name, pair.map(points)));
            }
        };
        for key in rows.iter().map(|row| row.key) {
            let Key { part, loss, front, both, reduction, .. } = key;
            let loss_name = loss.name();
            let front_name = front.name();
            if part == Part::Losses && front == Front::Raw {
                compare(
                    format!("{loss_name}: raw over log-mel"),
                    key,
                    Key { front: Front::Logmel, ..key },
                );
            }
            if part == Part::Losses && loss != Loss::Ctc {
                let other = Key { loss: Loss::Ctc, ..key };
                compare(format!("{front_name}: {loss_name} over CTC"), key, other);
            }
            if part == Part::Encoders && !both {
                let other = Key { both: true, ..key };
                compare(
                    format!("{loss_name} at {reduction}: forward over both directions"),
                    key,
                    other,
                );
            }
            if part == Part::Encoders && reduction != 4 {
                let direction = if both { "both directions" } else { "forward" };
                let other = Key { reduction: 4, ..key };
                compare(
                    format!("{loss_name}, {direction}: reduction {reduction} over 4"),
                    key,
                    other,
                );
            }
        }
        Self { quick, rows, differences }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = if self.quick {
            "in small: sequences of three digits of FSDD, 240 to learn from and 60 of other takes of the same six speakers"
        } else {
            "AN4 dev, 591 words of 8 speakers, without a language model"
        };
        writeln!(
            f,
            "Battenberg et al. (2017): one encoder under three losses; {data}.\n\
             RNN-T and attention start from the encoder that CTC has trained in the row of the same kind, and attention has CTC beside it.\n"
        )?;
        for (part, title) in [
            (Part::Losses, "Losses and front ends"),
            (Part::Encoders, "Directions and reductions of time"),
        ] {
            if !self.rows.iter().any(|row| row.key.part == part) {
                continue;
            }
            writeln!(
                f,
                "{title}\n\n| loss | front end | directions | reduction | runs | WER | CER | parameters | epochs | thread-minutes | real-time factor |\n\
                 |---|---|---|---|---|---|---|---|---|---|---|"
            )?;
            for row in self.rows.iter().filter(|row| row.key.part == part) {
                let Key { loss, front, both, reduction, .. } = row.key;
                let direction = if both { "both" } else { "forward" };
                let loss = loss.name();
                let front = front.name();
                let Some(first) = row.cells.first() else {
                    writeln!(
                        f,
                        "| {loss} | {front} | {direction} | {reduction} | not run | – | – | – | – | – | – |"
                    )?;
                    continue;
                };
                let (wer, spread) = mean_and_spread(&row.values(|cell| 100.0 * cell.figures.wer));
                let spread =
                    if spread.is_nan() { String::new() } else { format!(" ± {spread:.1}") };
                let mean = |of: fn(&Cell) -> f64| mean_and_spread(&row.values(of)).0;
                writeln!(
                    f,
                    "| {loss} | {front} | {direction} | {reduction} | {} | {wer:.1}{spread} | {:.1} | {:.2} M | {} | {:.1} | {:.4} |",
                    row.cells.len(),
                    mean(|cell| 100.0 * cell.figures.cer),
                    first.figures.parameters as f64 / 1e6,
                    first.figures.epochs,
                    mean(|cell| cell.figures.minutes),
                    mean(|cell| cell.figures.real_time),
                )?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "Points of WER between two runs of the first seed, with 95 % over speakers drawn in pairs:\n"
        )?;
        for (name, points) in &self.differences {
            writeln!(f, "- {name}: {}", points.as_deref().unwrap_or("not run"))?;
        }
        let cells = self.rows.iter().flat_map(|row| &row.cells);
        let minutes: f64 = cells.map(|cell| cell.figures.minutes).sum();
        write!(
            f,
            "\n{minutes:.0} thread-minutes of training in all, the pace being that of a machine that others use too"
        )
    }
}
