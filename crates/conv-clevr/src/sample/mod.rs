//! Scenes by the rules of the original (Johnson et al. 2016, section 3.1; dataset-gen's
//! `render_images.py`): three to ten objects, none too near another, none so that it could be
//! called left of another and right of it by a hair, none hidden.

mod cogent;

pub use cogent::Cogent;

use crate::render::{Camera, Filled, Folder, PLACE, SIDES, Shot, Stage, half};
use crate::scene::Object;
use crate::{Error, Material, Relation, Result, Scene, Shape, Size};
use conv_hub::InvalidField;
use conv_nn::rng::seeded;
use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::{Map, json};
use std::ops::RangeInclusive;
use std::path::Path;

/// How many objects a scene has.
pub const OBJECTS: RangeInclusive<usize> = 3..=10;

/// Objects stand within this of the ground's middle along each side, in units of the scene.
const EDGE: f64 = 3.0;

/// What lies between two objects at least.
const GAP: f64 = 0.25;

/// How far apart two objects are at least along each of the camera's directions.
const APART: f64 = 0.4;

/// Places tried for an object before the scene begins anew.
const PLACES: usize = 50;

/// Beginnings of a scene at most.
const BEGINNINGS: usize = 20_000;

/// How far the camera is moved at most along each axis, and a lamp.
const CAMERA: f64 = 0.5;
const LAMP: f64 = 1.0;

/// Pixels that show of each object at least, in a picture of 480 columns.
const VISIBLE: f64 = 200.0;

/// Which scenes are drawn. A scene is a function of the seed and its own number alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampler {
    /// Seed of everything.
    pub seed: u64,
    /// Which shapes may have which colours; none: each may have all.
    pub cogent: Option<Cogent>,
    /// How many objects a scene has, each count as likely as any other.
    pub objects: RangeInclusive<usize>,
    /// Columns of the pictures.
    pub width: usize,
    /// Rows of the pictures.
    pub height: usize,
    /// The part of the data set, which names the pictures.
    pub split: String,
}

/// A scene that was drawn.
#[derive(Debug, Clone)]
pub struct Sampled {
    /// Its graph, as files have it.
    pub scene: Scene,
    /// What it is rendered from.
    pub stage: Stage,
}

impl Default for Sampler {
    /// The original's rules and three quarters of a VGA picture's side.
    fn default() -> Self {
        let width = 320;
        let height = 240;
        let split = "new".into();
        Self { seed: 1, cogent: None, objects: OBJECTS, width, height, split }
    }
}

impl Sampler {
    /// Fills a folder with its first `count` scenes ([`Folder`]); `told` hears of each.
    ///
    /// # Errors
    /// As [`Sampler::check`], [`Folder::open`] and [`Folder::fill`].
    pub fn fill(&self, root: &Path, count: usize, told: impl FnMut(Filled)) -> Result<Filled> {
        self.check()?;
        let Self { seed, cogent, objects, width, height, split } = self;
        let settings = json!({"seed": seed, "cogent": cogent, "least": objects.start(), "most": objects.end(),
            "width": width, "height": height, "split": split});
        let info =
            Map::from_iter([("split".into(), json!(split)), ("settings".into(), settings.clone())]);
        let make = |at: usize| {
            let sampled = self.scene(at as u64)?;
            Ok((sampled.scene, sampled.stage))
        };
        Folder::open(root, &settings)?.fill(info, count, |at| self.name(at as u64), make, told)
    }

    /// The pixels that show of each object at least: 200 of a picture of 480 columns, 89 of 320.
    pub fn visible(&self) -> usize {
        (VISIBLE * (self.width as f64 / 480.0).powi(2)).ceil() as usize
    }

