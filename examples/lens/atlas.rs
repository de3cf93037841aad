//! `atlas`: one page of many units, a section a layer.

use crate::flags::{AscentFlags, ModelFlags, other_units};
use crate::folder::claim;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_hub::files::write_atomic;
use conv_lens::atlas::{Entry, Section, html};
use conv_lens::evaluate::{draw, random, render_unit};
use conv_lens::{Objective, Survey, excitement, stages};
use conv_vision::{Picture, Pretrained};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

#[derive(Debug, Args)]
pub struct Options {
    /// The page
    #[arg(long, default_value = "runs/atlas.html")]
    out: PathBuf,
    /// Units of each layer, drawn by the seed
    #[arg(long, default_value = "8")]
    units: usize,
    /// Units that are shown instead, as LAYER:CHANNEL with commas
    #[arg(long, value_delimiter = ',')]
    chosen: Vec<String>,
    /// Layers, with commas [default: of GoogLeNet inception_3a to inception_5b, otherwise all
    /// joints or rectified layers]
    #[arg(long, value_delimiter = ',')]
    layers: Vec<String>,
    /// A folder of photographs: units that none of them excites are not drawn, and the best of them
    /// stands below each picture
    #[arg(long)]
    photos: Option<PathBuf>,
    #[arg(long, default_value = "256")]
    steps: usize,
    /// A folder for the rendered pictures; those that lie there already are not rendered again
    #[arg(long)]
    pictures: Option<PathBuf>,
    #[command(flatten)]
    model: ModelFlags,
    #[command(flatten)]
    ascent: AscentFlags,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let begun = Instant::now();
    let model = options.model.open(device)?;
    let rendering = options.ascent.rendering(&model, options.steps, Vec::new(), common.seed());
    rendering.check()?;
    if let Some(folder) = &options.pictures {
        claim(folder, &model, &rendering)?;
    }
    let survey = options.survey(&model)?;
    let units = options.chosen(&model, survey.as_ref(), common.seed())?;
    let stop = conv_cli::stop_on_signal()?;
    let graph = model.network.graph();
    let mut sections: Vec<Section> = Vec::new();
    let mut done = 0;
    for (layer, channel) in &units {
        let folder = options.pictures.as_deref();
        let picture = render_unit(&model, layer, *channel, &rendering, folder)?;
        let objective = Objective::unit(&format!("{layer}:{channel}"), None, &model)?;
        let value = excitement(&model, &objective, &picture)?;
        let best = survey.as_ref().and_then(|survey| survey.best(layer, *channel));
        let best = best.map_or(String::new(), |best| format!(", best photograph {:.2}", best.mean));
        let unit = objective.units()[0].to_string();
        if sections.last().is_none_or(|section| section.layer != *layer) {
            sections.push(Section::new(layer, graph));
        }
        let entry = Entry { unit, picture, words: format!("mean {value:.2}{best}") };
        sections.last_mut().into_iter().for_each(|section| section.entries.push(entry.clone()));
        done += 1;
        conv_cli::note(format_args!("{done} of {}: {}", units.len(), entry.unit));
        if stop.load(Ordering::SeqCst) {
            break;
        }
    }
    let strip = strip(&model, &rendering, &sections)?;
    let title = format!("What the units of {} respond to", model.network.name());
    let page = html(&title, other_units(&model), &strip, &sections)?;
    if let Some(folder) = options.out.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    write_atomic(&options.out, page.as_bytes())?;
    let answer = Answer {
        page: &options.out,
        layers: sections.len(),
        units: done,
        steps: rendering.steps,
        bytes: page.len(),
        seconds: begun.elapsed().as_secs_f64(),
    };
    conv_cli::print(common.json, &answer)
}

/// From the input to the output: the noise that all begin with, a unit of each layer, and a class.
fn strip(
    model: &Pretrained,
    rendering: &conv_lens::Rendering,
    sections: &[Section],
) -> Result<Vec<(String, Picture)>> {
    let graph = model.network.graph();
    let class = format!("{}:0", graph.layers()[graph.output()].name);
    // A network without classes has no such unit.
    let Ok(class) = Objective::unit(&class, None, model) else {
        return Ok(Vec::new());
    };
    let begun = conv_lens::Rendering { keep: vec![0], ..rendering.clone() };
    let output = conv_lens::render(model, &class, &begun, |_| true)?;
    let mut strip = vec![("input".to_string(), output.frames[0].picture.clone())];
    for section in sections {
        if let Some(entry) = section.entries.first() {
            let name = section.layer.split('/').next().unwrap_or(&section.layer);
            strip.push((name.into(), entry.picture.clone()));
        }
    }
    strip.push(("output".into(), output.picture().clone()));
    Ok(strip)
}

impl Options {
    /// The layers of the page.
    fn stages(&self, model: &Pretrained) -> Vec<String> {
        if !self.layers.is_empty() {
            return self.layers.clone();
        }
        let all = stages(model.network.graph());
        let joined: Vec<String> =
            all.iter().filter(|layer| layer.starts_with("inception_")).cloned().collect();
        if joined.is_empty() { all } else { joined }
    }

    fn survey(&self, model: &Pretrained) -> Result<Option<Survey>> {
        let Some(folder) = &self.photos else { return Ok(None) };
        let sides = [model.preprocessing.crop];
        let survey = Survey::measure(model, &self.stages(model), folder, &sides)?;
        survey.skipped.iter().for_each(|file| conv_cli::note(format_args!("left out: {file}")));
        Ok(Some(survey))
    }

    /// The units that are shown, those of a layer together.
    fn chosen(
        &self,
        model: &Pretrained,
        survey: Option<&Survey>,
        seed: u64,
    ) -> Result<Vec<(String, usize)>> {
        let mut units = Vec::new();
        for text in &self.chosen {
            let objective = Objective::parse(text, model)?;
            let [unit] = objective.units()[..] else {
                bail!("{text:?} is no unit, expected LAYER:CHANNEL");
            };
            let layer = model.network.graph().layers()[unit.address.layer].name.clone();
            units.push((layer, unit.address.channel.unwrap_or(0)));
        }
        if units.is_empty() {
            let layers = self.stages(model);
            units = match survey {
                Some(survey) => draw(survey, self.units * layers.len(), seed),
                None => random(model, &layers, self.units, seed)?,
            };
        }
        if units.is_empty() {
            bail!("no units: expected --units of at least 1, or photographs that excite some");
        }
        let at = |layer: &str| model.network.graph().position(layer);
        units.sort_by_key(|(layer, _)| at(layer));
        Ok(units)
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    page: &'a Path,
    layers: usize,
    units: usize,
    steps: usize,
    bytes: usize,
    seconds: f64,
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { page, layers, units, steps, bytes, seconds } = self;
        write!(
            f,
            "{}: {units} units of {layers} layers, {steps} steps each, {:.1} MB, {seconds:.0} s",
            page.display(),
            *bytes as f64 / 1e6
        )
    }
}
