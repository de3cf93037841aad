//! `find`: the units of a layer that give most to a class, rendered beside its photographs.

use crate::flags::{AscentFlags, ModelFlags, other_units};
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_lens::{Climb, Contributions, Objective, class, render_all, stages};
use conv_train::report::{Html, Report};
use conv_vision::page::Gallery;
use conv_vision::{Limits, Picture};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

#[derive(Debug, Args)]
pub struct Options {
    /// A class, such as "traffic light"
    class: String,
    /// A folder of photographs whose names or folders tell their classes
    /// (n06874185_traffic_light.jpg)
    #[arg(long)]
    photos: PathBuf,
    /// The layer [default: the last one that has positions]
    #[arg(long)]
    layer: Option<String>,
    /// Units that are rendered
    #[arg(long, default_value = "4")]
    units: usize,
    #[arg(long, default_value = "256")]
    steps: usize,
    /// The page: the class's photographs and the units' pictures
    #[arg(long, default_value = "runs/find.html")]
    out: PathBuf,
    #[command(flatten)]
    model: ModelFlags,
    #[command(flatten)]
    ascent: AscentFlags,
}

/// Photographs that the page shows, and units that are rendered at most.
const SHOWN: usize = 6;
const MOST: usize = 64;

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    if !(1..=MOST).contains(&options.units) {
        bail!("--units {}: expected 1 to {MOST}", options.units);
    }
    let model = options.model.open(device)?;
    let number = class(&model, &options.class)?;
    let last = || stages(model.network.graph()).pop().unwrap_or_default();
    let layer = options.layer.clone().unwrap_or_else(last);
    let side = model.preprocessing.crop;
    let found = Contributions::measure(&model, number, &layer, &options.photos, side)?;
    let rendering = options.ascent.rendering(&model, options.steps, Vec::new(), common.seed());
    let mut units = Vec::new();
    let mut climbs = Vec::new();
    for unit in found.units.iter().take(options.units) {
        let objective = Objective::unit(&format!("{layer}:{}", unit.channel), None, &model)?;
        units.push(Unit { unit: objective.units()[0].to_string(), value: unit.value });
        climbs.push(Climb::new(objective, vec![common.seed()]));
    }
    let stop = conv_cli::stop_on_signal()?;
    let rendered = render_all(&model, &climbs, &rendering, |_| !stop.load(Ordering::SeqCst))?;
    let mut photos = Gallery::default();
    for path in found.photographs.iter().take(SHOWN) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        photos.add(&name, &Picture::open(path, &Limits::default())?, "")?;
    }
    let mut pictures = Gallery::default();
    for (unit, rendered) in units.iter().zip(&rendered) {
        let words = format!("gives {:.3} to the class", unit.value);
        pictures.add(&unit.unit, rendered.picture(), &words)?;
    }
    if let Some(folder) = options.out.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let name = model.labels.as_ref().and_then(|labels| labels.all().get(number));
    let name = name.map_or_else(|| options.class.clone(), |label| label.name.clone());
    let note = Html::text(other_units(&model));
    Report::new(&name, &format!("The units of {layer} that give most to the class"))
        .section("Photographs", photos.section())
        .section("Units", Html::trusted(format!("{}<p>{note}</p>", pictures.section())))
        .write(&options.out)?;
    found.skipped.iter().for_each(|file| conv_cli::note(format_args!("left out: {file}")));
    let photographs = found.photographs.len();
    let answer = Answer { page: &options.out, class: name, layer: &layer, photographs, units };
    conv_cli::print(common.json, &answer)
}

#[derive(Serialize)]
struct Unit {
    unit: String,
    value: f64,
}

#[derive(Serialize)]
struct Answer<'a> {
    page: &'a Path,
    class: String,
    layer: &'a str,
    photographs: usize,
    units: Vec<Unit>,
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { page, class, layer, photographs, units } = self;
        write!(f, "{class}: what units of {layer} give to it, on {photographs} photographs")?;
        for Unit { unit, value } in units {
            write!(f, "\n{value:9.3}  {unit}")?;
        }
        write!(f, "\nrendered beside the photographs: {}", page.display())
    }
}
