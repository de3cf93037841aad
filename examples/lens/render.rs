//! `render`: from noise to a picture that excites a unit.

use crate::flags::{AscentFlags, ModelFlags, sides};
use crate::page;
use anyhow::{Result, bail};
use candle_core::Device;
use clap::Args;
use conv_hub::files::write_atomic;
use conv_lens::{Ascent, Climb, End, Objective, Photographs, Rendered, column, excitement};
use conv_vision::{Limits, Picture, Pretrained};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
pub struct Options {
    /// What is raised: a unit as LAYER:CHANNEL, or a sum such as "inception_4c:12 -
    /// 0.5*inception_4c:40 + 10*tv"; of several a row each
    #[arg(required = true)]
    objectives: Vec<String>,
    /// The pictures on the way and the last one beside each other, as PNG
    #[arg(long)]
    out: PathBuf,
    /// The last picture alone, as PNG
    #[arg(long)]
    picture: Option<PathBuf>,
    #[arg(long, default_value = "256")]
    steps: usize,
    /// After which steps a picture is kept, with commas; the last is kept always
    #[arg(long, value_delimiter = ',', default_value = "0,4,48")]
    keep: Vec<usize>,
    /// Render what lowers each objective too, below what raises it
    #[arg(long)]
    negative: bool,
    /// Pictures of each objective, from seeds that follow each other; diversity keeps them apart
    #[arg(long, default_value = "1")]
    pictures: usize,
    /// A picture to start from instead of noise: its middle square
    #[arg(long)]
    init: Option<PathBuf>,
    /// Where the ascent is saved, every minute and at the end
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Go on from --checkpoint: the same pictures as if it had never been left. --steps counts
    /// those before
    #[arg(long, requires = "checkpoint")]
    resume: bool,
    /// A folder of photographs to compare with
    #[arg(long)]
    photos: Option<PathBuf>,
    /// Where the pictures with the course of the ascent go [default: runs/lens.html, with --json
    /// none]
    #[arg(long)]
    page: Option<PathBuf>,
    #[command(flatten)]
    model: ModelFlags,
    #[command(flatten)]
    ascent: AscentFlags,
}

/// Steps after which is told how far it is.
const TOLD: usize = 64;

/// Between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// Pictures that one call renders at most.
const MOST: usize = 256;

/// A rendered picture, and what is said of it.
pub struct Row {
    pub text: String,
    pub rendered: Rendered,
    pub noise: f64,
    pub value: f64,
    pub photographs: Option<Photographs>,
    units: Vec<String>,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    for target in [Some(&options.out), options.picture.as_ref()].into_iter().flatten() {
        conv_cli::check_png(target)?;
    }
    let model = options.model.open(device)?;
    let rendering =
        options.ascent.rendering(&model, options.steps, options.keep.clone(), common.seed());
    let (texts, climbs) = options.climbs(&model, common.seed())?;
    if options.picture.is_some() && texts.len() > 1 {
        bail!("--picture takes one picture, and {} are rendered", texts.len());
    }
    let ascent = match options.checkpoint.as_deref().filter(|_| options.resume) {
        Some(checkpoint) => Ascent::resume(&model, &climbs, &rendering, checkpoint)?,
        None => Ascent::new(&model, &climbs, &rendering)?,
    };
    let rendered = options.climb(ascent, rendering.steps)?;
    let strips = rendered.iter().map(Rendered::strip).collect::<conv_lens::Result<Vec<_>>>()?;
    write_atomic(&options.out, &column(&strips)?.to_png()?)?;
    if let Some(path) = &options.picture {
        write_atomic(path, &rendered[0].picture().to_png()?)?;
    }
    let objectives = climbs.iter().flat_map(|climb| vec![&climb.objective; climb.seeds.len()]);
    let sides = sides(&model, &rendering);
    let mut rows: Vec<Row> = Vec::new();
    for ((text, objective), rendered) in texts.into_iter().zip(objectives).zip(rendered) {
        // What is written is what is measured.
        let written = Picture::decode(&rendered.picture().to_png()?, &Limits::default())?;
        let photographs = match (&options.photos, rows.last()) {
            // Another picture of the same objective.
            (Some(_), Some(row)) if row.text == text => row.photographs.clone(),
            (Some(folder), _) => Some(Photographs::measure(&model, objective, folder, &sides)?),
            (None, _) => None,
        };
        rows.push(Row {
            text,
            noise: excitement(&model, objective, &rendered.frames[0].picture)?,
            value: excitement(&model, objective, &written)?,
            photographs,
            units: objective.units().iter().map(ToString::to_string).collect(),
            rendered,
        });
    }
    let default = (!common.json).then(|| PathBuf::from("runs/lens.html"));
    let page = options.page.clone().or(default);
    if let Some(path) = &page {
        page::write(path, &model, &rendering, &rows)?;
    }
    let last = rows[0].rendered.steps.last();
    let answer = Answer {
        picture: &options.out,
        network: model.network.name(),
        seconds: last.map_or(0.0, |step| step.seconds),
        first: Said::new(&rows[0]),
        others: rows[1..].iter().map(Said::new).collect(),
        page: page.as_deref(),
    };
    conv_cli::print(common.json, &answer)?;
    let skipped = rows[0].photographs.iter().flat_map(|found| &found.skipped);
    skipped.for_each(|file| conv_cli::note(format_args!("left out: {file}")));
    rows.iter().try_for_each(|row| options.check(row))
}

