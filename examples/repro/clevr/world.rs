//! The small world: pictures, questions and maps, made where they are not there.

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device};
use conv_clevr::heads::Maps;
use conv_clevr::render::Filled;
use conv_clevr::sample::Sampler;
use conv_clevr::{Question, QuestionFile, SceneFile, Templates};
use conv_detect::Pyramid;
use conv_vision::data::find;
use conv_vision::{FeatureSource, Features, Limits};
use std::path::{Path, PathBuf};

const DETECTOR: &str = "data/models/clevr-objects";
const TEMPLATES: &str = "data/templates/clevr";

/// What the detector's finest level says over a grid.
const LAYER: &str = "fpn.0@20x15";

/// Objects of a scene.
const OBJECTS: std::ops::RangeInclusive<usize> = 3..=6;

/// Questions about a picture.
const PER_PICTURE: usize = 10;

/// Seeds of the scenes that are learnt from and of those that are asked about, and of the
/// questions.
const SEEDS: [u64; 2] = [1001, 2002];
const QUESTIONS: u64 = 7;

/// Scenes between two notes of how far one is.
const NOTE: usize = 500;

/// The folder of both parts.
pub struct World {
    root: PathBuf,
    counts: [usize; 2],
}

/// Questions, and the maps of their pictures.
pub struct Part {
    pub questions: Vec<Question>,
    pub maps: Maps,
}

impl World {
    /// So many pictures to learn from and to be asked about.
    pub fn new(root: &Path, counts: [usize; 2]) -> Self {
        Self { root: root.into(), counts }
    }

    /// Pictures that are learnt from and watched by.
    pub fn pictures(&self) -> usize {
        self.counts[0]
    }

    /// Pictures that are asked about at the end.
    pub fn test_pictures(&self) -> usize {
        self.counts[1]
    }

    /// What heads learn from.
    pub fn train(&self, device: &Device) -> Result<Part> {
        self.part(0, "train", device)
    }

    /// What they are measured on, which chooses nothing.
    pub fn test(&self, device: &Device) -> Result<Part> {
        self.part(1, "test", device)
    }

    fn part(&self, at: usize, split: &str, device: &Device) -> Result<Part> {
        let root = self.root.join(split);
        let count = self.counts[at];
        let sampler = Sampler {
            seed: SEEDS[at],
            objects: OBJECTS,
            split: split.into(),
            ..Sampler::default()
        };
        let scenes = root.join("scenes.json");
        if SceneFile::read(&scenes).map_or(true, |file| file.scenes.len() != count) {
            let told = |Filled { made, kept }: Filled| {
                if made > 0 && (made + kept) % NOTE == 0 {
                    conv_cli::note(format_args!("{split}: {} of {count} scenes", made + kept));
                }
            };
            sampler.fill(&root, count, told)?;
        }
        let path = root.join("questions.json");
        if !path.is_file() {
            let SceneFile { info, scenes } = SceneFile::read(&scenes)?;
            let templates = Templates::read(Path::new(TEMPLATES))?;
            let questions = templates.about(&scenes, PER_PICTURE, QUESTIONS)?;
            let text = serde_json::to_vec(&QuestionFile { info, questions })?;
            conv_hub::files::write_atomic(&path, &text).context("questions")?;
        }
        let questions = QuestionFile::read(&path)?.questions;
        let maps = maps(&root, device)?;
        let without = questions.iter().find(|question| !maps.has(&question.image_filename));
        if let Some(question) = without {
            let path = root.join("features.safetensors");
            let image = &question.image_filename;
            bail!("{} has no map of {image}: remove it, and it is made anew", path.display());
        }
        Ok(Part { questions, maps })
    }
}

/// The maps of a part's pictures.
fn maps(root: &Path, device: &Device) -> Result<Maps> {
    let path = root.join("features.safetensors");
    let source = Pyramid::open(Path::new(DETECTOR), device)?;
    if !path.is_file() {
        let images = root.join("images");
        let layers = [LAYER.to_string()];
        let files = find(&[&images]);
        let limits = Limits::default();
        let begun = std::time::Instant::now();
        let (features, _) =
            Features::of(&source, (&files, &images), &layers, &limits, DType::F16, device)?;
        features.write(&path)?;
        let count = files.len();
        let seconds = begun.elapsed().as_secs_f64();
        conv_cli::note(format_args!("{}: {count} maps in {seconds:.0} s", path.display()));
    }
    let maps = Maps::read(&path)?;
    maps.made_by().check(&source.made_by(), &path)?;
    Ok(maps)
}
