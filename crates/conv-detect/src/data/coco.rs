//! COCO's annotations (Lin et al. 2014): JSON of images, categories and instances with polygons or
//! run-lengths.

use super::{Dataset, Example, Object};
use crate::{BoundingBox, Error, Result, RunLength};
use conv_vision::{Limits, Picture};
use rayon::prelude::*;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    #[serde(default)]
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: u64,
    file_name: String,
    width: usize,
    height: usize,
}

#[derive(Deserialize)]
struct Annotation {
    id: u64,
    image_id: u64,
    category_id: u64,
    bbox: Option<[f64; 4]>,
    segmentation: Option<Segmentation>,
    area: Option<f64>,
    #[serde(default)]
    iscrowd: u8,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Segmentation {
    Polygons(Vec<Vec<f64>>),
    Runs(RunLength),
    /// Anything else, such as run-lengths that lie: the object is left out, and the rest is read.
    Other(serde_json::Value),
}

#[derive(Deserialize)]
struct Category {
    id: u64,
    name: String,
}

/// The file of annotations that `path` is or holds; none where it is neither.
pub(super) fn annotations(path: &Path) -> Result<Option<PathBuf>> {
    if path.is_file() {
        return Ok(Some(path.to_path_buf()));
    }
    let Ok(entries) = path.join("annotations").read_dir() else { return Ok(None) };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("instances_") && name.ends_with(".json")
    });
    files.sort();
    match files.len() {
        0 | 1 => Ok(files.pop()),
        _ => {
            let names =
                files.iter().map(|file| file.file_name().unwrap_or_default().to_string_lossy());
            let reason = format!("{}, expected one: name it", names.collect::<Vec<_>>().join(", "));
            Err(Error::Annotations { path: path.join("annotations"), reason })
        }
    }
}

/// Where the pictures of a file of annotations may be.
fn folders(file: &Path) -> Vec<PathBuf> {
    let own = file.parent().unwrap_or(Path::new("")).to_path_buf();
    let beside = own.parent().map(Path::to_path_buf).unwrap_or_default();
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = stem.split_once('_').map_or(&*stem, |(_, name)| name);
    vec![beside.join(name), beside.join("images"), own.join("images"), own]
}

pub(super) fn read(file: &Path, limits: &Limits) -> Result<Dataset> {
    let text = conv_hub::folder::text(file)?;
    let wrong = |reason: String| Error::Annotations { path: file.to_path_buf(), reason };
    let File { images, annotations, categories } =
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if categories.is_empty() {
        return Err(wrong("no categories, expected at least one".into()));
    }
    // The list says what a class is, not what occurs.
    let mut classes = BTreeMap::new();
    for (class, category) in categories.iter().enumerate() {
        if classes.insert(category.id, class).is_some() {
            return Err(wrong(format!("category {} comes twice", category.id)));
        }
    }
    let mut left_out = Vec::new();
    let known: BTreeSet<u64> = images.iter().map(|image| image.id).collect();
    let mut of_image: BTreeMap<u64, Vec<&Annotation>> = BTreeMap::new();
    for annotation in &annotations {
        if known.contains(&annotation.image_id) {
            of_image.entry(annotation.image_id).or_default().push(annotation)
        } else {
            left_out.push(format!(
                "annotation {}: there is no image {}",
                annotation.id, annotation.image_id
            ))
        }
    }
    let places = folders(file);
    let read = |image: &Image| {
        let own = of_image.get(&image.id).map_or(&[][..], Vec::as_slice);
        example(&places, image, own, &classes, limits)
    };
    let read: Vec<Result<(Example, Vec<String>)>> = images.par_iter().map(read).collect();
    let mut examples = Vec::new();
    for (image, read) in images.iter().zip(read) {
        match read {
            Ok((example, objects)) => {
                examples.push(example);
                left_out.extend(objects);
            }
            Err(error) => left_out.push(format!("image {}: {error}", image.id)),
        }
    }
    Ok(Dataset {
        name: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        labels: categories.iter().map(|category| category.name.clone()).collect(),
        categories: categories.iter().map(|category| category.id).collect(),
        attributes: Vec::new(),
        measures: Vec::new(),
        examples,
        left_out,
    })
}

