//! The table as it is printed: ours beside what it must reach.

use super::cell::Cell;
use crate::cells::mean_and_spread;
use serde::Serialize;
use std::fmt;

/// What AlexNet is to reach, and what batch normalisation is to gain, as shares.
const REACH: f64 = 0.60;
const GAIN: f64 = 0.02;

/// The table as it is printed.
#[derive(Debug, Serialize)]
pub struct Table {
    epochs: usize,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    network: &'static str,
    name: &'static str,
    /// Shares of the test pictures that were named right, a seed each.
    accuracy: Vec<f64>,
    cell: Option<Cell>,
}

impl Row {
    fn mean(&self) -> Option<f64> {
        (!self.accuracy.is_empty()).then(|| mean_and_spread(&self.accuracy).0)
    }
}

impl Table {
    pub fn new(cells: &[&Cell], networks: &[(&'static str, &'static str)], epochs: usize) -> Self {
        let row = |&(network, name): &(&'static str, &'static str)| {
            let own: Vec<&Cell> =
                cells.iter().copied().filter(|cell| cell.network == network).collect();
            let share = |cell: &&Cell| cell.right as f64 / cell.pictures.max(1) as f64;
            let accuracy = own.iter().map(share).collect();
            Row { network, name, accuracy, cell: own.first().copied().cloned() }
        };
        Self { epochs, rows: networks.iter().map(row).collect() }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Krizhevsky et al. (2012) for pictures of 32 × 32: nine tenths of a subset of CIFAR-10's training pictures, a tenth of them to choose the\n\
             weights by, {} epochs. % of the test pictures that are named right.\n",
            self.epochs
        )?;
        writeln!(
            f,
            "| network | million multiply-adds | right | seeds | minutes | threads | |\n|---|---|---|---|---|---|---|"
        )?;
        let first = self.rows.first().and_then(Row::mean);
        for (at, row) in self.rows.iter().enumerate() {
            let (Some(mean), Some(cell)) = (row.mean(), &row.cell) else {
                writeln!(f, "| {} | – | – | 0 | – | – | not run |", row.name)?;
                continue;
            };
            let bar = if at == 0 { Some(REACH) } else { first.map(|first| first + GAIN) };
            let holds = match bar {
                None => "no bar",
                Some(bar) if mean < bar => "MISSED",
                Some(_) => "holds",
            };
            writeln!(
                f,
                "| {} | {:.1} | {:.1} | {} | {:.0} | {} | {holds} |",
                row.name,
                cell.multiply_adds as f64 / 1e6,
                100.0 * mean,
                row.accuracy.len(),
                cell.seconds / 60.0,
                cell.threads
            )?;
        }
        write!(
            f,
            "\nBars: {:.0} % for the first, {:.0} points more than it for the second.",
            100.0 * REACH,
            100.0 * GAIN
        )
    }
}
