//! Instances: He et al. (2017) on rendered scenes. Their figures show a colour an instance, with
//! mask, box, class and score; so does the report.

use anyhow::Result;
use candle_core::Device;
use conv_detect::{Dataset, Detector, Instance, Limits, Picture, draw, figure};
use conv_train::report::{Html, Report};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// The score from which on an instance is told.
const SHOWN: f32 = 0.5;

/// The IoU from which on an instance is an object.
const SAME: f32 = 0.5;

/// What the model finds on the sample scenes.
#[derive(Debug, Serialize)]
pub struct Scenes {
    scenes: Vec<Scene>,
    objects: usize,
    found: usize,
}

#[derive(Debug, Serialize)]
struct Scene {
    file: String,
    objects: usize,
    instances: Vec<Instance>,
}

/// Finds what is on the sample scenes, counts, and adds the drawings to the report.
pub fn section(data: &Path, device: &Device, report: Report) -> Result<(Scenes, Report)> {
    let detector = Detector::open(&data.join("models/clevr-objects"), device)?;
    let limits = Limits::default();
    let samples = Dataset::open(&data.join("samples/scenes"), &limits)?;
    let mut scenes = Vec::new();
    let mut drawings = String::new();
    let mut found = 0;
    for example in &samples.examples {
        let picture = Picture::open(&example.path, &limits)?;
        let mut instances = detector.detect(&picture)?;
        instances.retain(|instance| instance.score >= SHOWN);
        let is_found = |object: &conv_detect::Object| {
            instances.iter().any(|i| i.bounding_box.iou(&object.bounding_box) >= SAME)
        };
        found += example.objects.iter().filter(|object| is_found(object)).count();
        let file = example.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        drawings += &figure(&draw(&picture, &instances)?, &file)?;
        scenes.push(Scene { file, objects: example.objects.len(), instances });
    }
    let objects = samples.objects();
    let body = format!(
        "<p>{found} of {objects} objects are found. A colour an instance: its mask, its box, what it is like, and how sure the model is.</p>{drawings}"
    );
    let report = report.section("Sample scenes", Html::trusted(body));
    Ok((Scenes { scenes, objects, found }, report))
}

impl fmt::Display for Scenes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Scenes, by the network of He et al. (2017)\n")?;
        for Scene { file, objects, instances } in &self.scenes {
            writeln!(f, "  {file}, {objects} objects")?;
            for instance in instances {
                let [left, top, right, bottom] = instance.bounding_box.corners();
                let score = instance.score;
                let words = instance.name();
                writeln!(
                    f,
                    "    {score:.2}  {words:<28} ({left:.0}, {top:.0}) to ({right:.0}, {bottom:.0})"
                )?;
            }
        }
        write!(f, "  {} of {} objects found", self.found, self.objects)
    }
}