    /// Checks what came from outside.
    ///
    /// # Errors
    /// The field that is out of its range.
    pub fn check(&self) -> Result<()> {
        let is_name = |split: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            (1..=32).contains(&split.len()) && split.bytes().all(is_plain)
        };
        if !is_name(&self.split) {
            let expected = "up to 32 letters, digits, - and _";
            return Err(InvalidField::new("split", &self.split, expected).into());
        }
        let least = *self.objects.start();
        let most = *self.objects.end();
        if least == 0 || least > most || most > *OBJECTS.end() {
            let expected = format!("1 to {} objects", OBJECTS.end());
            return Err(InvalidField::new("objects", format!("{least} to {most}"), expected).into());
        }
        for (name, side) in [("width", self.width), ("height", self.height)] {
            if !SIDES.contains(&side) {
                let expected = format!("{} to {} pixels", SIDES.start(), SIDES.end());
                return Err(InvalidField::new(name, side, expected).into());
            }
        }
        Ok(())
    }

    /// The name of a picture.
    pub fn name(&self, index: u64) -> String {
        format!("CLEVR_{}_{index:06}.png", self.split)
    }

    /// Scene number `index`.
    ///
    /// # Errors
    /// As [`Sampler::check`]; pictures in which no such scene was found to fit.
    pub fn scene(&self, index: u64) -> Result<Sampled> {
        self.check()?;
        let mut rng = seeded(self.seed, &format!("scene {index}"));
        let count = rng.random_range(self.objects.clone());
        let mut moved = |most: f64| std::array::from_fn(|_| rng.random_range(-most..=most));
        let jitter: [f64; 3] = moved(CAMERA);
        let lamps = [moved(LAMP), moved(LAMP), moved(LAMP)];
        let place = std::array::from_fn(|axis: usize| PLACE[axis] + jitter[axis]);
        let camera = Camera { place, width: self.width, height: self.height };
        let shot = Shot { camera, lamps };
        let wrong = |reason| Error::Scene { image: self.name(index), reason };
        for _ in 0..BEGINNINGS {
            let Some(objects) = self.objects(count, &camera, &mut rng) else { continue };
            let stage = Stage::new(&objects, &shot).map_err(wrong)?;
            if self.all_show(&stage.mask(), count) {
                let scene = self.described(index, objects, &shot)?;
                return Ok(Sampled { scene, stage });
            }
        }
        Err(wrong(format!("was begun {BEGINNINGS} times and never had room for {count} objects")))
    }

    /// Objects with room between them; none where one has found no place.
    fn objects(&self, count: usize, camera: &Camera, rng: &mut impl Rng) -> Option<Vec<Object>> {
        let directions = camera.directions();
        let axes = [Relation::Right, Relation::Behind].map(|axis| directions.get(axis.word()));
        let [Some(right), Some(behind)] = axes else { return None };
        let mut objects: Vec<Object> = Vec::with_capacity(count);
        for _ in 0..count {
            let size = *Size::ALL.choose(rng)?;
            let is_free = |x: f64, y: f64| {
                objects.iter().all(|other| {
                    let dx = x - other.coords[0];
                    let dy = y - other.coords[1];
                    let apart = |axis: &[f64; 3]| (dx * axis[0] + dy * axis[1]).abs() >= APART;
                    dx.hypot(dy) - half(size) - half(other.size) >= GAP
                        && apart(right)
                        && apart(behind)
                })
            };
            let mut places =
                (0..PLACES).map(|_| [rng.random_range(-EDGE..EDGE), rng.random_range(-EDGE..EDGE)]);
            let [x, y] = places.find(|[x, y]| is_free(*x, *y))?;
            let shape = *Shape::ALL.choose(rng)?;
            let color = *Cogent::colors(self.cogent, shape).choose(rng)?;
            let material = *Material::ALL.choose(rng)?;
            let coords = [x, y, half(size)];
            objects.push(Object {
                color,
                size,
                rotation: Some(rng.random_range(0.0..360.0)),
                shape,
                coords,
                material,
                pixel_coords: camera.pixel(coords),
                rest: Map::new(),
            });
        }
        Some(objects)
    }

    /// Whether enough shows of each of so many objects.
    fn all_show(&self, mask: &[u8], count: usize) -> bool {
        let mut pixels = vec![0; count + 1];
        mask.iter().for_each(|&number| pixels[usize::from(number)] += 1);
        pixels[1..].iter().all(|&pixels| pixels >= self.visible())
    }

    fn described(&self, index: u64, objects: Vec<Object>, shot: &Shot) -> Result<Scene> {
        let mut scene = Scene {
            image_index: index,
            objects,
            relationships: Default::default(),
            image_filename: self.name(index),
            split: Some(self.split.clone()),
            directions: shot.camera.directions(),
            rest: Map::new(),
        };
        shot.note(&mut scene);
        let related = scene.computed_relationships()?;
        let named = Relation::ALL.iter().map(|relation| relation.word().to_string()).zip(related);
        scene.relationships.0 = named.collect();
        Ok(scene)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Color;
    use std::collections::{BTreeMap, BTreeSet};

    fn small() -> Sampler {
        Sampler { width: 96, height: 72, ..Sampler::default() }
    }

    /// Two hundred scenes at the size of the original's rule: every rule is checked on what is
    /// written, not on what was drawn.
    #[test]
    fn the_rules_hold_on_every_scene() {
        let sampler = Sampler::default();
        assert_eq!(sampler.visible(), 89);
        let mut counts = BTreeMap::new();
        for index in 0..200 {
            let Sampled { scene, stage } = sampler.scene(index).unwrap();
            let count = scene.objects.len();
            *counts.entry(count).or_insert(0) += 1;
            let mask = stage.mask();
            let shows =
                |at: usize| mask.iter().filter(|&&number| usize::from(number) == at + 1).count();
            for (at, object) in scene.objects.iter().enumerate() {
                assert!(shows(at) >= 89, "scene {index}: {} pixels of object {at}", shows(at));
                assert_eq!(object.coords[2], half(object.size));
                assert!(object.coords[..2].iter().all(|side| side.abs() <= 3.0));
                for other in &scene.objects[..at] {
                    let way: [f64; 3] =
                        std::array::from_fn(|axis| object.coords[axis] - other.coords[axis]);
                    let room = way[0].hypot(way[1]) - half(object.size) - half(other.size);
                    assert!(room >= 0.25, "scene {index}: {room}");
                    for axis in ["left", "right", "behind", "front"]
                        .map(|name| scene.directions.get(name).unwrap())
                    {
                        let along = way[0] * axis[0] + way[1] * axis[1];
                        assert!(along.abs() >= 0.4, "scene {index}: {along}");
                    }
                }
                // The middle of an object shows it, or what stands before it.
                let [column, row] = object.pixel().map(|pixel| pixel as usize);
                let middle = usize::from(mask[row * sampler.width + column]);
                let distance = |at: usize| scene.objects[at].pixel_coords[2].as_f64().unwrap();
                assert!(
                    middle == at + 1 || middle > 0 && distance(middle - 1) < distance(at),
                    "scene {index}"
                );
            }
            // Each pair is left or right, and behind or in front: the graph is whole.
            let graph = scene.graph().unwrap();
            for at in 0..count {
                let both = |a, b| graph.related(a, at).len() + graph.related(b, at).len();
                assert_eq!(both(Relation::Left, Relation::Right), count - 1);
                assert_eq!(both(Relation::Behind, Relation::Front), count - 1);
            }
        }
        // Eight counts, each 25 times in the mean.
        assert!(counts.keys().copied().eq(OBJECTS), "{counts:?}");
        assert!(counts.values().all(|&count| (10..45).contains(&count)), "{counts:?}");
    }

    #[test]
    fn a_scene_is_a_function_of_its_seed_and_number() {
        let sampler = small();
        let scene = |sampler: &Sampler, index| sampler.scene(index).unwrap().scene;
        assert_eq!(scene(&sampler, 4), scene(&sampler, 4));
        assert_ne!(scene(&sampler, 4).objects, scene(&sampler, 5).objects);
        let other = Sampler { seed: 2, ..small() };
        assert_ne!(scene(&sampler, 4).objects, scene(&other, 4).objects);
    }

    /// Under a condition each shape has just the colours that it may have, and all of those.
    #[test]
    fn conditions_are_kept() {
        let cold = [Color::Gray, Color::Blue, Color::Brown, Color::Yellow];
        for (condition, cold_shape, warm_shape) in
            [(Cogent::A, Shape::Cube, Shape::Cylinder), (Cogent::B, Shape::Cylinder, Shape::Cube)]
        {
            let sampler = Sampler { cogent: Some(condition), ..small() };
            let mut seen: BTreeMap<Shape, BTreeSet<Color>> = BTreeMap::new();
            for index in 0..40 {
                for object in sampler.scene(index).unwrap().scene.objects {
                    seen.entry(object.shape).or_default().insert(object.color);
                }
            }
            assert!(
                seen[&cold_shape].iter().eq(BTreeSet::from(cold).iter()),
                "{condition}: {seen:?}"
            );
            assert_eq!(seen[&warm_shape].len(), 4);
            assert!(seen[&warm_shape].is_disjoint(&seen[&cold_shape]), "{condition}: {seen:?}");
            assert_eq!(seen[&Shape::Sphere].len(), 8);
        }
        assert_eq!("c".parse::<Cogent>().unwrap_err().to_string(), "\"c\", expected a or b");
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let check = |sampler: Sampler| sampler.scene(0).unwrap_err().to_string();
        for (sampler, expected) in [
            (Sampler { split: "../x".into(), ..small() }, "split"),
            (Sampler { objects: 3..=11, ..small() }, "3 to 11"),
            (Sampler { objects: 0..=2, ..small() }, "0 to 2"),
            (Sampler { width: 8, ..small() }, "width"),
            (Sampler { height: 100_000, ..small() }, "height"),
        ] {
            let text = check(sampler);
            assert!(text.contains(expected) && text.contains("expected"), "{text}");
        }
    }
}