/// An image with its objects, and which of these were left out.
fn example(
    folders: &[PathBuf],
    image: &Image,
    annotations: &[&Annotation],
    classes: &BTreeMap<u64, usize>,
    limits: &Limits,
) -> Result<(Example, Vec<String>)> {
    let name = Path::new(&image.file_name);
    let wrong = |reason: String| Error::Annotations { path: name.to_path_buf(), reason };
    if !name.components().all(|part| matches!(part, std::path::Component::Normal(_))) {
        return Err(wrong("expected a path within the folder".into()));
    }
    let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    let path = found.ok_or_else(|| wrong("is missing".into()))?;
    let picture = Picture::open(&path, limits)?;
    let width = picture.width();
    let height = picture.height();
    if (width, height) != (image.width, image.height) {
        let found = format!("{width} × {height} pixels as it is looked at");
        let expected = format!("{} × {}", image.width, image.height);
        return Err(wrong(format!("{found}, expected {expected} as annotated")));
    }
    let mut objects = Vec::new();
    let mut left_out = Vec::new();
    for annotation in annotations {
        match object(annotation, (width, height), classes) {
            Ok(object) => objects.push(object),
            Err(reason) => {
                left_out
                    .push(format!("image {}, annotation {}: {reason}", image.id, annotation.id));
            }
        }
    }
    Ok((Example { id: image.id, path, width, height, objects }, left_out))
}

