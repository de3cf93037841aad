//! How far the sums of integrated gradients are off, over the photographs of a folder.

use crate::attribute::beside;
use anyhow::{Result, bail};
use conv_hub::files::write_atomic;
use conv_lens::attribute::{Rule, integrated_gradients};
use conv_lens::{Objective, column};
use conv_vision::data::find;
use conv_vision::{Limits, Picture, Pretrained};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Photographs that are drawn with what carried the answer.
const DRAWN: usize = 8;

pub struct Settings<'a> {
    pub folder: &'a Path,
    /// Photographs at most.
    pub limit: usize,
    pub rule: Rule,
    pub steps: usize,
    /// Where the first ones go, as PNG.
    pub out: &'a Path,
}

/// Integrated gradients of what `of` asks about each photograph.
pub fn run(
    model: &Pretrained,
    settings: &Settings,
    of: impl Fn(&Picture) -> Result<String>,
    common: &conv_cli::Common,
) -> Result<()> {
    let begun = Instant::now();
    let files = find(&[settings.folder]);
    let stop = conv_cli::stop_on_signal()?;
    let mut each = Vec::new();
    let mut drawn = Vec::new();
    for path in files {
        if each.len() == settings.limit || stop.load(Ordering::SeqCst) {
            break;
        }
        let photo = match Picture::open(&path, &Limits::default()) {
            Ok(photo) => model.preprocessing.crop(&photo)?,
            Err(error) => {
                conv_cli::note(format_args!("left out: {error}"));
                continue;
            }
        };
        let text = of(&photo)?;
        let objective = Objective::parse(&text, model)?;
        let found = integrated_gradients(model, &objective, &photo, settings.rule, settings.steps)?;
        if drawn.len() < DRAWN {
            drawn.push(beside(&photo, &found.pixels)?);
        }
        let one = Gap {
            path,
            of: text,
            value: found.value,
            baseline: found.baseline,
            sum: found.sum,
            gap: found.gap(),
        };
        conv_cli::note(format_args!("{}: {one}", each.len() + 1));
        each.push(one);
    }
    if each.is_empty() {
        bail!("{}: no photograph", settings.folder.display());
    }
    write_atomic(settings.out, &column(&drawn)?.to_png()?)?;
    let mut gaps: Vec<f64> = each.iter().map(|one| one.gap.abs()).collect();
    gaps.sort_by(f64::total_cmp);
    let within = |most: f64| gaps.iter().filter(|gap| **gap <= most).count();
    let answer = Answer {
        picture: settings.out,
        photographs: each.len(),
        steps: settings.steps,
        median_gap: (gaps[(gaps.len() - 1) / 2] + gaps[gaps.len() / 2]) / 2.0,
        largest_gap: gaps[gaps.len() - 1],
        within_5_percent: within(0.05),
        within_1_percent: within(0.01),
        seconds: begun.elapsed().as_secs_f64(),
        each,
    };
    conv_cli::print(common.json, &answer)
}

/// A photograph's.
#[derive(Serialize)]
struct Gap {
    path: PathBuf,
    of: String,
    value: f64,
    baseline: f64,
    sum: f64,
    /// (sum − (value − baseline)) / |value − baseline|.
    gap: f64,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, of, value, baseline, sum, gap } = self;
        let path = path.display();
        let difference = value - baseline;
        write!(
            f,
            "{path}: {of} differs by {difference:.3}, the sum is {sum:.3}: {:+.2} %",
            100.0 * gap
        )
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    picture: &'a Path,
    photographs: usize,
    steps: usize,
    /// Of the gaps without their signs.
    median_gap: f64,
    largest_gap: f64,
    within_5_percent: usize,
    within_1_percent: usize,
    seconds: f64,
    each: Vec<Gap>,
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { picture, photographs, steps, median_gap, largest_gap, seconds, .. } = self;
        write!(
            f,
            "{photographs} photographs, {steps} steps, {seconds:.0} s: the sum of integrated gradients is off the difference of the answers by\n\
             {:.2} % in the median and {:.2} % at most; within 5 % for {}, within 1 % for {}\n{}",
            100.0 * median_gap,
            100.0 * largest_gap,
            self.within_5_percent,
            self.within_1_percent,
            picture.display()
        )
    }
}
