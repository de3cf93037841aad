//! The table as it is printed: ours beside what it must reach.

use super::cell::Cell;
use serde::Serialize;
use std::fmt;

/// What is to be reached on the held-out fifth, as shares.
const BARS: [(&str, f64); 9] = [
    ("box AP50", 0.97),
    ("box AP75", 0.92),
    ("box AP", 0.82),
    ("mask AP", 0.80),
    ("recall", 0.99),
    ("shape", 0.985),
    ("color", 0.985),
    ("material", 0.985),
    ("size", 0.985),
];

/// The table as it is printed.
#[derive(Debug, Serialize)]
pub struct Table {
    seed: u64,
    epochs: usize,
    /// Whether this is the run that the bars are for.
    is_whole: bool,
    rows: Vec<Row>,
    cell: Option<Cell>,
}

#[derive(Debug, Serialize)]
struct Row {
    figure: &'static str,
    bar: f64,
    ours: Option<f64>,
}

impl Row {
    fn holds(&self, is_whole: bool) -> &'static str {
        match self.ours {
            None => "not run",
            Some(_) if !is_whole => "no bar",
            Some(ours) if ours < self.bar => "MISSED",
            Some(_) => "holds",
        }
    }
}

impl Table {
    pub fn new(cell: Option<&Cell>, seed: u64, epochs: usize, is_whole: bool) -> Self {
        let ours = |figure: &str| match (cell, figure) {
            (Some(cell), "recall") => Some(cell.recall),
            (Some(cell), _) => cell.figures.get(figure).copied(),
            (None, _) => None,
        };
        let row = |(figure, bar)| Row { figure, bar, ours: ours(figure) };
        Self { seed, epochs, is_whole, rows: BARS.map(row).into(), cell: cell.cloned() }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, epochs, is_whole, rows, cell } = self;
        writeln!(
            f,
            "He et al. (2017), Mask R-CNN: the slim network on CLEVR's objects, trained from nothing on four fifths of the rendered scenes,\n\
             in % of the held-out fifth. Boxes and masks without regard to classes. {epochs} epochs, seed {seed}.\n"
        )?;
        writeln!(f, "| figure | bar | ours | |\n|---|---|---|---|")?;
        for row in rows {
            let bar = if *is_whole { format!("{:.1}", 100.0 * row.bar) } else { "–".into() };
            let ours = row.ours.map_or("–".into(), |ours| format!("{:.1}", 100.0 * ours));
            writeln!(f, "| {} | {bar} | {ours} | {} |", row.figure, row.holds(*is_whole))?;
        }
        let Some(Cell { parameters, steps, seconds, threads, pictures, objects, commit, .. }) =
            cell
        else {
            return write!(f, "\nNot run yet.");
        };
        let millions = *parameters as f64 / 1e6;
        let hours = seconds / 3600.0;
        write!(
            f,
            "\n{millions:.1} M parameters, {steps} steps in {hours:.2} hours on {threads} threads; {objects} objects on {pictures} pictures; commit {commit}"
        )
    }
}
