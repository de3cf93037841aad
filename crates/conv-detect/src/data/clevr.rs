//! CLEVR's layout (Johnson et al. 2017) with instance masks. All objects are of one class; what
//! they are like are attributes.

use super::masks::InstanceMasks;
use super::{Dataset, Example, Object};
use crate::config::{Attribute, Measure};
use crate::{Error, Result, RunLength};
use conv_vision::Limits;
use rayon::prelude::*;
use serde::Deserialize;
use std::path::Path;

pub(super) const SCENES: &str = "scenes.json";

/// CLEVR's words.
const WORDS: [(&str, &[&str]); 4] = [
    ("shape", &["cube", "cylinder", "sphere"]),
    ("color", &["blue", "brown", "cyan", "gray", "green", "purple", "red", "yellow"]),
    ("material", &["metal", "rubber"]),
    ("size", &["large", "small"]),
];

#[derive(Deserialize)]
struct Scenes {
    scenes: Vec<Scene>,
}

#[derive(Deserialize)]
struct Scene {
    image_index: u64,
    image_filename: String,
    objects: Vec<SceneObject>,
    directions: Option<Directions>,
}

#[derive(Deserialize)]
struct SceneObject {
    shape: Option<String>,
    color: Option<String>,
    material: Option<String>,
    size: Option<String>,
    #[serde(rename = "3d_coords")]
    place: Option<[f32; 3]>,
}

#[derive(Deserialize)]
struct Directions {
    right: [f32; 3],
    front: [f32; 3],
}

pub(super) fn read(folder: &Path, limits: &Limits) -> Result<Dataset> {
    let path = folder.join(SCENES);
    let text = conv_hub::folder::text(&path)?;
    let wrong = |reason: String| Error::Annotations { path: path.clone(), reason };
    let Scenes { scenes } =
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let read = |scene: &Scene| example(folder, scene, limits);
    let read: Vec<Result<(Example, Vec<String>)>> = scenes.par_iter().map(read).collect();
    let mut examples = Vec::new();
    let mut left_out = Vec::new();
    for (scene, read) in scenes.iter().zip(read) {
        match read {
            Ok((example, objects)) => {
                examples.push(example);
                left_out.extend(objects);
            }
            Err(error) => left_out.push(format!("scene {}: {error}", scene.image_index)),
        }
    }
    let attribute = |(name, values): &(&str, &[&str])| Attribute {
        name: (*name).into(),
        values: values.iter().map(|value| (*value).into()).collect(),
    };
    let measure = |(name, mirrors): (&str, bool)| Measure { name: name.into(), mirrors };
    Ok(Dataset {
        name: folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned(),
        labels: vec!["object".into()],
        categories: Vec::new(),
        attributes: WORDS.iter().map(attribute).collect(),
        // Where an object stands, along the scene's own directions: what "right of" and "in front
        // of" compare.
        measures: [("right", true), ("front", false)].map(measure).into(),
        examples,
        left_out,
    })
}

