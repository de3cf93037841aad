//! Annotations that nobody wrote in good faith: whatever stands in a file, reading it ends in
//! objects that can be learnt or in a text that names what is wrong, and never takes more memory
//! than the file and its pictures have.
#![allow(clippy::unwrap_used)]

use conv_detect::{Dataset, Limits, Picture, RunLength};
use conv_nn::rng::seeded;
use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const SIDES: (usize, usize) = (12, 9);

/// A folder with the picture `a.png` and its masks.
fn folder() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let png = |value| Picture::new(SIDES.0, SIDES.1, vec![value; 324]).unwrap().to_png().unwrap();
    for (part, value) in [("images", 7), ("masks", 1)] {
        fs::create_dir(place.path().join(part)).unwrap();
        fs::write(place.path().join(part).join("a.png"), png(value)).unwrap();
    }
    place
}

/// What is read from a file of annotations, or what is said of it.
fn read(folder: &Path, text: &[u8]) -> Result<Dataset, String> {
    let file = folder.join("instances_images.json");
    fs::write(&file, text).unwrap();
    Dataset::open(&file, &Limits::default()).map_err(|error| error.to_string())
}

/// Every object can be learnt.
fn check(data: &Dataset) {
    for example in &data.examples {
        assert_eq!((example.width, example.height), SIDES);
        for object in &example.objects {
            let found = object.bounding_box;
            assert!(found.is_at_least(f32::MIN_POSITIVE), "{found:?}");
            assert_eq!(found.clipped(SIDES.0 as f32, SIDES.1 as f32), found);
            assert!(object.class < data.labels.len() && object.area.is_finite());
            assert_eq!((object.mask.width(), object.mask.height()), SIDES);
        }
    }
}

fn coco() -> Value {
    let annotation = |id: u64, segmentation: Value| json!({ "id": id, "image_id": 3, "category_id": 1 + id % 2, "bbox": [1.5, 1, 4, 3], "segmentation": segmentation, "area": 12.0, "iscrowd": 0 });
    json!({
        "images": [{ "id": 3, "file_name": "a.png", "width": 12, "height": 9 }],
        "categories": [{ "id": 1, "name": "a" }, { "id": 2, "name": "b" }],
        "annotations": [
            annotation(1, json!([[1, 1, 5, 1, 5, 4, 1, 4], [7, 7, 9, 7, 8, 8.5]])),
            annotation(2, json!({ "size": [9, 12], "counts": [10, 3, 95] })),
            annotation(3, json!({ "size": [9, 12], "counts": ":3o2" })),
        ],
    })
}

fn scenes() -> Value {
    json!({ "scenes": [{
        "image_index": 4, "image_filename": "a.png",
        "objects": [{ "shape": "cube", "color": "red", "3d_coords": [2.0, 3.0, 0.7] }],
        "directions": { "right": [1.0, 0.0, 0.0], "front": [0.0, -1.0, 0.0] },
    }] })
}

/// Values that a reader may not have thought of.
const VALUES: [&str; 16] = [
    "0",
    "-1",
    "1e308",
    "-0.0",
    "1e-320",
    "18446744073709551615",
    "4294967296",
    "1000000000",
    "null",
    "[]",
    "{}",
    "\"\"",
    "true",
    "[[]]",
    "[[1,1,2,2]]",
    "\"../a.png\"",
];

/// The text with some of its bytes or values changed.
fn changed(text: &str, rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..bytes.len().max(1));
        if at >= bytes.len() {
            break;
        }
        match rng.random_range(0..8) {
            0 => bytes[at] = rng.random(),
            1 => drop(bytes.remove(at)),
            2 => bytes.truncate(at.max(1)),
            3..6 => {
                let digit = bytes[at..].iter().position(u8::is_ascii_digit);
                digit
                    .into_iter()
                    .for_each(|digit| bytes[at + digit] = b'0' + rng.random_range(0..10u8));
            }
            _ => {
                // In place of a whole value: what is between two of JSON's own signs.
                let is_sign = |byte: &u8| b",:[]{}".contains(byte);
                let start = bytes[..at].iter().rposition(is_sign).map_or(0, |sign| sign + 1);
                let end =
                    bytes[at..].iter().position(is_sign).map_or(bytes.len(), |sign| at + sign);
                let value = VALUES.choose(rng).unwrap();
                bytes.splice(start..end.max(start), value.bytes());
            }
        }
    }
    bytes
}

#[test]
fn no_change_of_a_file_ends_in_anything_but_objects_or_a_text() {
    let place = folder();
    let mut rng = seeded(21, "hostile");
    let text = coco().to_string();
    assert_eq!(read(place.path(), text.as_bytes()).unwrap().objects(), 3);
    let (mut read_well, mut refused) = (0, 0);
    for _ in 0..3000 {
        match read(place.path(), &changed(&text, &mut rng)) {
            Ok(data) => {
                check(&data);
                read_well += 1;
            }
            Err(reason) => {
                assert!(reason.len() > 10, "{reason}");
                refused += 1;
            }
        }
    }
    // Both happen: what is changed is neither all nor nothing.
    assert!(read_well > 300 && refused > 300, "{read_well} and {refused}");
    let text = scenes().to_string();
    for _ in 0..1000 {
        fs::write(place.path().join("scenes.json"), changed(&text, &mut rng)).unwrap();
        if let Ok(data) = Dataset::open(place.path(), &Limits::default()) {
            check(&data);
        }
    }
}

