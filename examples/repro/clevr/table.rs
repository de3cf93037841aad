//! The heads beside each other.

use super::cell::Cell;
use super::world::World;
use conv_clevr::heads::Architecture;
use serde::Serialize;
use std::fmt;

/// Types of questions, as cells name them.
const TYPES: [&str; 5] =
    ["exist", "count", "compare integer", "query attribute", "compare attribute"];

/// What the best head is to reach, and by how much it is to be better than attention.
const BEST: f64 = 0.8;
const ABOVE_ATTENTION: f64 = 0.05;

/// Published on the whole of CLEVR, 700,000 questions, from pictures: Johnson et al. (2016), table
/// 1, Santoro et al. (2017), Perez et al. (2018), Hudson and Manning (2018).
const PUBLISHED: [(Architecture, f64); 7] = [
    (Architecture::Type, 0.418),
    (Architecture::Lstm, 0.468),
    (Architecture::CnnLstm, 0.523),
    (Architecture::Attention, 0.685),
    (Architecture::Relation, 0.955),
    (Architecture::Film, 0.977),
    (Architecture::Mac, 0.989),
];

#[derive(Debug, Serialize)]
pub struct Table {
    pictures: usize,
    test_pictures: usize,
    rows: Vec<Row>,
    hours: f64,
}

#[derive(Debug, Serialize)]
struct Row {
    head: Architecture,
    published: Option<f64>,
    cells: Vec<Cell>,
}

impl Row {
    /// The mean over seeds.
    fn accuracy(&self) -> Option<f64> {
        let sum: f64 = self.cells.iter().map(|cell| cell.accuracy).sum();
        (!self.cells.is_empty()).then(|| sum / self.cells.len() as f64)
    }
}

impl Table {
    pub fn new(heads: &[Architecture], cells: Vec<&Cell>, world: &World) -> Self {
        let of = |head: Architecture| cells.iter().filter(move |cell| cell.head == head);
        let row = |&head: &Architecture| Row {
            head,
            published: PUBLISHED.iter().find(|(known, _)| *known == head).map(|(_, share)| *share),
            cells: of(head).map(|cell| (*cell).clone()).collect(),
        };
        Self {
            pictures: world.pictures(),
            test_pictures: world.test_pictures(),
            rows: heads.iter().map(row).collect(),
            hours: cells.iter().fold(0.0, |sum, cell| sum + cell.seconds) / 3600.0,
        }
    }

    fn of(&self, head: Architecture) -> Option<f64> {
        self.rows.iter().find(|row| row.head == head)?.accuracy()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pictures, test_pictures, rows, hours } = self;
        writeln!(
            f,
            "Heads in a small world of three to six objects: {pictures} pictures with ten questions each to learn from, \
             {test_pictures} others to be asked about,\nin % with 95 % by picture. Published is the whole of CLEVR.\n"
        )?;
        writeln!(
            f,
            "| head | right | 95 % | {} | published | parameters | epochs | hours |",
            TYPES.join(" | ")
        )?;
        writeln!(f, "|---{}|", "|---".repeat(TYPES.len() + 6))?;
        let percent = |share: f64| format!("{:.1}", 100.0 * share);
        for Row { head, published, cells } in rows {
            let published = published.map_or("–".into(), percent);
            if cells.is_empty() {
                let dashes = "– | ".repeat(TYPES.len() + 1);
                writeln!(f, "| {head} | not run | {dashes}{published} | – | – | – |")?;
            }
            for cell in cells {
                let [low, high] = cell.interval.map(percent);
                let of =
                    |kind: &&str| cell.types.get(*kind).map_or("–".into(), |one| percent(*one));
                let types = TYPES.iter().map(of).collect::<Vec<_>>().join(" | ");
                let Cell { accuracy, parameters, epochs, seconds, .. } = cell;
                let right = percent(*accuracy);
                let hours = seconds / 3600.0;
                writeln!(
                    f,
                    "| {head} | {right} | {low}–{high} | {types} | {published} | {parameters} | {epochs} | {hours:.2} |"
                )?;
            }
        }
        let looking = [Architecture::Relation, Architecture::Film, Architecture::Mac];
        let best = looking.iter().filter_map(|head| self.of(*head)).reduce(f64::max);
        if let (Some(best), Some(attention)) = (best, self.of(Architecture::Attention)) {
            let holds = |holds: bool| if holds { "holds" } else { "MISSED" };
            let least = best >= BEST;
            let more = best - attention >= ABOVE_ATTENTION;
            writeln!(
                f,
                "\nbest {} %, at least {:.0}: {}; {:+.1} points over attention, at least {:.0}: {}",
                percent(best),
                100.0 * BEST,
                holds(least),
                100.0 * (best - attention),
                100.0 * ABOVE_ATTENTION,
                holds(more)
            )?;
        }
        write!(f, "\n{hours:.2} hours of training in all")
    }
}