/// A scene's picture, and which of its objects were left out.
fn example(folder: &Path, scene: &Scene, limits: &Limits) -> Result<(Example, Vec<String>)> {
    let wrong = |reason: String| Error::Annotations { path: folder.join(SCENES), reason };
    let name = Path::new(&scene.image_filename);
    if name.file_name() != Some(name.as_os_str()) {
        let reason =
            format!("image_filename is {:?}, expected the name of a file", scene.image_filename);
        return Err(wrong(reason));
    }
    if scene.objects.len() > 255 {
        return Err(wrong(format!("{} objects, expected at most 255", scene.objects.len())));
    }
    let path = folder.join("images").join(name);
    let masks = InstanceMasks::open(&path, limits)?;
    let (width, height) = masks.sides();
    let bitmaps = masks.of(scene.objects.len());
    let mut objects = Vec::new();
    let mut left_out = Vec::new();
    for (at, (object, bitmap)) in scene.objects.iter().zip(&bitmaps).enumerate() {
        let place = format!("scene {}, object {at}", scene.image_index);
        let Some(bounding_box) = bitmap.bounding_box() else {
            left_out.push(format!("{place}: no pixel in {}", masks.path.display()));
            continue;
        };
        let words = [&object.shape, &object.color, &object.material, &object.size];
        let known = |((name, values), word): (&(&str, &[&str]), &Option<String>)| {
            let Some(word) = word else { return Ok(None) };
            let found = values.iter().position(|value| value == word);
            let found = found.ok_or_else(|| {
                wrong(format!("{place}: {name} is {word:?}, expected one of {}", values.join(", ")))
            })?;
            Ok(Some(found as u32))
        };
        let attributes = WORDS.iter().zip(words).map(known).collect::<Result<_>>()?;
        let along = |direction: fn(&Directions) -> [f32; 3]| {
            let place = object.place?;
            let directions = scene.directions.as_ref()?;
            let along = place.iter().zip(direction(directions)).map(|(a, b)| a * b).sum::<f32>();
            along.is_finite().then_some(along)
        };
        let measures = vec![along(|d| d.right), along(|d| d.front)];
        let mask = RunLength::from(bitmap);
        let area = mask.area() as f64;
        objects.push(Object {
            bounding_box,
            mask,
            area,
            crowd: false,
            class: 0,
            attributes,
            measures,
        });
    }
    Ok((Example { id: scene.image_index, path, width, height, objects }, left_out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BoundingBox;
    use conv_vision::Picture;
    use serde_json::{Value, json};
    use std::fs;

    /// A folder of one scene of two objects, whose mask holds `values` in 4 × 3 pixels.
    fn write(folder: &Path, scenes: &Value, values: &[u8; 12]) {
        for part in ["images", "masks"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        let grey = |values: &[u8]| values.iter().flat_map(|value| [*value; 3]).collect();
        let png = |pixels| Picture::new(4, 3, pixels).unwrap().to_png().unwrap();
        fs::write(folder.join("images/a.png"), png(vec![9; 36])).unwrap();
        fs::write(folder.join("masks/a.png"), png(grey(values))).unwrap();
        fs::write(folder.join(SCENES), scenes.to_string()).unwrap();
    }

    fn scene(objects: &[Value]) -> Value {
        let directions = json!({ "right": [1.0, 0.0, 0.0], "front": [0.0, -1.0, 0.0] });
        let file = "a.png";
        let scene = json!({ "image_index": 4, "image_filename": file, "objects": objects, "directions": directions });
        json!({ "scenes": [scene] })
    }

    fn cube() -> Value {
        json!({ "shape": "cube", "color": "red", "material": "metal", "size": "large", "3d_coords": [2.0, 3.0, 0.7] })
    }

    #[test]
    fn masks_and_words_become_objects() -> Result<()> {
        let place = tempfile::tempdir().unwrap();
        write(place.path(), &scene(&[cube(), json!({})]), &[0, 1, 1, 0, 0, 1, 2, 0, 0, 0, 2, 2]);
        let data = read(place.path(), &Limits::default())?;
        assert!(data.left_out.is_empty(), "{:?}", data.left_out);
        let objects = &data.examples[0].objects;
        assert_eq!(objects[0].bounding_box, BoundingBox::new(1.0, 0.0, 3.0, 2.0));
        assert_eq!(objects[0].mask.area(), 3);
        assert_eq!(objects[0].attributes, [Some(0), Some(6), Some(0), Some(0)]);
        assert_eq!(objects[0].measures, [Some(2.0), Some(-3.0)]);
        assert_eq!(objects[1].bounding_box, BoundingBox::new(2.0, 1.0, 4.0, 3.0));
        assert_eq!(objects[1].attributes, [None; 4]);
        assert_eq!(data.part(super::super::Part::Train).examples.len(), 0);
        assert_eq!(data.part(super::super::Part::HeldOut).objects(), 2);
        Ok(())
    }

    #[test]
    fn what_cannot_be_used_is_named_and_left_out() -> Result<()> {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        let read = |scenes: &Value| {
            write(folder, scenes, &[1; 12]);
            read(folder, &Limits::default())
        };
        // An object that nobody sees leaves the others.
        let data = read(&scene(&[cube(), cube()]))?;
        assert_eq!(data.objects(), 1);
        assert!(data.left_out[0].starts_with("scene 4, object 1: no pixel in"));
        // A word that is not CLEVR's, and a path out of the folder, leave the scene out.
        let mut other = cube();
        other["color"] = "pink".into();
        let data = read(&scene(&[other]))?;
        assert!(data.examples.is_empty() && data.left_out[0].contains("color is \"pink\""));
        let mut out = scene(&[cube()]);
        out["scenes"][0]["image_filename"] = "../a.png".into();
        assert!(read(&out)?.left_out[0].contains("expected the name of a file"));
        // A scene without objects is an example like others.
        assert_eq!(read(&scene(&[]))?.examples.len(), 1);
        // What is no list of scenes at all is an error, however deep.
        let text = |content: &str| {
            fs::write(folder.join(SCENES), content).unwrap();
            super::read(folder, &Limits::default()).err().map(|e| e.to_string()).unwrap_or_default()
        };
        assert!(text("{}").contains("missing field `scenes`"));
        let deep = format!("{{\"info\":{}", "[".repeat(100_000));
        assert!(text(&deep).contains("scenes.json: "));
        fs::remove_file(folder.join(SCENES)).unwrap();
        fs::remove_dir_all(folder.join("masks")).unwrap();
        let error = Dataset::open(folder, &Limits::default()).err().map(|e| e.to_string());
        assert!(error.unwrap_or_default().contains("holds images, expected scenes.json"));
        Ok(())
    }
}
