//! Data sets: pictures with their objects, each with class, box, mask and what else is known of it.

mod clevr;
mod coco;
mod masks;

use crate::config::{Attribute, Measure};
use crate::{BoundingBox, Error, Result, RunLength};
use conv_vision::Limits;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Pictures and what is on them.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The folder's name.
    pub name: String,
    /// The names of the classes.
    pub labels: Vec<String>,
    /// The classes' numbers in COCO's files; empty where they are 1, 2, ….
    pub categories: Vec<u64>,
    /// What else is told of objects.
    pub attributes: Vec<Attribute>,
    /// Numbers that are told of objects.
    pub measures: Vec<Measure>,
    /// The pictures.
    pub examples: Vec<Example>,
    /// What was left out, each with its place and why.
    pub left_out: Vec<String>,
}

/// A picture and what is on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Its number in the data set.
    pub id: u64,
    /// Its file.
    pub path: PathBuf,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// What is on it; may be nothing.
    pub objects: Vec<Object>,
}

/// Something on a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Where it is.
    pub bounding_box: BoundingBox,
    /// Its pixels.
    pub mask: RunLength,
    /// Square pixels, which say among the objects of which size it is counted.
    pub area: f64,
    /// Whether it stands for several that nobody told apart: it is not learnt, and finding one of
    /// them is neither right nor wrong.
    pub crowd: bool,
    /// The number of its class in [`Dataset::labels`].
    pub class: usize,
    /// The number of the value of each attribute, where it is known.
    pub attributes: Vec<Option<u32>>,
    /// Each measure, where it is known.
    pub measures: Vec<Option<f32>>,
}

/// A part of a data set by its pictures' numbers: those that leave 4 when divided by 5 are held out
/// of every training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Every picture.
    All,
    /// Four fifths.
    Train,
    /// The fifth.
    HeldOut,
}

impl Part {
    /// Whether the picture of this number is of it.
    pub fn has(self, id: u64) -> bool {
        match self {
            Self::All => true,
            Self::Train => id % 5 != 4,
            Self::HeldOut => id % 5 == 4,
        }
    }
}

impl FromStr for Part {
    type Err = conv_hub::InvalidField;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            "train" => Ok(Self::Train),
            "held-out" => Ok(Self::HeldOut),
            _ => Err(conv_hub::InvalidField::name("part", text, "all, train, held-out")),
        }
    }
}

impl Dataset {
    /// Reads a folder of CLEVR's layout: `scenes.json`, `images/`, and `masks/` with a PNG of the
    /// same name for each picture, in which a pixel's value is the number of the object in its
    /// scene, from 1, and 0 where there is none.
    ///
    /// Without `scenes.json` the same with objects of which no more is known, in pictures that are
    /// numbered in the order of their names.
    ///
    /// Or one of COCO's: a file of annotations, or the folder in whose `annotations/` it is the
    /// only `instances_NAME.json`. The pictures are in `NAME/` or `images/` beside `annotations/`,
    /// or where the file is.
    ///
    /// # Errors
    /// A folder of another layout; annotations that are not what they should be. A picture or
    /// object that cannot be used is left out.
    pub fn open(folder: &Path, limits: &Limits) -> Result<Self> {
        if folder.join(clevr::SCENES).is_file() {
            return clevr::read(folder, limits);
        }
        if let Some(file) = coco::annotations(folder)? {
            return coco::read(&file, limits);
        }
        if masks::is_here(folder) {
            return masks::read(folder, limits);
        }
        let mut names: Vec<String> = folder
            .read_dir()
            .map_err(Error::io(folder))?
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        names.sort();
        names.truncate(4);
        let found = if names.is_empty() { "nothing".into() } else { names.join(", ") };
        Err(Error::Layout { path: folder.to_path_buf(), found })
    }

    /// The part's pictures alone.
    #[must_use]
    pub fn part(&self, part: Part) -> Self {
        let examples = self.examples.iter().filter(|example| part.has(example.id));
        Self { examples: examples.cloned().collect(), ..self.clone() }
    }

    /// How many objects there are.
    pub fn objects(&self) -> usize {
        self.examples.iter().map(|example| example.objects.len()).sum()
    }
}
