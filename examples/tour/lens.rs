//! Seeing inside: what three units of the shipped classifier respond to (Olah et al. 2017), beside
//! the crops that excite them.

use anyhow::Result;
use candle_core::Device;
use conv_lens::{Objective, Photographs, Rendering, excitement, render};
use conv_train::report::{Html, Report};
use conv_vision::page::Gallery;
use conv_vision::{Limits, Picture, Pretrained};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// From edges to whole things: a unit of the second layer, one of the last, and a class.
const UNITS: [&str; 3] = ["bn2:13", "bn4:101", "fc5:12"];
const STEPS: usize = 64;
/// Crops that are shown of a unit.
const SHOWN: usize = 5;

/// What was rendered.
#[derive(Debug, Serialize)]
pub struct Units {
    network: &'static str,
    units: Vec<Rendered>,
}

#[derive(Debug, Serialize)]
struct Rendered {
    unit: String,
    /// The unit's answer to the rendered picture.
    value: f64,
    /// To the noise it began with.
    noise: f64,
    best: PathBuf,
    best_value: f64,
    beaten: usize,
    crops: usize,
}

/// Renders, measures the sample crops, and adds both to the report.
pub fn section(data: &Path, device: &Device, report: Report) -> Result<(Units, Report)> {
    let model = Pretrained::open(&data.join("models/clevr-crops"), device)?;
    let crops = data.join("samples/crops");
    let size = model.preprocessing.crop;
    let mut units = Vec::new();
    let mut rows = String::new();
    for text in UNITS {
        let objective = Objective::parse(text, &model)?;
        let rendering = Rendering { size, steps: STEPS, keep: vec![0, 4], ..Rendering::default() };
        let rendered = render(&model, &objective, &rendering, |_| true)?;
        let value = excitement(&model, &objective, rendered.picture())?;
        let noise = excitement(&model, &objective, &rendered.frames[0].picture)?;
        let found = Photographs::measure(&model, &objective, &crops, &[size])?;
        let best = &found.ranking[0];
        let named = match text.strip_prefix("fc5:").and_then(|class| class.parse::<usize>().ok()) {
            Some(class) => {
                let labels = model.labels.as_ref().map(|labels| labels.all());
                let name = labels.and_then(|labels| labels.get(class)).map(|label| &label.name);
                name.map_or_else(|| text.into(), |name| format!("{text} ({name})"))
            }
            None => text.to_string(),
        };
        let mut row = Gallery::default();
        row.add(
            &format!("{named} after {STEPS} steps"),
            rendered.picture(),
            &format!("{value:.2}"),
        )?;
        for frame in rendered.frames.iter().take(2) {
            row.add(&format!("after {} steps", frame.step), &frame.picture, "")?;
        }
        for crop in found.ranking.iter().take(SHOWN) {
            let name = crop.path.file_name().unwrap_or_default().to_string_lossy();
            let picture = Picture::open(&crop.path, &Limits::default())?;
            row.add(&name, &picture, &format!("{:.2}", crop.value))?;
        }
        rows += &row.row().to_string();
        units.push(Rendered {
            unit: named,
            value,
            noise,
            best: best.path.clone(),
            best_value: best.value,
            beaten: found.ranking.iter().filter(|crop| crop.value < value).count(),
            crops: found.ranking.len(),
        });
    }
    let network = model.network.name();
    let body = format!(
        "<p>What units of the shipped classifier respond to: drawn by ascent from noise, on the left, and how far it was after none and four \
         steps; then the sample crops that excite the unit most, with its answers.</p>{rows}"
    );
    let report = report.section("Inside the classifier", Html::trusted(body));
    Ok((Units { network, units }, report))
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Pictures that units of {} respond to, after Olah et al. (2017)",
            self.network
        )?;
        for Rendered { unit, value, noise, best, best_value, beaten, crops } in &self.units {
            let best = best.file_name().unwrap_or(best.as_os_str()).to_string_lossy();
            write!(
                f,
                "\n  {unit}: {noise:.2} for noise, {value:.2} for the picture, more than {beaten} of {crops} crops (best {best}, {best_value:.2})"
            )?;
        }
        Ok(())
    }
}