impl Options {
    /// Step by step, with lines and checkpoints on the way.
    fn climb(&self, mut ascent: Ascent, steps: usize) -> Result<Vec<Rendered>> {
        let stop = conv_cli::stop_on_signal()?;
        let mut saved = Instant::now();
        while let Some(taken) = ascent.step()? {
            let step = taken[0].step + 1;
            if step.is_multiple_of(TOLD) && step < steps {
                conv_cli::note(format_args!("step {step} of {steps}"));
            }
            if stop.load(Ordering::SeqCst) {
                break;
            }
            if let Some(path) = &self.checkpoint
                && saved.elapsed() >= CHECKPOINT_EVERY
            {
                ascent.save(path)?;
                saved = Instant::now();
            }
        }
        if let Some(path) = &self.checkpoint {
            ascent.save(path)?;
        }
        Ok(ascent.finish()?)
    }

    /// Each picture's objective as text, and what climbs.
    fn climbs(&self, model: &Pretrained, seed: u64) -> Result<(Vec<String>, Vec<Climb>)> {
        let all = self.objectives.len() * if self.negative { 2 } else { 1 };
        if self.pictures == 0 || all.saturating_mul(self.pictures) > MOST {
            bail!("--pictures {}: expected at least 1, and at most {MOST} in all", self.pictures);
        }
        let start = match &self.init {
            Some(path) => Some(Picture::open(path, &Limits::default())?),
            None => None,
        };
        let seeds: Vec<u64> = (0..self.pictures as u64).map(|k| seed.wrapping_add(k)).collect();
        let mut texts = Vec::new();
        let mut climbs = Vec::new();
        for text in &self.objectives {
            let objective = Objective::parse(text, model)?;
            let mut both = vec![(text.clone(), objective.clone())];
            if self.negative {
                both.push((format!("-({text})"), -objective));
            }
            for (text, objective) in both {
                texts.extend(vec![text; self.pictures]);
                let start = start.clone();
                climbs.push(Climb { start, ..Climb::new(objective, seeds.clone()) });
            }
        }
        Ok((texts, climbs))
    }

    /// Refuses a picture that could not go on, which is written as far as it came.
    fn check(&self, row: &Row) -> Result<()> {
        match row.rendered.end {
            End::NotFinite { step } => bail!(
                "{}: the objective or its gradient is not finite after {step} steps: {} ends with the picture before",
                row.text,
                self.out.display()
            ),
            End::NoGradient { step } => bail!(
                "{}: no gradient reaches the picture after {step} steps: nothing excites this unit; try --redirected, another --seed or a larger --size",
                row.text
            ),
            _ => Ok(()),
        }
    }
}

/// The rendered picture beside the photographs.
#[derive(Serialize)]
struct Compared {
    photographs: usize,
    best: PathBuf,
    best_value: f64,
    best_side: usize,
    beaten: usize,
    times_best: f64,
}

impl Compared {
    fn new(found: &Photographs, value: f64) -> Self {
        let best = &found.ranking[0];
        Self {
            photographs: found.ranking.len(),
            best: best.path.clone(),
            best_value: best.value,
            best_side: best.side,
            beaten: found.ranking.iter().filter(|photo| photo.value < value).count(),
            times_best: value / best.value,
        }
    }
}

/// What is said of a picture.
#[derive(Serialize)]
struct Said<'a> {
    objective: &'a str,
    units: &'a [String],
    steps: usize,
    noise: f64,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    photographs: Option<Compared>,
    end: End,
}

impl<'a> Said<'a> {
    fn new(row: &'a Row) -> Self {
        Self {
            objective: &row.text,
            units: &row.units,
            steps: row.rendered.steps.len(),
            noise: row.noise,
            value: row.value,
            photographs: row.photographs.as_ref().map(|found| Compared::new(found, row.value)),
            end: row.rendered.end,
        }
    }
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objective, units, steps, noise, value, photographs, .. } = self;
        let units = if units.is_empty() { (*objective).into() } else { units.join(", ") };
        write!(f, "{units}, {steps} steps: {noise:.3} for noise, {value:.3} for the picture")?;
        let Some(found) = photographs else { return Ok(()) };
        let Compared { photographs, best, best_value, best_side, beaten, times_best } = found;
        let best = best.display();
        write!(
            f,
            "\nit beats {beaten} of {photographs} photographs; the best, {best} at {best_side} pixels, has {best_value:.3}: {times_best:.2} times as much"
        )
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    picture: &'a Path,
    network: &'a str,
    seconds: f64,
    /// The first picture, and those below it.
    #[serde(flatten)]
    first: Said<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<Said<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'a Path>,
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { picture, network, seconds, first, others, page } = self;
        writeln!(f, "{}: {network}, {seconds:.1} s\n{first}", picture.display())?;
        others.iter().try_for_each(|other| writeln!(f, "{other}"))?;
        match page {
            Some(page) => {
                write!(f, "the pictures and the course of the ascent: {}", page.display())
            }
            None => Ok(()),
        }
    }
}
