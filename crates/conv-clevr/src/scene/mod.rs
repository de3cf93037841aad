//! Scenes as CLEVR's files have them: read, checked and written unchanged.

mod beliefs;
mod graph;
mod ordered;

pub use beliefs::Beliefs;
pub(crate) use beliefs::{VALUES, place};
pub use graph::Graph;
pub use ordered::Ordered;

use crate::{Color, Error, Material, Relation, Result, Shape, Size, Traits, json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use std::path::Path;

/// How far, in units of the scene, an object must lie along a direction to be said to lie there:
/// the original's `eps`.
pub const MARGIN: f64 = 0.2;

/// An object of a scene, in v1.0's order of fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Its colour.
    pub color: Color,
    /// Its size.
    pub size: Size,
    /// How far it is turned about the vertical. The original draws a number of degrees and hands it
    /// to Blender, which takes it for radians: as such it turns what is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<f64>,
    /// Its shape.
    pub shape: Shape,
    /// Its centre, in units of the scene; the last is the height above the ground.
    #[serde(rename = "3d_coords")]
    pub coords: [f64; 3],
    /// Its material.
    pub material: Material,
    /// Its centre in the picture: column and row in pixels, from the upper left corner, and its
    /// distance from the camera.
    pub pixel_coords: [Number; 3],
    /// What else a file says of it.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Object {
    /// The four things that are said of it.
    pub fn traits(&self) -> Traits {
        let Self { color, size, shape, material, .. } = *self;
        Traits { size, color, material, shape }
    }

    /// Column and row of its centre in the picture, in pixels.
    pub fn pixel(&self) -> [f64; 2] {
        [0, 1].map(|axis: usize| self.pixel_coords[axis].as_f64().unwrap_or(f64::NAN))
    }
}

/// A scene, in v1.0's order of fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// Its number.
    pub image_index: u64,
    /// What is in it.
    pub objects: Vec<Object>,
    /// For `left`, `right`, `behind` and `front`: for each object those that lie there, seen from
    /// it.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    pub relationships: Ordered<Vec<Vec<usize>>>,
    /// The name of its picture.
    pub image_filename: String,
    /// The part of the data set that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Unit vectors by name: where left, right, behind, front, above and below are.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    pub directions: Ordered<[f64; 3]>,
    /// What else a file says of it.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Scene {
    /// For each relation, in the order of [`Relation::ALL`], and for each object, the objects that
    /// lie there, as the original computes them: those whose way from it along the scene's own
    /// direction is longer than [`MARGIN`].
    ///
    /// # Errors
    /// [`Error::Scene`], where the scene has no such direction.
    pub fn computed_relationships(&self) -> Result<[Vec<Vec<usize>>; 4]> {
        let mut computed = [const { Vec::new() }; 4];
        for (related, relation) in computed.iter_mut().zip(Relation::ALL) {
            let direction = self.directions.get(relation.word()).ok_or_else(|| {
                self.wrong(format!("has no direction {relation:?}, by which relations are told"))
            })?;
            let coords: Vec<_> = self.objects.iter().map(|object| object.coords).collect();
            *related = lie_along(&coords, direction);
        }
        Ok(computed)
    }

    /// What a program is executed on: traits and relations. The relations are those of the file, or
    /// computed where it has none.
    ///
    /// # Errors
    /// [`Error::Scene`]: lists that are not one an object, or name objects that the scene lacks,
    /// one twice, or itself.
    pub fn graph(&self) -> Result<Graph> {
        let related = if self.relationships.is_empty() {
            self.computed_relationships()?
        } else {
            let mut related = [const { Vec::new() }; 4];
            for (lists, relation) in related.iter_mut().zip(Relation::ALL) {
                let missing = || self.wrong(format!("has no relationships {:?}", relation.word()));
                *lists = self.relationships.get(relation.word()).ok_or_else(missing)?.clone();
            }
            related
        };
        let traits = self.objects.iter().map(Object::traits).collect();
        Graph::new(traits, related).map_err(|reason| self.wrong(reason))
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Scene { image: self.image_filename.clone(), reason }
    }
}

/// For each place those further along a direction by more than [`MARGIN`], as the original's
/// `compute_all_relationships`.
pub(crate) fn lie_along(coords: &[[f64; 3]], direction: &[f64; 3]) -> Vec<Vec<usize>> {
    let lies = |from: &[f64; 3], to: &[f64; 3]| {
        (0..3).map(|axis| (to[axis] - from[axis]) * direction[axis]).sum::<f64>() > MARGIN
    };
    let from = |at: usize| {
        let other = |&to: &usize| to != at && lies(&coords[at], &coords[to]);
        (0..coords.len()).filter(other).collect()
    };
    (0..coords.len()).map(from).collect()
}

/// A file of scenes: what `CLEVR_val_scenes.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneFile {
    /// Split, version, licence and date.
    #[serde(default)]
    pub info: Map<String, Value>,
    /// The scenes.
    pub scenes: Vec<Scene>,
}

impl SceneFile {
    /// Reads a file; the first scene that cannot be is named with its field.
    ///
    /// # Errors
    /// A file that cannot be read, or is not of this form.
    pub fn read(path: &Path) -> Result<Self> {
        json::read(path)
    }

    /// Writes it as v1.0's files are, without blanks.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        json::write(path, self)
    }

    /// The scene of a picture of this name.
    pub fn of_image(&self, name: &str) -> Option<&Scene> {
        self.scenes.iter().find(|scene| scene.image_filename == name)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A large red ball of rubber at a place.
    pub(crate) fn object(coords: [f64; 3]) -> Object {
        Object {
            color: Color::Red,
            size: Size::Large,
            rotation: None,
            shape: Shape::Sphere,
            coords,
            material: Material::Rubber,
            pixel_coords: [0, 0, 0].map(Number::from),
            rest: Map::new(),
        }
    }
}
