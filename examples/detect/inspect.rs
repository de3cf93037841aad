//! `inspect`: a model folder in numbers, or pictures with their annotations.

use crate::model::{SHIPPED, data, place, write};
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_detect::{
    BoundingBox, Dataset, Detector, Example, Limits, Looked, Match, ModelInspection, Picture,
    draw_matches, draw_truth, figure,
};
use conv_train::report::{Html, Report};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    /// A model folder, an id on the hub, or torchvision's weights
    #[arg(default_value = SHIPPED, conflicts_with = "data")]
    model: String,
    /// A data set instead: counts its objects and draws some of its pictures with their annotations
    #[arg(long)]
    data: Option<PathBuf>,
    /// Pictures that are drawn at most
    #[arg(long, default_value = "12", requires = "data")]
    pictures: usize,
    /// With the anchors and proposals of this detector, each in the colour of the object that it is
    /// taught
    #[arg(long, value_name = "MODEL", requires = "data")]
    proposals: Option<String>,
    /// Where the drawings go
    #[arg(long, default_value = "runs/annotations.html", requires = "data")]
    page: PathBuf,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let Some(folder) = &options.data else {
        conv_cli::check_shipped(&options.model, SHIPPED, "detect train --data FOLDER --out DIR")?;
        let model = ModelInspection::open(&place(&options.model)?)?;
        return conv_cli::print(common.json, &model);
    };
    let limits = Limits::default();
    let data = data(folder, &limits)?;
    let detector = match &options.proposals {
        Some(model) => Some(Detector::open(&place(model)?, device)?),
        None => None,
    };
    let body = draw_all(&data, options.pictures, detector.as_ref(), &limits)?;
    let page = Report::new(&data.name, "Pictures with their annotations");
    write(page.section("Pictures", Html::trusted(body)), &options.page)?;
    conv_cli::print(common.json, &Counts::new(&data, &options.page))
}

/// Some pictures, evenly spread, with their annotations, and where a detector looks on them.
fn draw_all(
    data: &Dataset,
    pictures: usize,
    detector: Option<&Detector>,
    limits: &Limits,
) -> Result<String> {
    let mut body = String::new();
    let step = data.examples.len().div_ceil(pictures.max(1)).max(1);
    for example in data.examples.iter().step_by(step) {
        let picture = Picture::open(&example.path, limits)?;
        let name = example.path.file_name().unwrap_or_default().to_string_lossy();
        body += &figure(&draw_truth(&picture, data, example)?, &name)?;
        if let Some(detector) = detector {
            body += &look(detector, &picture, example, &name)?;
        }
    }
    Ok(body)
}

/// The anchors that are taught an object, and all proposals.
fn look(detector: &Detector, picture: &Picture, example: &Example, name: &str) -> Result<String> {
    let objects = example.objects.iter().filter(|object| !object.crowd);
    let objects: Vec<BoundingBox> = objects.map(|object| object.bounding_box).collect();
    let Looked { anchors, proposals } = detector.look(picture, &objects)?;
    let is_taught = |(_, taught): &(BoundingBox, Match)| matches!(taught, Match::Object(_));
    let (all, mut some) = (anchors.len(), anchors);
    some.retain(is_taught);
    let text = format!("{name}: {} of {all} anchors are taught an object", some.len());
    let of_anchors = figure(&draw_matches(picture, &some)?, &text)?;
    let taught = proposals.iter().filter(|proposal| is_taught(proposal)).count();
    let found = |object| {
        let is_own = |(_, taught): &&(BoundingBox, Match)| *taught == Match::Object(object);
        proposals.iter().any(|proposal| is_own(&proposal))
    };
    let found = (0..objects.len()).filter(|&object| found(object)).count();
    let count = proposals.len();
    let known = objects.len();
    let text = format!(
        "{name}: {count} proposals, {taught} of them taught an object, background grey; {found} of {known} objects have one"
    );
    Ok(of_anchors + &figure(&draw_matches(picture, &proposals)?, &text)?)
}

/// What a data set holds.
#[derive(Serialize)]
struct Counts<'a> {
    pictures: usize,
    without_objects: usize,
    objects: usize,
    left_out: usize,
    classes: BTreeMap<&'a str, usize>,
    page: &'a Path,
}

impl<'a> Counts<'a> {
    fn new(data: &'a Dataset, page: &'a Path) -> Self {
        let mut classes: BTreeMap<&str, usize> =
            data.labels.iter().map(|label| (label.as_str(), 0)).collect();
        for object in data.examples.iter().flat_map(|example| &example.objects) {
            *classes.entry(&data.labels[object.class]).or_default() += 1;
        }
        Self {
            pictures: data.examples.len(),
            without_objects: data.examples.iter().filter(|e| e.objects.is_empty()).count(),
            objects: data.objects(),
            left_out: data.left_out.len(),
            classes,
            page,
        }
    }
}

impl fmt::Display for Counts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pictures, without_objects, objects, left_out, classes, page } = self;
        writeln!(f, "{pictures} pictures, {without_objects} of them without objects")?;
        writeln!(f, "{objects} objects, left out {left_out}")?;
        for (label, count) in classes {
            writeln!(f, "  {label:<16} {count}")?;
        }
        write!(f, "drawn: {}", page.display())
    }
}
