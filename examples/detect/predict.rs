//! `predict`: what is on pictures, as text, as COCO's results and drawn.

use crate::model::Model;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_detect::{Instance, Limits, Picture, RunLength, draw};
use conv_hub::files::write_atomic;
use conv_vision::data::find;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    /// Pictures, and folders of them
    #[arg(required = true)]
    pictures: Vec<PathBuf>,
    #[command(flatten)]
    model: Model,
    /// The score from which on an instance is told
    #[arg(long, default_value = "0.5", value_parser = share)]
    threshold: f32,
    /// Where the picture with its instances goes, as .png; of several pictures a folder
    #[arg(long)]
    out: Option<PathBuf>,
}

pub fn share(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(format!("{text} is not in 0 to 1")),
    }
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let files = find(&options.pictures);
    let Some(mut out) = Target::new(options, &files)? else { bail!("no picture to look at") };
    let detector = options.model.open(device)?;
    let mut results = Vec::new();
    let mut skipped = Vec::new();
    let mut seen = 0;
    for (at, path) in files.iter().enumerate() {
        let picture = match Picture::open(path, &Limits::default()) {
            Ok(picture) => picture,
            Err(error) => {
                skipped.push(error);
                continue;
            }
        };
        seen += 1;
        let mut instances = detector.detect(&picture)?;
        instances.retain(|instance| instance.score >= options.threshold);
        if let Some(target) = out.of(path) {
            write_atomic(&target, &draw(&picture, &instances)?.to_png()?)?;
            conv_cli::note(format_args!("drawn: {}", target.display()));
        }
        if common.json {
            results.extend(instances.into_iter().map(|found| {
                let category = detector.config().category(found.class);
                Coco::new(path, at, category, found)
            }))
        } else {
            conv_cli::print(false, &Seen { path, instances })?
        }
    }
    match (seen, skipped.as_slice()) {
        (0, [only]) => bail!("{only}"),
        (0, [first, ..]) => bail!("none of {} files is a picture; {first}", skipped.len()),
        _ => skipped.iter().for_each(|error| conv_cli::note(format_args!("skipped: {error}"))),
    }
    if common.json {
        conv_cli::print(true, &Results(results))?;
    }
    Ok(())
}

/// Where drawings go.
enum Target {
    Nowhere,
    File(PathBuf),
    /// A folder, and the names that are there already.
    Folder(PathBuf, BTreeSet<String>),
}

impl Target {
    /// None where there is nothing to draw.
    fn new(options: &Options, files: &[PathBuf]) -> Result<Option<Self>> {
        if files.is_empty() {
            return Ok(None);
        }
        let Some(out) = &options.out else { return Ok(Some(Self::Nowhere)) };
        let is_png = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
        let folder = match (files, is_png) {
            ([_], true) => out.parent().filter(|folder| !folder.as_os_str().is_empty()),
            (_, true) => bail!(
                "--out {} is one file, expected a folder for {} pictures",
                out.display(),
                files.len()
            ),
            _ => Some(out.as_path()),
        };
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("creating {}", folder.display()))?;
        }
        Ok(Some(if is_png {
            Self::File(out.clone())
        } else {
            Self::Folder(out.clone(), BTreeSet::new())
        }))
    }

    /// For this picture; pictures of one name in several folders get a number behind it.
    fn of(&mut self, picture: &Path) -> Option<PathBuf> {
        match self {
            Self::Nowhere => None,
            Self::File(file) => Some(file.clone()),
            Self::Folder(folder, taken) => {
                let stem = picture.file_stem().unwrap_or_default().to_string_lossy();
                let mut name = format!("{stem}.png");
                let mut number = 1;
                while !taken.insert(name.clone()) {
                    number += 1;
                    name = format!("{stem}-{number}.png");
                }
                Some(folder.join(name))
            }
        }
    }
}

/// What was found on a picture, for people.
#[derive(Serialize)]
struct Seen<'a> {
    path: &'a Path,
    instances: Vec<Instance>,
}

impl fmt::Display for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.instances.len())?;
        for instance in &self.instances {
            let [left, top, right, bottom] = instance.bounding_box.corners();
            let score = instance.score;
            let name = instance.name();
            let area = instance.mask.area();
            write!(
                f,
                "\n  {score:.2}  {name:<30} {left:6.1} {top:6.1} {right:6.1} {bottom:6.1}  {area} pixels"
            )?;
        }
        Ok(())
    }
}

/// A line of COCO's results, with what the network says besides.
#[derive(Serialize)]
struct Coco {
    /// The digits at the end of the file's name, as COCO's pictures have them; else its place among
    /// the pictures.
    image_id: u64,
    /// As the training data had it; else from 1.
    category_id: u64,
    /// x, y, width and height.
    bbox: [f32; 4],
    score: f32,
    segmentation: RunLength,
    file: String,
    category: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    measures: BTreeMap<String, f32>,
}

impl Coco {
    fn new(path: &Path, at: usize, category_id: u64, found: Instance) -> Self {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let digits = stem.len() - stem.bytes().rev().take_while(u8::is_ascii_digit).count();
        Self {
            image_id: stem[digits..].parse().unwrap_or(at as u64),
            category_id,
            bbox: found.bounding_box.xywh(),
            score: found.score,
            segmentation: found.mask,
            file: path.display().to_string(),
            category: found.label,
            attributes: found.attributes.into_iter().map(|a| (a.name, a.value)).collect(),
            measures: found.measures.into_iter().map(|m| (m.name, m.value)).collect(),
        }
    }
}

/// COCO's results: one list.
#[derive(Serialize)]
#[serde(transparent)]
struct Results(Vec<Coco>);

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} instances", self.0.len())
    }
}
