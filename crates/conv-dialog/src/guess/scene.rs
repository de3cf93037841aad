//! Scenes: objects of four attributes, and what is counted of them.

use crate::data::json;
use crate::{Error, Result};
use conv_nn::rng::seeded;
use rand::Rng;
use serde::Deserialize;
use std::fmt;
use std::path::Path;

/// The values of all attributes, one attribute after the other.
pub(crate) const VALUES: [&str; 15] = [
    "small", "large", "gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow",
    "rubber", "metal", "cube", "sphere", "cylinder",
];
/// The attributes, and where their values begin and end.
pub(crate) const ATTRIBUTES: [(&str, usize, usize); 4] =
    [("size", 0, 2), ("color", 2, 10), ("material", 10, 12), ("shape", 12, 15)];
/// Numbers that describe a scene: how many objects there are, of each value, and of each pair of
/// values of two attributes.
pub(crate) const FEATURES: usize = 1 + 15 + (2 * 8 + 2 * 2 + 2 * 3 + 8 * 2 + 8 * 3 + 2 * 3);
/// Objects of a scene, at most; the originals have 10.
const MOST_OBJECTS: usize = 10;

/// An object: a place in the table of values for each attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object(pub(crate) [usize; 4]);

/// A scene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// Its picture's file name, or its number.
    pub name: String,
    /// What is in it.
    pub objects: Vec<Object>,
}

impl Object {
    /// Whether it has every one of these values.
    pub(crate) fn is(&self, values: &[usize]) -> bool {
        values.iter().all(|value| self.0.contains(value))
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [size, color, material, shape] = self.0.map(|value| VALUES[value]);
        write!(f, "{size} {color} {material} {shape}")
    }
}

impl Scene {
    /// How many objects have every one of these values.
    pub(crate) fn count(&self, values: &[usize]) -> usize {
        self.objects.iter().filter(|object| object.is(values)).count()
    }

    pub(crate) fn features(&self) -> Vec<f32> {
        features_of(self.objects.len(), |values| self.count(values) as f32)
    }

    /// 3 to 10 objects, each value of each attribute as likely.
    pub(crate) fn draw(name: String, rng: &mut impl Rng) -> Self {
        let object = |rng: &mut dyn FnMut(usize, usize) -> usize| {
            Object(ATTRIBUTES.map(|(_, begin, end)| rng(begin, end)))
        };
        let count = rng.random_range(3..=MOST_OBJECTS);
        let objects =
            (0..count).map(|_| object(&mut |begin, end| rng.random_range(begin..end))).collect();
        Self { name, objects }
    }
}

/// A scene's features: how many objects there are, and what `count` says of each value and of each
/// pair of values of two attributes.
pub(crate) fn features_of(objects: usize, count: impl Fn(&[usize]) -> f32) -> Vec<f32> {
    let mut features = vec![objects as f32];
    features.extend((0..VALUES.len()).map(|value| count(&[value])));
    for (place, (_, begin, end)) in ATTRIBUTES.iter().enumerate() {
        for (_, other, last) in &ATTRIBUTES[place + 1..] {
            for value in *begin..*end {
                features.extend((*other..*last).map(|other| count(&[value, other])));
            }
        }
    }
    features
}

/// So many scenes, which depend on the seed alone.
pub fn draw_scenes(count: usize, seed: u64) -> Vec<Scene> {
    let scene = |number| {
        Scene::draw(format!("scene {number}"), &mut seeded(seed, &format!("scene {number}")))
    };
    (0..count).map(scene).collect()
}

#[derive(Deserialize)]
struct File {
    scenes: Vec<RawScene>,
}

#[derive(Deserialize)]
struct RawScene {
    image_filename: String,
    objects: Vec<RawObject>,
}

#[derive(Deserialize)]
struct RawObject {
    size: String,
    color: String,
    material: String,
    shape: String,
}

/// The scenes of CLEVR files (`CLEVR_val_scenes.json`), one file after the other.
///
/// # Errors
/// No JSON of this kind; a value that CLEVR does not have, or more than ten objects, by scene and
/// object.
pub fn read_scenes<P: AsRef<Path>>(files: &[P]) -> Result<Vec<Scene>> {
    let mut scenes = Vec::new();
    for path in files.iter().map(AsRef::as_ref) {
        let File { scenes: raw } = json(path)?;
        for (number, RawScene { image_filename, objects: raw }) in raw.into_iter().enumerate() {
            let refuse = |reason| Error::Json { path: path.into(), reason };
            if raw.is_empty() || raw.len() > MOST_OBJECTS {
                let found = raw.len();
                return Err(refuse(format!(
                    "scene {number} has {found} objects, expected 1 to {MOST_OBJECTS}"
                )));
            }
            let mut objects = Vec::new();
            for (place, RawObject { size, color, material, shape }) in raw.into_iter().enumerate() {
                let mut object = [0; 4];
                for ((to, found), (attribute, begin, end)) in
                    object.iter_mut().zip([size, color, material, shape]).zip(ATTRIBUTES)
                {
                    let known = (begin..end).find(|&value| VALUES[value] == found);
                    *to = known.ok_or_else(|| {
                        let known = VALUES[begin..end].join(", ");
                        refuse(format!(
                            "scene {number}, object {place}: {attribute} {found:?}, expected one of {known}"
                        ))
                    })?;
                }
                objects.push(Object(object));
            }
            scenes.push(Scene { name: image_filename, objects });
        }
    }
    Ok(scenes)
}
