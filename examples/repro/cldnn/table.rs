//! The variants beside each other.

use super::cell::{Cell, Variant};
use super::{RATIOS, ROOMS, ratio_name};
use crate::speech::{difference, points};
use serde::Serialize;
use std::fmt;

#[derive(Debug, Serialize)]
pub struct Table {
    quick: bool,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    variant: Variant,
    name: &'static str,
    cell: Option<Cell>,
    /// Points of WER over the first variant.
    over_first: Option<String>,
}

impl Table {
    pub fn new(cells: Vec<(Variant, Option<Cell>)>, quick: bool) -> Self {
        let first = cells.iter().find(|(variant, _)| *variant == Variant::Raw);
        let first = first.and_then(|(_, cell)| cell.as_ref()).map(|cell| cell.figures.clone());
        let row = |(variant, cell): (Variant, Option<Cell>)| {
            let pair = cell.as_ref().zip(first.as_ref()).filter(|_| variant != Variant::Raw);
            let over_first =
                pair.and_then(|(cell, first)| difference(&cell.figures.speakers, &first.speakers));
            Row { variant, name: variant.name(), cell, over_first: over_first.map(points) }
        };
        Self { quick, rows: cells.into_iter().map(row).collect() }
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
            "Sainath et al. (2015): the CLDNN in small, reading forward, with CTC; {data}.\n\
             Each row differs from the first in what it names. WER in %; with noises and in measured rooms that training has not heard.\n"
        )?;
        let places: Vec<String> =
            RATIOS.map(ratio_name).into_iter().chain([ROOMS.into()]).collect();
        writeln!(
            f,
            "| network | clean | over the first | {} | CER | parameters | epochs | thread-minutes | real-time factor |",
            places.join(" | ")
        )?;
        writeln!(f, "|---|---|---|{}---|---|---|---|---|", "---|".repeat(places.len()))?;
        for Row { name, cell, over_first, .. } in &self.rows {
            let Some(Cell { figures, elsewhere, .. }) = cell else {
                let dashes = " – |".repeat(places.len() + 6);
                writeln!(f, "| {name} | not run |{dashes}")?;
                continue;
            };
            let rate = |place: &String| {
                elsewhere.get(place).map_or("–".into(), |rate| format!("{:.1}", 100.0 * rate))
            };
            let rates: Vec<String> = places.iter().map(rate).collect();
            writeln!(
                f,
                "| {name} | {:.1} | {} | {} | {:.1} | {:.2} M | {} | {:.1} | {:.4} |",
                100.0 * figures.wer,
                over_first.as_deref().unwrap_or("–"),
                rates.join(" | "),
                100.0 * figures.cer,
                figures.parameters as f64 / 1e6,
                figures.epochs,
                figures.minutes,
                figures.real_time,
            )?;
        }
        let bands =
            self.rows.iter().filter_map(|row| Some((row.name, row.cell.as_ref()?.bands.as_ref()?)));
        writeln!(f)?;
        for (name, bands) in bands {
            let centres: Vec<f64> = bands.iter().map(|band| band.centre).collect();
            let below = centres.iter().filter(|centre| **centre < 1000.0).count();
            writeln!(f, "- {name}: {below} of {} filters below 1 kHz", centres.len())?;
        }
        let minutes: f64 =
            self.rows.iter().filter_map(|row| Some(row.cell.as_ref()?.figures.minutes)).sum();
        write!(f, "\n{minutes:.0} thread-minutes of training in all")
    }
}