/// An annotation that can be learnt or measured, or why it cannot.
fn object(
    annotation: &Annotation,
    (width, height): (usize, usize),
    classes: &BTreeMap<u64, usize>,
) -> Result<Object, String> {
    let category = annotation.category_id;
    let class =
        *classes.get(&category).ok_or_else(|| format!("there is no category {category}"))?;
    let mask = match &annotation.segmentation {
        None => return Err("has no segmentation".into()),
        Some(Segmentation::Polygons(polygons)) => {
            // Of several parts those of two points are nothing.
            let parts = polygons.iter().filter(|corners| corners.len() >= 6);
            let parts = parts.map(|corners| RunLength::from_polygon(corners, width, height));
            let parts: Vec<RunLength> = parts.collect::<Result<_>>().map_err(|e| e.to_string())?;
            RunLength::union(&parts).ok_or("has no polygon of three points")?
        }
        Some(Segmentation::Runs(runs)) => runs.clone(),
        Some(Segmentation::Other(value)) => {
            // Once more, for the reason.
            let error = RunLength::deserialize(value).err().map(|error| error.to_string());
            return Err(error.unwrap_or_else(|| "has a segmentation of no known form".into()));
        }
    };
    if (mask.width(), mask.height()) != (width, height) {
        let found = format!("a mask of {} × {} pixels", mask.width(), mask.height());
        return Err(format!("{found}, expected {width} × {height}"));
    }
    let bounding_box = match annotation.bbox {
        Some(xywh) => BoundingBox::from_xywh(xywh.map(|number| number as f32)),
        None => mask.bitmap().bounding_box().ok_or("has a mask without pixels")?,
    };
    let clipped = bounding_box.clipped(width as f32, height as f32);
    if !(clipped.is_at_least(f32::MIN_POSITIVE) && bounding_box.is_at_least(f32::MIN_POSITIVE)) {
        let [x, y, box_width, box_height] = bounding_box.xywh();
        return Err(format!("a box of {box_width} × {box_height} pixels at ({x}, {y})"));
    }
    let area = annotation.area.filter(|area| area.is_finite()).unwrap_or(mask.area() as f64);
    let (crowd, bounding_box) = (annotation.iscrowd != 0, clipped);
    Ok(Object {
        bounding_box,
        mask,
        area,
        crowd,
        class,
        attributes: Vec::new(),
        measures: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::fs;

    fn annotation(id: u64, category: u64, bbox: [f64; 4]) -> Value {
        let [x, y, w, h] = bbox;
        let polygon = [x, y, x + w, y, x + w, y + h, x, y + h];
        json!({ "id": id, "image_id": 3, "category_id": category, "bbox": bbox, "segmentation": [polygon], "area": w * h, "iscrowd": 0 })
    }

    /// A picture of 12 × 9 pixels, number 3, with these annotations, in COCO's layout.
    fn read_of(categories: &Value, annotations: &[Value]) -> Result<Dataset> {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        for part in ["annotations", "mine"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        let png = Picture::new(12, 9, vec![7; 324]).unwrap().to_png().unwrap();
        fs::write(folder.join("mine/a.png"), png).unwrap();
        let images = [
            json!({ "id": 3, "file_name": "a.png", "width": 12, "height": 9 }),
            json!({ "id": 4, "file_name": "b.png", "width": 12, "height": 9 }),
            json!({ "id": 5, "file_name": "a.png", "width": 9, "height": 12 }),
            json!({ "id": 6, "file_name": "../a.png", "width": 12, "height": 9 }),
        ];
        let file =
            json!({ "images": images, "annotations": annotations, "categories": categories });
        fs::write(folder.join("annotations/instances_mine.json"), file.to_string()).unwrap();
        Dataset::open(folder, &Limits::default())
    }

    #[test]
    fn labels_follow_the_list_of_categories() -> Result<()> {
        let categories = json!([{ "id": 10, "name": "b" }, { "id": 0, "name": "a" }]);
        let data = read_of(&categories, &[annotation(1, 0, [1.0, 1.0, 4.0, 3.0])])?;
        assert_eq!(
            (data.labels, data.categories),
            (vec!["b".to_string(), "a".into()], vec![10, 0])
        );
        let object = &data.examples[0].objects[0];
        assert_eq!((object.class, object.area, object.mask.area()), (1, 12.0, 12));
        assert_eq!(object.bounding_box, BoundingBox::new(1.0, 1.0, 5.0, 4.0));
        // Pictures that are missing, of another size, or outside are named by their numbers.
        for (at, text) in
            ["image 4: b.png: is missing", "image 5: a.png: 12 × 9", "image 6: ../a.png"]
                .iter()
                .enumerate()
        {
            assert!(data.left_out[at].starts_with(text), "{:?}", data.left_out);
        }
        let twice = json!([{ "id": 1, "name": "a" }, { "id": 1, "name": "b" }]);
        assert!(
            read_of(&twice, &[]).is_err_and(|e| e.to_string().ends_with("category 1 comes twice"))
        );
        Ok(())
    }

    #[test]
    fn a_turned_picture_is_annotated_as_it_is_looked_at() {
        let place = tempfile::tempdir().unwrap();
        // 24 × 16 pixels, and a tag that says to turn them by 90°.
        let turned = include_bytes!("../../../conv-vision/tests/reference/turned.jpg");
        fs::write(place.path().join("a.jpg"), turned).unwrap();
        let read = |width: usize, height: usize| {
            let image = json!({ "id": 3, "file_name": "a.jpg", "width": width, "height": height });
            let annotation = annotation(1, 1, [2.0, 18.0, 9.0, 5.0]);
            let categories = [json!({ "id": 1, "name": "a" })];
            let file =
                json!({ "images": [image], "annotations": [annotation], "categories": categories });
            fs::write(place.path().join("instances.json"), file.to_string()).unwrap();
            super::read(&place.path().join("instances.json"), &Limits::default()).unwrap()
        };
        let data = read(16, 24);
        let object = &data.examples[0].objects[0];
        assert_eq!((data.examples[0].width, object.mask.height()), (16, 24));
        assert_eq!((object.bounding_box.bottom, object.mask.area()), (23.0, 45));
        assert!(read(24, 16).left_out[0].contains("16 × 24 pixels as it is looked at"));
    }

    #[test]
    fn annotations_that_cannot_be_used_are_named_and_the_rest_is_read() -> Result<()> {
        let categories = json!([{ "id": 1, "name": "a" }]);
        let with = |id, key: &str, value: Value| {
            let mut annotation = annotation(id, 1, [1.0, 1.0, 4.0, 3.0]);
            annotation[key] = value;
            annotation
        };
        let runs = |counts: Value| json!({ "size": [9, 12], "counts": counts });
        let data = read_of(
            &categories,
            &[
                annotation(1, 1, [2.0, 2.0, 0.0, 3.0]),
                with(2, "category_id", json!(9)),
                with(3, "image_id", json!(77)),
                with(4, "segmentation", json!([[1.0, 1.0, 2.0, 2.0]])),
                with(5, "segmentation", runs(json!([5]))),
                with(6, "segmentation", json!({ "size": [1_000_000_000, 1], "counts": [0] })),
                with(7, "bbox", json!([50.0, 50.0, 4.0, 4.0])),
                with(8, "segmentation", runs(json!([10, 3, 95]))),
                with(9, "iscrowd", json!(1)),
            ],
        )?;
        assert_eq!(data.objects(), 2);
        assert_eq!(data.examples[0].objects[0].mask.area(), 3);
        assert!(data.examples[0].objects[1].crowd);
        let expected = [
            "annotation 3: there is no image 77",
            "image 3, annotation 1: a box of 0 × 3 pixels",
            "image 3, annotation 2: there is no category 9",
            "image 3, annotation 4: has no polygon of three points",
            "image 3, annotation 5: runs of 5 pixels, expected 108",
            "image 3, annotation 6: a size of 1 × 1000000000 pixels",
            "image 3, annotation 7: a box of 4 × 4 pixels at (50, 50)",
        ];
        for (found, expected) in data.left_out.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
        Ok(())
    }
}