#[test]
fn no_text_as_run_lengths_ends_in_anything_but_a_mask_or_a_text() {
    let mut rng = seeded(21, "runs");
    let plain = r#"{"size":[9,12],"counts":[10,3,95]}"#;
    let compressed = r#"{"size":[9,12],"counts":":3o2"}"#;
    let mut masks = 0;
    for number in 0..20_000 {
        let bytes = changed(if number % 2 == 0 { plain } else { compressed }, &mut rng);
        let Ok(runs) = serde_json::from_slice::<RunLength>(&bytes) else { continue };
        let pixels: usize = runs.counts().iter().map(|&count| count as usize).sum();
        assert_eq!(pixels, runs.width() * runs.height());
        let text = serde_json::to_string(&runs).unwrap();
        assert_eq!(serde_json::from_str::<RunLength>(&text).unwrap(), runs);
        masks += 1;
    }
    assert!(masks > 0);
}

#[test]
fn what_claims_to_be_large_is_refused_before_memory_is_asked_for() {
    let place = folder();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut file = coco();
        change(&mut file);
        read(place.path(), file.to_string().as_bytes())
    };
    let left_out = |segmentation: Value| {
        let data = with(&|file| file["annotations"][1]["segmentation"] = segmentation.clone());
        let data = data.unwrap();
        check(&data);
        assert_eq!(data.objects(), 2);
        data.left_out[0].clone()
    };
    let size = |rows: u64, columns: u64, counts: Value| {
        left_out(json!({ "size": [rows, columns], "counts": counts }))
    };
    assert!(size(1_000_000_000, 1, json!([1_000_000_000])).contains("at most 100000000"));
    assert!(size(u64::MAX, u64::MAX, json!([1])).contains("at most 100000000"));
    assert!(size(9, 12, json!([u64::MAX, u64::MAX])).contains("more than 2⁶⁴"));
    assert!(size(9, 12, json!([107])).contains("runs of 107 pixels, expected 108"));
    // A mask of a size that may be, but is not its picture's.
    assert!(size(10_000, 10_000, json!([100_000_000])).contains("expected 12 × 9"));
    // Corners that go to and fro far outside ask for as many points as one likes.
    let zigzag: Vec<i32> = (0..100_000).flat_map(|at| [at % 7, at % 2 * 9000]).collect();
    assert!(left_out(json!([zigzag])).contains("a boundary of"));
    // A picture that claims a billion pixels is the one that is there.
    let data = with(&|file| file["images"][0]["width"] = json!(1_000_000_000));
    assert!(data.unwrap().left_out[0].contains("expected 1000000000 × 9 as annotated"));
}

#[test]
fn json_of_any_depth_is_an_error_with_its_place() {
    let place = folder();
    for inner in ["[", "{\"a\":", "[[[["] {
        let deep = inner.repeat(200_000);
        for text in [deep.clone(), format!("{{\"images\":{deep}"), {
            let whole = coco().to_string();
            whole.replacen("[[1,1,", &format!("{deep}[[1,1,"), 1)
        }] {
            let reason = read(place.path(), text.as_bytes()).err().unwrap_or_default();
            assert!(reason.contains("instances_images.json: ") && reason.len() < 400, "{reason}");
        }
    }
}

#[test]
fn degenerate_boxes_and_unknown_numbers_are_named_and_the_rest_is_read() {
    let place = folder();
    let with = |field: &str, value: Value| {
        let mut file = coco();
        file["annotations"][0][field] = value;
        let data = read(place.path(), file.to_string().as_bytes()).unwrap();
        check(&data);
        (data.objects(), data.left_out.join("; "))
    };
    for bbox in [
        json!([220.8, 1, 0, 3]),
        json!([3, 3, -2, 4]),
        json!([1e30, 0, 1e30, 4]),
        json!([1e308, 1, 1e308, 1]),
        json!([-50, -50, 10, 10]),
    ] {
        let (objects, left_out) = with("bbox", bbox.clone());
        assert_eq!(objects, 2, "{bbox}");
        assert!(left_out.starts_with("image 3, annotation 1: a box of"), "{bbox}: {left_out}");
    }
    let points = json!([[1, 1, 5, 1], [2, 2, 2, 2]]);
    let named = [
        ("category_id", json!(99), "there is no category 99"),
        ("image_id", json!(99), "there is no image 99"),
        ("segmentation", points, "has no polygon of three points"),
        ("segmentation", Value::Null, "has no segmentation"),
        ("segmentation", json!("text"), "annotation 1"),
        ("segmentation", json!([["a"]]), "annotation 1"),
    ];
    for (field, value, expected) in named {
        let (objects, left_out) = with(field, value.clone());
        assert!(objects == 2 && left_out.contains(expected), "{field} {value}: {left_out}");
    }
}
