//! Boxes and places of rendered scenes: what [`Ground`](super::Ground) is fitted on.

use super::{Standing, WIDTH, as_read};
use crate::{Error, Relation, Result, Scene, SceneFile};
use conv_vision::{Limits, Picture};
use std::path::Path;

/// A box and the place that it stands on.
pub type Placed = (Standing, [f64; 2]);

/// The boxes and places of the objects of a folder with `scenes.json` and `masks/`, whose pixels
/// are an object's number and 1. A place is where the scene's own camera has it: right of and
/// behind the middle of the ground. Objects of which no pixel shows are left out. Each example
/// comes with its scene's number.
///
/// # Errors
/// Files that cannot be read, or a scene without directions.
pub fn rendered(folder: &Path) -> Result<Vec<(u64, Placed)>> {
    let mut examples = Vec::new();
    for scene in SceneFile::read(&folder.join("scenes.json"))?.scenes {
        let mask =
            Picture::open(&folder.join("masks").join(&scene.image_filename), &Limits::default())?;
        examples.extend(of_scene(&scene, &mask)?.into_iter().map(|one| (scene.image_index, one)));
    }
    Ok(examples)
}

fn of_scene(scene: &Scene, mask: &Picture) -> Result<Vec<(Standing, [f64; 2])>> {
    let axis = |relation: Relation| {
        scene.directions.get(relation.word()).ok_or_else(|| Error::Scene {
            image: scene.image_filename.clone(),
            reason: format!("has no direction {:?}", relation.word()),
        })
    };
    let axes = [axis(Relation::Right)?, axis(Relation::Behind)?];
    let scale = WIDTH as f64 / mask.width() as f64;
    // The rows of the picture as it is read; of the mask none is resized, lest numbers run into
    // each other.
    let height = as_read(mask)?.height() as f64;
    let boxes = bounds(mask, scene.objects.len());
    let example = |(object, bounds): (&crate::scene::Object, Option<[usize; 4]>)| {
        let along = |axis: &[f64; 3]| axis.iter().zip(object.coords).map(|(a, b)| a * b).sum();
        let bounds = bounds?.map(|edge| edge as f64 * scale);
        let (size, shape) = (object.size, object.shape);
        Some((Standing { bounds, height, size, shape }, axes.map(along)))
    };
    Ok(scene.objects.iter().zip(boxes).filter_map(example).collect())
}

/// Left, top, right and bottom of each object's pixels.
fn bounds(mask: &Picture, count: usize) -> Vec<Option<[usize; 4]>> {
    let mut boxes: Vec<Option<[usize; 4]>> = vec![None; count];
    for (at, pixel) in mask.pixels().chunks_exact(3).enumerate() {
        let x = at % mask.width();
        let y = at / mask.width();
        let Some(found) = usize::from(pixel[0]).checked_sub(1).and_then(|of| boxes.get_mut(of))
        else {
            continue;
        };
        let [left, top, right, bottom] = found.unwrap_or([x, y, x, y]);
        *found = Some([left.min(x), top.min(y), right.max(x + 1), bottom.max(y + 1)]);
    }
    boxes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_around_all_pixels_of_its_object() {
        let mut pixels = vec![0; 6 * 4 * 3];
        for (x, y, value) in [(1, 1, 1), (3, 2, 1), (5, 3, 2), (0, 0, 9)] {
            pixels[(y * 6 + x) * 3..][..3].fill(value);
        }
        let mask = Picture::new(6, 4, pixels).unwrap();
        assert_eq!(bounds(&mask, 3), [Some([1, 1, 4, 3]), Some([5, 3, 6, 4]), None]);
    }
}
